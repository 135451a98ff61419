// Holds: a person's temporary word beside the spec, whoever asks about it. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "espalier/v1/metadata.pb.h"

namespace espalier {

// The holds that stop what is declared, and agree to it.
inline constexpr char kSuspendHold[] = "suspend";
inline constexpr char kConfirmHold[] = "confirm";
// A job runs in the VM: its pool leaves it as it is, and destroying it takes a budget of its own.
inline constexpr char kClaimHold[] = "claim";

// The hold of that name if it stands at `now`: one whose time is over does not, even while nobody
// has taken it away yet. Null if there is none. Lives as long as the metadata.
const v1::Hold* StandingHold(const v1::Metadata& metadata, absl::string_view name, absl::Time now);

// "cordon by ana until 2026-11-21T05:12Z: disk swap".
std::string NamedHoldText(absl::string_view name, const v1::Hold& hold);
// "suspended by ana until 2026-11-21T05:12Z: INC-91".
std::string SuspendedText(const v1::Hold& hold);
// "claimed by ci-runner until 2026-11-21T05:12Z: job 4711".
std::string ClaimedText(const v1::Hold& hold);

}  // namespace espalier
