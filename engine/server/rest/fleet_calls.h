// The calls about the whole fleet: drift, the plan of a set, and who did what. Thread-safe.
#pragma once

#include "engine/api/audit.h"
#include "engine/api/resources.h"
#include "engine/listen/http_call.h"

namespace espalier {

// Of everybody, or of the owner that the parameters `manager` and `instance` name; as the document
// that every surface gives.
HttpAnswer ShowDrift(Resources& resources, const CallContext& context, absl::Time now,
                     const HttpCall& call);

// What applying the documents in the body would do: {"items": [...]} or a list of them.
HttpAnswer PlanSet(Resources& resources, const CallContext& context, const HttpCall& call);

// Who did what, the newest first; narrowed by the parameters `kind`, `namespace`, `name`, `subject`
// and `since` (RFC 3339), in pages of `limit` that go on `before` a sequence.
HttpAnswer ListAudit(Audit& audit, const CallContext& context, const HttpCall& call);

}  // namespace espalier
