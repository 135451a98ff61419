// Times as messages carry them, and in words for people. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier::control {

// The epoch if it is not set.
inline absl::Time FromTimestamp(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

inline void SetTimestamp(absl::Time time, google::protobuf::Timestamp& to) {
  const absl::Duration since_epoch = time - absl::UnixEpoch();
  to.set_seconds(absl::ToInt64Seconds(absl::Floor(since_epoch, absl::Seconds(1))));
  to.set_nanos(static_cast<int>(
      absl::ToInt64Nanoseconds(since_epoch - absl::Floor(since_epoch, absl::Seconds(1)))));
}

// "2026-03-01T12:00:05Z".
inline std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace espalier::control
