// What the reconciler says about a source: conditions, each with a reason that programs may
// test and a sentence for people, and one word for all of them. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/git/signed_range.h"
#include "reconciler/source_set.h"

namespace espalier {

// The conditions' keys, in the order in which work goes through them.
inline constexpr char kFetched[] = "Fetched";
inline constexpr char kVerified[] = "Verified";
inline constexpr char kValid[] = "Valid";
inline constexpr char kPlanned[] = "Planned";
inline constexpr char kApplied[] = "Applied";
inline constexpr char kHealthy[] = "Healthy";
inline constexpr char kInSync[] = "InSync";
// Beside them: whether the forge shows what it shall.
inline constexpr char kReported[] = "Reported";

struct Verdict {
  v1::Condition::State state = v1::Condition::UNKNOWN;
  std::string reason;
  std::string message;
};

Verdict FetchFailed(const absl::Status& status);
// `ref`: the full name.
Verdict FetchedAs(const std::string& commit, absl::string_view ref, bool rewritten);
// The ref is at a commit that does not follow from `previous`, which stays until somebody confirms
// it.
Verdict HistoryFrozen(const std::string& commit, absl::string_view ref,
                      const std::string& previous);
// Of a commit that signers signed, with all before it that was new.
Verdict VerifiedAs(const std::string& commit, const SignedRange& range);
// `why` a commit is not, and so is not followed; `previous` stays, and may be empty.
Verdict NotVerified(const absl::Status& why, const std::string& previous);
// `applied`: the commit that stays applied while this one is invalid; may be empty.
Verdict ValidityOf(const LoadedSet& set, const std::string& applied);
// Of a dry run: TRUE with what it would do, FALSE with what refuses it.
Verdict PlannedAs(const ApplyResult& result);
// `suspension`: what suspends the source; empty if nothing does.
Verdict AppliedAs(const std::string& commit, const std::string& suspension);
// Whether something that the source declares is not so. What nobody declared says nothing about
// that, and what was healed is so again.
bool IsDrift(const v1::DriftRow& row);
Verdict SyncOf(const DriftReport& report);
// Of the last calls of the forge.
Verdict ReportedAs(const absl::Status& status);

// "2 to create, 1 to change, 1 to destroy", or "nothing to do".
std::string PlanSummary(const Plan& plan);
// The first error's code as a reason ("OwnerConflict") and all errors in words.
Verdict RefusedBy(const google::protobuf::RepeatedPtrField<v1::Problem>& problems);

// Puts the verdict into the status; `since` moves only when the state does. True if anything
// changed.
bool SetCondition(absl::string_view type, const Verdict& verdict, absl::Time now,
                  v1::GitSourceStatus& status);

// `time` to the microsecond, as it is stored.
google::protobuf::Timestamp TimestampOf(absl::Time time);

// The state of one condition; unspecified if nothing was said about it yet.
v1::Condition::State StateIn(const v1::GitSourceStatus& status, absl::string_view type);

// InSync, Drifted, Invalid, Refused, Applying or Unfetched, from the conditions.
std::string StateOf(const v1::GitSourceStatus& status);

}  // namespace espalier
