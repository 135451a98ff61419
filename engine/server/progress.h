// ProgressOf: the pulls under way, as the sessions know them. Pure but for the snapshot.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/api/sessions.h"
#include "engine/base/call_context.h"
#include "espalier/v1/agent_service.pb.h"

namespace espalier {

// Of one host, or of all if `host` is empty; hosts without pulls are left out. PERMISSION_DENIED
// for an agent that asks about other hosts than its own.
absl::StatusOr<v1::GetProgressResponse> ProgressOf(const Sessions& sessions, const Caller& caller,
                                                   const std::string& host);

}  // namespace espalier
