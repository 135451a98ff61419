// Channel: the bytes of one connection from core, in the clear or under TLS, and what is needed to
// listen for such. Nothing here blocks. One thread at a time. REQUIRES: SIGPIPE is ignored.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "provider/certificate.h"

namespace espalier::provider {

// An open file descriptor, or none (-1); closed at its end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Listens on a new socket at the path, on which only the user may write. UNAVAILABLE if that cannot
// be, here and below.
absl::StatusOr<Descriptor> ListenAt(const std::string& path);
// Listens on a port of loopback that was free.
absl::StatusOr<Descriptor> ListenOnLoopback(int& port);
// The two ends of a pipe: what is read, what is written.
absl::StatusOr<std::pair<Descriptor, Descriptor>> MakePipe();
// The next connection; none if nobody waits any more.
Descriptor Accept(const Descriptor& listener);

// What we show to those who connect, and whom we let in.
class TlsServer {
 public:
  // Lets in who holds the key of the certificate `client_pem`, or of one that it has signed.
  // INVALID_ARGUMENT if that is none, INTERNAL if OpenSSL fails.
  static absl::StatusOr<std::unique_ptr<TlsServer>> Make(const ServerIdentity& identity,
                                                         const std::string& client_pem);

 private:
  friend class Channel;
  explicit TlsServer(OpenSslPtr<SSL_CTX, SSL_CTX_free> context) : context_(std::move(context)) {}

  const OpenSslPtr<SSL_CTX, SSL_CTX_free> context_;
};

class Channel {
 public:
  // How far a read or write came. No bytes and open: to be tried again when poll says so.
  struct Moved {
    std::size_t bytes = 0;
    bool open = true;
  };

  // `tls`: null for none.
  Channel(Descriptor socket, const TlsServer* tls);

  int fd() const { return socket_.fd(); }
  Moved Read(absl::Span<char> into);
  // Only more bytes may follow those that could not be written, never others.
  Moved Write(absl::string_view bytes);
  // Whether there are bytes to read of which poll does not know.
  bool HoldsMore() const;
  // Whether who connects has shown who they are. Nothing is to be written before.
  bool IsAdmitted() const;
  // Whether a read waits until something can be written.
  bool ReadNeedsWrite() const;
  // Ends it in both directions: poll says so to whoever waits.
  void ShutDown();

 private:
  Descriptor socket_;
  OpenSslPtr<SSL, SSL_free> ssl_;
};

}  // namespace espalier::provider
