#include "engine/store/epoch.h"

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/base/sha256.h"

namespace espalier {

std::string RandomEpoch() { return SecureToken().substr(0, 16); }

std::string NextEpoch(absl::string_view before, absl::string_view snapshot, std::int64_t revision) {
  const std::string what = absl::StrCat(before, " ", revision, " ", Sha256Hex(snapshot));
  return Sha256Hex(what).substr(0, 16);
}

}  // namespace espalier
