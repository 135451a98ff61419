// Readiness: when an object that was created or changed is what its user waits for. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "provider/engine.h"

namespace espalier::provider {

// What can be waited for.
inline constexpr char kAccepted[] = "accepted";
// A VM that shall run is done when it runs as declared, and has failed when the engine will not
// start it again; one that is powered off is done once it has left its host.
inline constexpr char kRunning[] = "running";
// It runs, and its host has told the address and ports under which it is reached.
inline constexpr char kReachable[] = "reachable";
// An Image whose digest is known.
inline constexpr char kResolved[] = "resolved";

// What a user waits for.
struct Wish {
  // Empty: what the kind waits for by itself.
  std::string condition;
  // Of a kind that counts: so many have to be there.
  std::int64_t min_ready = 0;
};

// The conditions of the kind; the first is what it waits for by itself. Empty: it is done once it
// is accepted, and there is nothing to choose.
std::vector<std::string> ConditionsOf(Kind kind);
// What the condition means, in words.
std::string DescribeCondition(absl::string_view condition);
// Whether objects of the kind have members that `min_ready` can count.
bool HasMembers(Kind kind);
// How many there shall be, if the spec says it.
std::optional<std::int64_t> MembersWanted(const Resource& resource);

// How far it is from what is wished; `why` says where it is, with the engine's reasons.
Verdict ReadinessOf(const Resource& resource, const Wish& wish = {});

// Whether the status says something of the spec as it is now: an Image's may still tell the digest
// of the reference that it had before.
bool IsOfItsSpec(const Resource& resource);

// Of a kind with members that are not all there: "7 of 10 run, 3 wait: ...". Otherwise empty.
std::string MissingMembers(const Resource& resource);

// Why a VM is off whatever its host does: declared so, or held by somebody. Empty if it is not.
std::string WhyPoweredOff(const Resource& vm);

// How long a kind is given to get ready, or to go, where its user says nothing.
absl::Duration DefaultTimeout(Kind kind);

}  // namespace espalier::provider
