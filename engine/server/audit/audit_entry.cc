#include "engine/server/audit/audit_entry.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/diff.h"
#include "engine/plan/ownership.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::Action;

// Sentences, and everything else of free length. All of an entry but its changes stays within
// limits::kAuditEntryBytes by this.
constexpr std::size_t kSentenceBytes = 320;
constexpr std::size_t kTextBytes = 160;

bool IsControllers(const Resource* resource) {
  return resource == nullptr || resource->metadata().owner().manager() == Owner::CONTROLLER;
}

bool IsOfHolds(const Action& action) {
  return action.verb() == Action::UPDATE && action.changes_size() > 0 &&
         std::all_of(action.changes().begin(), action.changes().end(), [](const auto& change) {
           return absl::StartsWith(change.path(), "metadata.holds[");
         });
}

// Words that only say the verb again.
bool SaysNothing(const std::string& reason) {
  return reason == "declared" || reason == "declared differently" || reason == "asked for by name";
}

std::string HoldReason(const ApplyRequest& request, const v1::Ref& ref) {
  for (const v1::HoldChange& change : request.holds()) {
    const v1::Ref& held = change.ref();
    if (held.kind() == ref.kind() && held.namespace_() == ref.namespace_() &&
        held.name() == ref.name()) {
      return change.why();
    }
  }
  return "";
}

void Cut(std::size_t max, std::string& text) {
  if (text.size() <= max) return;
  std::size_t end = max;
  // Not within a character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  text += "…";
}

}  // namespace

bool IsDeed(const Caller& caller, const Resource* before, const Resource* after) {
  return caller.role != Caller::Role::kController || !IsControllers(before) ||
         !IsControllers(after);
}

AuditEntry EntryOf(const ApplyRequest& request, const Action& action, const PlannedWrite& write,
                   const Resource* before) {
  AuditEntry entry;
  *entry.mutable_owner() = request.owner();
  entry.mutable_owner()->clear_source();
  *entry.mutable_ref() = action.ref();
  entry.set_uid(action.uid());
  const bool of_holds = IsOfHolds(action);
  if (!of_holds) entry.set_verb(action.verb());
  const bool goes = action.verb() == Action::DELETE;
  // Of what is given up the plan tells where its owner declared it.
  if (write.after.has_value() && !goes) {
    entry.set_uid(write.after->metadata().uid());
  }
  if (before == nullptr || SameOwner(request.owner(), before->metadata().owner()) ||
      (!goes && action.verb() != Action::RELEASE)) {
    entry.mutable_owner()->set_source(action.source());
  }
  if (before != nullptr) entry.set_before_hash(SpecHash(*before));
  if (write.after.has_value() && !goes) {
    const bool same = before != nullptr && !write.spec_changed;
    entry.set_after_hash(same ? entry.before_hash() : SpecHash(*write.after));
  }
  if (before != nullptr) *entry.mutable_changes() = action.changes();
  if (of_holds) {
    entry.set_reason(HoldReason(request, action.ref()));
  } else if (request.has_override() && before != nullptr &&
             !SameOwner(request.owner(), before->metadata().owner())) {
    entry.set_reason(absl::StrCat(kOverrideReason, request.override().reason()));
  } else if (!SaysNothing(action.reason())) {
    entry.set_reason(action.reason());
  }
  CutToSize(entry);
  return entry;
}

void CutToSize(AuditEntry& entry) {
  Cut(kTextBytes, *entry.mutable_subject());
  Cut(kSentenceBytes, *entry.mutable_reason());
  Cut(kSentenceBytes, *entry.mutable_refused());
  if (entry.has_owner()) {
    Cut(kTextBytes, *entry.mutable_owner()->mutable_instance());
    Cut(kTextBytes, *entry.mutable_owner()->mutable_source());
    Cut(kTextBytes, *entry.mutable_owner()->mutable_commit());
  }
  for (std::string* name :
       {entry.mutable_ref()->mutable_kind(), entry.mutable_ref()->mutable_namespace_(),
        entry.mutable_ref()->mutable_name()}) {
    Cut(kTextBytes, *name);
  }
  for (v1::FieldChange& change : *entry.mutable_changes()) {
    Cut(kTextBytes, *change.mutable_path());
    if (change.has_before()) Cut(kTextBytes, *change.mutable_before());
    if (change.has_after()) Cut(kTextBytes, *change.mutable_after());
  }
  int left_out = 0;
  while (entry.ByteSizeLong() > limits::kAuditEntryBytes && entry.changes_size() > 0) {
    // The count takes the place of one more.
    const int goes = std::min(left_out == 0 ? 2 : 1, entry.changes_size());
    for (int i = 0; i < goes; ++i) entry.mutable_changes()->RemoveLast();
    left_out += goes;
  }
  if (left_out > 0) entry.add_changes()->set_path(absl::StrCat("(", left_out, " more)"));
}

}  // namespace espalier
