// Ownership: who may change an object's spec. Per object, never per field: "who owns this VM?" has
// one short answer. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "espalier/v1/metadata.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

// What a claim on an existing object comes to.
enum class Claim {
  kOwn,         // The claimant owns it already.
  kAdopt,       // Nobody owns it: it becomes the claimant's.
  kTransfer,    // Another owns it, and the claimant asked to take it over.
  kOverride,    // Another owns it, and the claimant gave a reason to change it all the same.
  kConflict,    // Another owns it.
  kMemberOnly,  // A controller owns it: it is changed through what the controller works for.
};

// Same manager and instance.
bool SameOwner(const v1::Owner& a, const v1::Owner& b);
bool HasOwner(const v1::Metadata& metadata);

Claim ClaimOf(const v1::Owner& claimant, const v1::Metadata& current, bool transfer, bool override);

// "git fleet (fleet.yaml:12)", "terraform ci", "cli".
std::string OwnerText(const v1::Owner& owner);
// "git", "terraform", "cli", "api", "controller".
absl::string_view ManagerText(v1::Owner::Manager manager);

}  // namespace espalier
