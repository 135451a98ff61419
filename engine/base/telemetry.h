// The names of log fields and metrics, so that the same thing is called the same everywhere.
#pragma once

namespace espalier::telemetry {

inline constexpr char kError[] = "error";
inline constexpr char kRef[] = "ref";
inline constexpr char kUid[] = "uid";
inline constexpr char kAttempt[] = "attempt";
inline constexpr char kHost[] = "host";
inline constexpr char kRevision[] = "revision";
inline constexpr char kActor[] = "actor";
inline constexpr char kSource[] = "source";
inline constexpr char kCommit[] = "commit";
inline constexpr char kAddress[] = "address";
inline constexpr char kPath[] = "path";
inline constexpr char kImage[] = "image";
inline constexpr char kPhase[] = "phase";
inline constexpr char kReason[] = "reason";
inline constexpr char kLoop[] = "loop";
inline constexpr char kCount[] = "count";
inline constexpr char kSeed[] = "seed";
inline constexpr char kDuration[] = "duration_ms";

}  // namespace espalier::telemetry
