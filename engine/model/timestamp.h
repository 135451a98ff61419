// Times as messages carry them. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {

// The epoch if it is not set.
absl::Time TimeOf(const google::protobuf::Timestamp& time);
// To the nanosecond, rounded down.
void SetTime(absl::Time time, google::protobuf::Timestamp& out);

// As people read it: "2026-11-21T05:12Z".
std::string MinuteText(absl::Time time);

}  // namespace espalier
