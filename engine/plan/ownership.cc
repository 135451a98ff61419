#include "engine/plan/ownership.h"

#include "absl/strings/str_cat.h"

namespace espalier {

bool SameOwner(const v1::Owner& a, const v1::Owner& b) {
  return a.manager() == b.manager() && a.instance() == b.instance();
}

bool HasOwner(const v1::Metadata& metadata) {
  return metadata.owner().manager() != v1::Owner::MANAGER_UNSPECIFIED;
}

Claim ClaimOf(const v1::Owner& claimant, const v1::Metadata& current, bool transfer,
              bool override) {
  if (!HasOwner(current)) return Claim::kAdopt;
  if (SameOwner(claimant, current.owner())) return Claim::kOwn;
  // Not even an override edits a pool's member: its pool would undo it in the next second.
  if (current.owner().manager() == v1::Owner::CONTROLLER) return Claim::kMemberOnly;
  if (transfer) return Claim::kTransfer;
  if (override) return Claim::kOverride;
  return Claim::kConflict;
}

absl::string_view ManagerText(v1::Owner::Manager manager) {
  switch (manager) {
    case v1::Owner::TERRAFORM:
      return "terraform";
    case v1::Owner::GIT:
      return "git";
    case v1::Owner::CLI:
      return "cli";
    case v1::Owner::API:
      return "api";
    case v1::Owner::CONTROLLER:
      return "controller";
    default:
      return "nobody";
  }
}

std::string OwnerText(const v1::Owner& owner) {
  std::string text(ManagerText(owner.manager()));
  if (!owner.instance().empty()) absl::StrAppend(&text, " ", owner.instance());
  if (!owner.source().empty()) absl::StrAppend(&text, " (", owner.source(), ")");
  return text;
}

}  // namespace espalier
