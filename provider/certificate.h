// The server's identity for one launch: a key that never leaves the process and a certificate that
// goes to core in the handshake line. Made anew each time; never written to disk.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace espalier::provider {

struct ServerIdentity {
  std::string key_pem;
  std::string certificate_pem;
  std::string certificate_der;
};

// An ECDSA P-256 key with a self-signed certificate for "localhost". Core's own key is P-521; P-256
// costs the handshake least and every core accepts it. INTERNAL if OpenSSL fails.
absl::StatusOr<ServerIdentity> MakeServerIdentity();

}  // namespace espalier::provider
