// Audit: the engine's record of who changed what, and of who was refused. Written by the engine
// itself, in the same commit as the change; nobody else appends to it and nobody alters it. In the
// daemon the trail implements it, elsewhere the client.
//
// Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "engine/base/call_context.h"
#include "espalier/v1/audit_service.pb.h"

namespace espalier {

using AuditEntry = v1::AuditEntry;
using AuditPage = v1::AuditPage;
using AuditQuery = v1::AuditQuery;

// What an entry about a token has for a kind, though no object is one; its name is the token's id.
inline constexpr char kTokenKind[] = "token";

class Audit {
 public:
  virtual ~Audit() = default;

  // One page of what the caller may see, the newest first: at most `limit` entries, and at most
  // limits::kPageSize. INVALID_ARGUMENT for a name without a kind; PERMISSION_DENIED for agents.
  virtual absl::StatusOr<AuditPage> List(const CallContext& context, const AuditQuery& query) = 0;
};

}  // namespace espalier
