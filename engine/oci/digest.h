// Digests as OCI writes them: "sha256:" and 64 lower-case hex digits. Pure; any thread.
#pragma once

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"

namespace espalier::oci {

// SHA-256 only: what registries of today use, and the one that we compute while bytes pass by.
inline bool IsDigest(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "sha256:") || text.size() != 64) return false;
  return text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

// REQUIRES: IsDigest(digest).
inline absl::string_view HexOf(absl::string_view digest) { return digest.substr(7); }

inline std::string DigestOf(absl::string_view bytes) {
  return absl::StrCat("sha256:", Sha256Hex(bytes));
}

}  // namespace espalier::oci
