// Aead: encryption that notices changes, AES-256-GCM. Pure but for the nonce. Thread-safe.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

inline constexpr std::size_t kAeadKeyBytes = 32;

// `plain` under a nonce of its own, which stands before it, and bound to `context`: only who says
// the same context opens it. Twice the same gives other bytes. REQUIRES: the key has kAeadKeyBytes.
std::string Encrypt(absl::string_view key, absl::string_view plain, absl::string_view context);

// What Encrypt was given. DATA_LOSS: other bytes, another key or another context; it does not tell
// which. REQUIRES: the key has kAeadKeyBytes.
absl::StatusOr<std::string> Decrypt(absl::string_view key, absl::string_view encrypted,
                                    absl::string_view context);

}  // namespace espalier
