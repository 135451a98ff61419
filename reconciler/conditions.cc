#include "reconciler/conditions.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/model/problem.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

// What is kept of a message: it stands in a status that everybody reads.
constexpr std::size_t kMessageBytes = 1024;

std::string Short(const std::string& commit) { return commit.substr(0, 12); }

// The front of a text, never half of a letter.
std::string Cut(const std::string& text) {
  if (text.size() <= kMessageBytes) return text;
  std::size_t end = kMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

// "owner_conflict" -> "OwnerConflict".
std::string CamelCase(absl::string_view code) {
  std::string text;
  for (absl::string_view part : absl::StrSplit(code, '_', absl::SkipEmpty())) {
    text.push_back(absl::ascii_toupper(part.front()));
    absl::StrAppend(&text, part.substr(1));
  }
  return text;
}

absl::string_view ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return "FetchTimeout";
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return "AuthenticationFailed";
    case absl::StatusCode::kNotFound:
      return "NotFound";
    case absl::StatusCode::kUnavailable:
      return "Unreachable";
    case absl::StatusCode::kResourceExhausted:
      return "TooLarge";
    case absl::StatusCode::kInvalidArgument:
      return "InvalidSource";
    case absl::StatusCode::kFailedPrecondition:
      return "NotAllowed";
    case absl::StatusCode::kDataLoss:
      return "Damaged";
    default:
      return "FetchFailed";
  }
}

template <typename List>
Verdict RefusedByList(const List& problems) {
  Verdict verdict = {.state = v1::Condition::FALSE, .reason = "Refused"};
  std::vector<std::string> lines;
  for (const v1::Problem& problem : problems) {
    if (problem.severity() != v1::Problem::ERROR) continue;
    if (lines.empty() && !problem.code().empty()) verdict.reason = CamelCase(problem.code());
    lines.push_back(ToString(problem));
  }
  verdict.message = absl::StrJoin(lines, "\n");
  return verdict;
}

}  // namespace

Verdict FetchFailed(const absl::Status& status) {
  return {.state = v1::Condition::FALSE,
          .reason = std::string(ReasonOf(status)),
          .message = std::string(status.message())};
}

Verdict FetchedAs(const std::string& commit, absl::string_view ref, bool rewritten) {
  // Branches are called as people call them.
  absl::ConsumePrefix(&ref, "refs/heads/");
  if (rewritten) {
    return {.state = v1::Condition::TRUE,
            .reason = "HistoryRewritten",
            .message = absl::StrCat(ref, " is at ", Short(commit),
                                    ", which does not follow from the commit before")};
  }
  return {.state = v1::Condition::TRUE,
          .reason = "Fetched",
          .message = absl::StrCat(ref, " is at ", Short(commit))};
}

Verdict HistoryFrozen(const std::string& commit, absl::string_view ref,
                      const std::string& previous) {
  absl::ConsumePrefix(&ref, "refs/heads/");
  return {.state = v1::Condition::FALSE,
          .reason = "HistoryFrozen",
          .message = absl::StrCat(ref, " is at ", Short(commit), ", which does not follow from ",
                                  Short(previous), ", which stays; `espalier confirm` with ",
                                  commit, " lets it be followed")};
}

Verdict VerifiedAs(const std::string& commit, const SignedRange& range) {
  return {.state = v1::Condition::TRUE,
          .reason = "Verified",
          .message = range.commits == 0
                         ? absl::StrCat(Short(commit), " brings no new commits")
                         : absl::StrCat(Count(range.commits, "commit"), " up to ", Short(commit),
                                        range.commits == 1 ? " is" : " are", " signed by ",
                                        absl::StrJoin(range.signers, ", "))};
}

Verdict NotVerified(const absl::Status& why, const std::string& previous) {
  return {.state = v1::Condition::FALSE,
          .reason = absl::IsPermissionDenied(why) ? "NotSigned" : "CannotVerify",
          .message = absl::StrCat(
              why.message(), "; ",
              previous.empty() ? "nothing is followed" : absl::StrCat(Short(previous), " stays"))};
}

Verdict ValidityOf(const LoadedSet& set, const std::string& applied) {
  if (set.valid()) {
    return {.state = v1::Condition::TRUE,
            .reason = "Valid",
            .message = absl::StrCat(Count(set.declared.size(), "object"), " in ",
                                    Count(set.files, "file"))};
  }
  Verdict verdict = RefusedByList(set.problems.list());
  verdict.reason = "Invalid";
  verdict.message = absl::StrCat(
      applied.empty() ? "nothing is applied" : absl::StrCat(Short(applied), " stays applied"), "; ",
      Short(set.commit), " is invalid: ", verdict.message);
  return verdict;
}

