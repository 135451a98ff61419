// AcceptedConnection: a client's connection to an HttpServer, plain or with TLS. There is a
// deadline for all of a request and one for all of its answer (the library's own timeouts begin
// anew with every byte), and a bound for what is read before anybody has looked at it. On one
// thread.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/listen/tls_acceptor.h"

namespace espalier {

struct ConnectionLimits {
  // Within which all of a request must be there after its first byte, however it is sent; the
  // greeting of TLS, too.
  absl::Duration request_time;
  // After the request, for all of its answer.
  absl::Duration answer_time;
  // For which a client may take nothing of an answer.
  absl::Duration write_time;
  // Of a request: first line, headers and body, as they are sent.
  std::size_t request_bytes;
};

class AcceptedConnection final : public httplib::Stream {
 public:
  // `socket` stays the caller's; so do the clock and `tls`, which is null for plain HTTP.
  AcceptedConnection(Clock& clock, socket_t socket, const TlsAcceptor* tls,
                     const ConnectionLimits& limits);
  AcceptedConnection(const AcceptedConnection&) = delete;
  AcceptedConnection& operator=(const AcceptedConnection&) = delete;
  // Says goodbye, if both sides still understand each other.
  ~AcceptedConnection() override;

  // The greeting of TLS, if there is one. Whether there may be requests.
  bool Greet();
  // Waits for the first byte of a request; its time begins then. False when there is none within
  // `patience`, or when the last one was not read or answered to its end.
  bool AwaitRequest(absl::Duration patience);

  bool is_readable() const override;
  // Also false when the client is gone.
  bool is_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  // Nobody asks who it is.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  static constexpr std::size_t kReadBuffer = 4096;

  // What an attempt came to: bytes, 0 at the end, or less and what to wait for.
  struct Attempt {
    ssize_t bytes;
    short wait_for = 0;
  };

  Attempt Receive();
  Attempt Send(const char* data, std::size_t size);
  Attempt Told(int result) const;
  // Attempts until something came of it, or the time is over: -1.
  ssize_t Insist(absl::FunctionRef<Attempt()> attempt, absl::Duration until) const;
  bool Wait(short events, absl::Duration until) const;
  absl::Duration WriteUntil() const;

  Clock& clock_;
  const socket_t socket_;
  const ConnectionLimits limits_;
  const std::unique_ptr<SSL, void (*)(SSL*)> tls_;
  const bool wants_tls_;
  absl::Duration request_until_;
  absl::Duration answer_until_;
  std::size_t received_ = 0;
  bool broken_ = false;
  std::array<char, kReadBuffer> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace espalier
