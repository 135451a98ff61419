// Whether a private key can be used for ssh without anybody at a keyboard. Pure.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace espalier {

// OK for an Ed25519 or ECDSA key in OpenSSH's form without a passphrase. INVALID_ARGUMENT says what
// else it is and what to do about it; never what is in it.
absl::Status CheckSshPrivateKey(absl::string_view pem);

}  // namespace espalier
