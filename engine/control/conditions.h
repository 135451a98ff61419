// Conditions of a status. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/timestamp.h"
#include "espalier/v1/metadata.pb.h"

namespace espalier::control {

// Sets the condition; `since` moves only when the state does.
inline void SetCondition(v1::Condition::State state, absl::string_view reason,
                         absl::string_view message, absl::Time now, v1::Condition& condition) {
  if (condition.state() != state) SetTime(now, *condition.mutable_since());
  condition.set_state(state);
  condition.set_reason(std::string(reason));
  condition.set_message(std::string(message));
}

}  // namespace espalier::control
