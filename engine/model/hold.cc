#include "engine/model/hold.h"

#include "absl/strings/str_cat.h"
#include "engine/model/timestamp.h"

namespace espalier {
namespace {

absl::Time EndOf(const v1::Hold& hold) {
  return hold.has_until() ? TimeOf(hold.until()) : absl::InfiniteFuture();
}

// "by ana until 2026-11-21T05:12Z: INC-91".
std::string WhoWhenWhy(const v1::Hold& hold) {
  const std::string until =
      hold.has_until() ? absl::StrCat(" until ", MinuteText(EndOf(hold))) : "";
  return absl::StrCat("by ", hold.by(), until, ": ", hold.why());
}

}  // namespace

const v1::Hold* StandingHold(const v1::Metadata& metadata, absl::string_view name, absl::Time now) {
  const auto found = metadata.holds().find(std::string(name));
  if (found == metadata.holds().end() || EndOf(found->second) <= now) return nullptr;
  return &found->second;
}

std::string NamedHoldText(absl::string_view name, const v1::Hold& hold) {
  return absl::StrCat(name, " ", WhoWhenWhy(hold));
}

std::string SuspendedText(const v1::Hold& hold) {
  return absl::StrCat("suspended ", WhoWhenWhy(hold));
}

std::string ClaimedText(const v1::Hold& hold) { return absl::StrCat("claimed ", WhoWhenWhy(hold)); }

}  // namespace espalier
