#include "engine/plan/drift_authors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/plan/ownership.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::AuditEntry;
using v1::DriftRow;

enum class Deed { kNone, kClaim, kRelease, kDeletion };

// What must have been done for the row to be there.
Deed DeedBehind(const DriftRow& row) {
  switch (row.class_()) {
    case DriftRow::UNMANAGED:
      if (row.subclass() == "hand_made") return Deed::kClaim;
      return row.subclass().empty() ? Deed::kRelease : Deed::kNone;
    case DriftRow::CONFLICT:
      return Deed::kClaim;
    case DriftRow::MISSING:
      // What was lost at run time, or is on record as deleted, says since when.
      return row.has_since() ? Deed::kNone : Deed::kDeletion;
    default:
      return Deed::kNone;
  }
}

template <typename Map>
const AuditEntry* Find(const Map& entries, const Ref& ref) {
  const auto found = entries.find(ref);
  return found == entries.end() ? nullptr : &found->second;
}

bool TookItOver(const AuditEntry& entry) {
  return entry.verb() == v1::Action::ADOPT && entry.changes_size() > 0 &&
         entry.changes(0).path() == "metadata.owner" && entry.changes(0).has_before();
}

void Name(const AuditEntry& entry, DriftRow& row) {
  row.set_actor(entry.subject());
  *row.mutable_since() = entry.at();
  absl::string_view reason = entry.reason();
  const bool overridden = absl::ConsumePrefix(&reason, kOverrideReason);
  row.set_interface(absl::StrCat(ManagerText(entry.owner().manager()), overridden ? " override"
                                                                       : TookItOver(entry)
                                                                           ? " transfer"
                                                                           : ""));
  // Other reasons are the engine's own words about the deed.
  if (overridden || entry.verb() == v1::Action::DELETE) row.set_reason(std::string(reason));
}

}  // namespace

AuthorsWanted AuthorsWantedFor(const v1::DriftReport& report) {
  AuthorsWanted wanted;
  for (const DriftRow& row : report.rows()) {
    const Deed deed = DeedBehind(row);
    if (deed == Deed::kNone) continue;
    const absl::StatusOr<Ref> ref = FromProto(row.ref());
    if (!ref.ok()) continue;
    if (deed == Deed::kClaim) wanted.claims.insert(*ref);
    if (deed == Deed::kRelease) wanted.releases.insert(*ref);
    if (deed == Deed::kDeletion) wanted.deletions.insert(*ref);
  }
  return wanted;
}

void NameAuthors(const Authors& authors, v1::DriftReport& report) {
  for (DriftRow& row : *report.mutable_rows()) {
    const Deed deed = DeedBehind(row);
    const absl::StatusOr<Ref> ref = FromProto(row.ref());
    if (deed == Deed::kNone || !ref.ok()) continue;
    const AuditEntry* entry = deed == Deed::kClaim     ? Find(authors.claims, *ref)
                              : deed == Deed::kRelease ? Find(authors.releases, *ref)
                                                       : Find(authors.deletions, *ref);
    if (entry == nullptr) continue;
    Name(*entry, row);
    if (deed == Deed::kDeletion && !SameOwner(entry->owner(), row.owner())) {
      row.set_detail("deleted by another hand");
    }
  }
}

}  // namespace espalier