Verdict PlannedAs(const ApplyResult& result) {
  Verdict refused = RefusedBy(result.problems());
  if (!refused.message.empty()) return refused;
  return {.state = v1::Condition::TRUE, .reason = "Planned", .message = PlanSummary(result.plan())};
}

Verdict AppliedAs(const std::string& commit, const std::string& suspension) {
  Verdict verdict = {.state = v1::Condition::TRUE,
                     .reason = "Applied",
                     .message = absl::StrCat(Short(commit), " is applied")};
  if (!suspension.empty()) {
    verdict.reason = "Suspended";
    absl::StrAppend(&verdict.message, "; ", suspension);
  }
  return verdict;
}

bool IsDrift(const v1::DriftRow& row) {
  switch (row.class_()) {
    case v1::DriftRow::CHANGED:
    case v1::DriftRow::CONFLICT:
      return true;
    case v1::DriftRow::MISSING:
      return !row.has_healed_at();
    default:
      return false;
  }
}

Verdict SyncOf(const DriftReport& report) {
  int drifted = 0;
  int unknown = 0;
  for (const v1::DriftRow& row : report.rows()) {
    if (IsDrift(row)) ++drifted;
    if (row.class_() == v1::DriftRow::UNKNOWN) ++unknown;
  }
  if (drifted > 0) {
    return {.state = v1::Condition::FALSE,
            .reason = "Drifted",
            .message = absl::StrCat(drifted, drifted == 1 ? " object is" : " objects are",
                                    " not as declared")};
  }
  if (unknown > 0) {
    return {.state = v1::Condition::UNKNOWN,
            .reason = "HostsSilent",
            .message = absl::StrCat(unknown, unknown == 1 ? " object is" : " objects are",
                                    " where nobody answers")};
  }
  return {.state = v1::Condition::TRUE, .reason = "InSync", .message = "everything is as declared"};
}

Verdict ReportedAs(const absl::Status& status) {
  if (status.ok()) {
    return {.state = v1::Condition::TRUE,
            .reason = "Reported",
            .message = "the forge shows what is known"};
  }
  return {.state = v1::Condition::FALSE,
          .reason = std::string(ReasonOf(status) == "FetchTimeout"  ? "ForgeTimeout"
                                : ReasonOf(status) == "FetchFailed" ? "ForgeFailed"
                                                                    : ReasonOf(status)),
          .message = std::string(status.message())};
}

std::string PlanSummary(const Plan& plan) {
  std::vector<std::string> parts;
  const auto add = [&](unsigned count, absl::string_view what) {
    if (count > 0) parts.push_back(absl::StrCat(count, " to ", what));
  };
  add(plan.creates(), "create");
  add(plan.updates(), "change");
  add(plan.replaces(), "replace");
  add(plan.adopts(), "adopt");
  add(plan.deletes(), "destroy");
  return parts.empty() ? "nothing to do" : absl::StrJoin(parts, ", ");
}

Verdict RefusedBy(const google::protobuf::RepeatedPtrField<v1::Problem>& problems) {
  return RefusedByList(problems);
}

bool SetCondition(absl::string_view type, const Verdict& verdict, absl::Time now,
                  v1::GitSourceStatus& status) {
  v1::Condition& condition = (*status.mutable_conditions())[std::string(type)];
  const std::string message = Cut(verdict.message);
  if (condition.state() == verdict.state && condition.reason() == verdict.reason &&
      condition.message() == message) {
    return false;
  }
  if (condition.state() != verdict.state) {
    *condition.mutable_since() = TimestampOf(now);
  }
  condition.set_state(verdict.state);
  condition.set_reason(verdict.reason);
  condition.set_message(message);
  return true;
}

google::protobuf::Timestamp TimestampOf(absl::Time time) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
  return timestamp;
}

v1::Condition::State StateIn(const v1::GitSourceStatus& status, absl::string_view type) {
  const auto found = status.conditions().find(std::string(type));
  return found == status.conditions().end() ? v1::Condition::STATE_UNSPECIFIED
                                            : found->second.state();
}

std::string StateOf(const v1::GitSourceStatus& status) {
  if (StateIn(status, kVerified) == v1::Condition::FALSE) return "Refused";
  if (StateIn(status, kValid) == v1::Condition::FALSE) return "Invalid";
  if (StateIn(status, kPlanned) == v1::Condition::FALSE) return "Refused";
  if (status.applied_commit().empty()) {
    return StateIn(status, kFetched) == v1::Condition::TRUE ? "Applying" : "Unfetched";
  }
  if (StateIn(status, kApplied) != v1::Condition::TRUE) return "Applying";
  return StateIn(status, kInSync) == v1::Condition::FALSE ? "Drifted" : "InSync";
}

}  // namespace espalier
