// Who stands behind a difference, where the objects themselves do not say: rows of a report are
// completed from the audit trail. Pure: what the trail knows is given.
#pragma once

#include <map>
#include <set>

#include "engine/model/ref.h"
#include "espalier/v1/audit_service.pb.h"
#include "espalier/v1/plan.pb.h"

namespace espalier {

// By object: what the trail would have to be asked about, and the last entry that it has.
struct AuthorsWanted {
  std::set<Ref> claims;
  std::set<Ref> releases;
  std::set<Ref> deletions;
};
struct Authors {
  std::map<Ref, v1::AuditEntry> claims;
  std::map<Ref, v1::AuditEntry> releases;
  std::map<Ref, v1::AuditEntry> deletions;
};

// Objects of rows that name no author although somebody's deed is behind them: what was made or
// taken over by hand, given up, claimed by two, or is not there any more. What happened on a host
// is nobody's deed that the engine has seen.
AuthorsWanted AuthorsWantedFor(const v1::DriftReport& report);

// Puts actor, interface, reason and time into those rows. What the trail does not know (any more)
// stays as it is.
void NameAuthors(const Authors& authors, v1::DriftReport& report);

}  // namespace espalier
