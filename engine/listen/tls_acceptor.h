// TlsAcceptor: what a server shows of itself over TLS, and whom it takes. Thread-safe after Make.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "absl/status/statusor.h"
#include "engine/listen/listen.h"

namespace espalier {

class TlsAcceptor {
 public:
  // INVALID_ARGUMENT if `files` hold no certificate and key that fit together, or no authority
  // where one is asked for.
  static absl::StatusOr<std::unique_ptr<TlsAcceptor>> Make(const TlsFiles& files);
  TlsAcceptor(const TlsAcceptor&) = delete;
  TlsAcceptor& operator=(const TlsAcceptor&) = delete;
  ~TlsAcceptor();

  // The server's end of a connection on `fd`, before its greeting. Null when there is no memory.
  SSL* Open(int fd) const;

 private:
  explicit TlsAcceptor(SSL_CTX* context) : context_(context) {}

  SSL_CTX* const context_;
};

}  // namespace espalier
