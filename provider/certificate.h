// The server's identity for one launch: a key that never leaves the process and a certificate that
// goes to core in the handshake line. Made anew each time; never written to disk.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace espalier::provider {

template <auto free>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
// What OpenSSL made and `free` ends.
template <typename T, auto free>
using OpenSslPtr = std::unique_ptr<T, OpenSslFree<free>>;

struct ServerIdentity {
  OpenSslPtr<EVP_PKEY, EVP_PKEY_free> key;
  OpenSslPtr<X509, X509_free> certificate;
  std::string certificate_der;
};

// An ECDSA P-256 key with a self-signed certificate for "localhost". Core's own key is P-521; P-256
// costs the handshake least and every core accepts it. INTERNAL if OpenSSL fails.
absl::StatusOr<ServerIdentity> MakeServerIdentity();

}  // namespace espalier::provider
