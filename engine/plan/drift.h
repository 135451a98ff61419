// Drift: what is not as its owner declared, as one document. Five classes: changed, missing,
// unmanaged (found or hand-made), unknown, conflict. Pure.
#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"
#include "engine/model/ref.h"
#include "engine/plan/objects.h"
#include "espalier/v1/plan.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

// What is on record about an object that a foreign hand deleted.
struct Tombstone {
  v1::Edited edited;
  v1::Owner owner;
};

struct DriftInput {
  const Objects& objects;
  const v1::DriftRequest& request;
  absl::Time now;
  std::map<Ref, Tombstone> tombstones;
};

// How long a loss that the engine healed stays listed.
inline constexpr absl::Duration kHealedListed = absl::Hours(1);

v1::DriftReport FindDrift(const DriftInput& input);

}  // namespace espalier
