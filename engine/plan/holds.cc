#include "engine/plan/holds.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/model/hold.h"

namespace espalier {
namespace {

// Hex digits of a plan's digest and of a commit.
constexpr std::size_t kDigestSize = 64;
constexpr std::size_t kCommitSize = 40;

bool ActsOn(absl::string_view hold, Kind kind) {
  if (hold == kSuspendHold) return true;
  if (kind == Kind::kGitSource) return hold == kConfirmHold;
  if (kind == Kind::kHost) return hold == "cordon" || hold == "drain";
  if (kind == Kind::kVm) return hold == "power" || hold == kClaimHold;
  return kind == Kind::kImageCache && hold == "refresh";
}

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

std::string WhyNoHold(const v1::HoldChange& change, Kind kind) {
  const std::string& why = change.why();
  if (!ActsOn(change.hold(), kind)) {
    return absl::StrCat("a ", InfoOf(kind).name, " knows no hold \"", change.hold(),
                        "\"; there are suspend of anything, confirm of a git_source, cordon and "
                        "drain of a host, power and claim of a vm, and refresh of an image_cache");
  }
  if (change.hold() == kSuspendHold && why.empty()) return "a suspension needs a reason";
  if (change.hold() == kClaimHold && why.empty()) return "a claim needs a reason: which job";
  const bool names_one = IsHex(why) && (why.size() == kDigestSize || why.size() == kCommitSize);
  if (change.hold() == kConfirmHold && !names_one) {
    return absl::StrCat("\"", why,
                        "\" is no digest of a plan (64 hex digits) and no commit (40 of them)");
  }
  return "";
}

}  // namespace espalier
