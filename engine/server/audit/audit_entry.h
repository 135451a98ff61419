// What the audit trail says about one planned write. Pure.
#pragma once

#include "engine/api/audit.h"
#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "engine/model/kind.h"
#include "engine/plan/plan.h"

namespace espalier {

// Whether the write is somebody's deed. What a controller does with its own objects (members of a
// pool) is none: it follows from what somebody declared, and would push that out of the trail.
// `before`, `after`: null where there is no object.
bool IsDeed(const Caller& caller, const Resource* before, const Resource* after);

// The entry, cut to limits::kAuditEntryBytes; time, subject, sequence and revision are left open.
// `request` is what the plan was made of, `before` the object that the write is based on; null for
// a new one. Of what is made or goes away no fields are listed: the hash says which spec it was.
AuditEntry EntryOf(const ApplyRequest& request, const v1::Action& action, const PlannedWrite& write,
                   const Resource* before);

// Shortens what is too long for an entry; what is left out is counted in a last change.
void CutToSize(AuditEntry& entry);

}  // namespace espalier
