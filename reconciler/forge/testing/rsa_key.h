// An RSA key for tests of what GitHub Apps sign. Pure but for the machine's randomness.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

struct RsaKey {
  // In PEM.
  std::string private_key;
  std::string public_key;
};
// The same for the whole life of the process: making one takes a while.
const RsaKey& TestRsaKey();

// Whether `signature` (bytes) is that of RS256 over `text`.
bool IsSignedBy(const std::string& public_key, absl::string_view text, absl::string_view signature);

}  // namespace espalier
