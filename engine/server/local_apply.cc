// LocalResources: Apply and Delete.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/model/access.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/ownership.h"
#include "engine/plan/quota.h"
#include "engine/plan/wording.h"
#include "engine/server/audit/audit_entry.h"
#include "engine/server/local_resources.h"
#include "engine/server/stored_bytes.h"

namespace espalier {
namespace {

bool IsByHand(const Owner& owner) {
  return owner.manager() == Owner::CLI || owner.manager() == Owner::API;
}

// Of a transaction: what is destroyed, the operation and the audit trail are recorded beside the
// writes.
constexpr std::size_t kOtherOps = 3;
constexpr std::size_t kOtherBytes = 32 * 1024;

// Controllers write the status of what is being changed. What was planned before is planned anew,
// as the caller would have to; one whose word is about a revision is told so by the plan.
constexpr int kTries = 5;

// What must have been true before an operation that was carried out already: that an object was not
// there yet, or was in a certain incarnation or revision. Whoever lost the answer and asks again
// would be told that what it made stands in its way.
void ForgetPremises(ApplyRequest& request) {
  for (Declared& declared : *request.mutable_objects()) {
    declared.clear_create_only();
    declared.clear_uid();
    declared.clear_revision();
    declared.clear_generation();
  }
  request.clear_premises();
}

// Of objects in the set. What is premised of others is asked with each part.
bool HasPremises(const ApplyRequest& request) {
  return std::any_of(request.objects().begin(), request.objects().end(),
                     [](const Declared& declared) {
                       return declared.create_only() || !declared.uid().empty() ||
                              declared.revision() != 0 || declared.generation() != 0;
                     });
}

// Others than the set's objects whose revision must not move while its parts are stored, by key.
absl::StatusOr<std::map<std::string, std::int64_t>> PremisesOf(const ApplyRequest& request) {
  std::map<std::string, std::int64_t> revisions;
  for (const v1::Premise& premise : request.premises()) {
    ESPALIER_ASSIGN_OR_RETURN(const Ref ref, FromProto(premise.ref()));
    revisions[KeyOf(ref)] = premise.revision();
  }
  return revisions;
}

bool Writes(const Transaction& transaction, absl::string_view key) {
  return std::any_of(transaction.ops.begin(), transaction.ops.end(),
                     [&](const StoreOp& op) { return op.key == key; });
}

// What the transaction writes itself has its condition already.
void AddPremises(const std::map<std::string, std::int64_t>& premises, Transaction& transaction) {
  for (const auto& [key, revision] : premises) {
    if (Writes(transaction, key)) continue;
    transaction.compares.push_back(Compare{.key = key, .mod_revision = revision});
  }
}

// Of what an answer refuses, what was not the caller's to do: mistakes in a document are nobody
// else's business.
std::vector<Refusal> RefusalsIn(const Problems& problems) {
  std::vector<Refusal> refusals;
  for (const Problem& problem : problems.list()) {
    if (problem.severity() != Problem::ERROR) continue;
    if (problem.code() != "owner_conflict" && problem.code() != "not_allowed" &&
        problem.code() != "budget_exceeded" && problem.code() != "quota_exceeded" &&
        problem.code() != "held") {
      continue;
    }
    refusals.push_back(
        {.ref = problem.ref(), .code = problem.code(), .message = problem.message()});
  }
  return refusals;
}

}  // namespace

absl::StatusOr<ApplyResult> LocalResources::Apply(const CallContext& context,
                                                  const ApplyRequest& request) {
  if (static_cast<std::size_t>(request.objects_size()) > limits::kApplyObjects) {
    return absl::ResourceExhaustedError(absl::StrCat("a set has at most ", limits::kApplyObjects,
                                                     " objects; this one has ",
                                                     request.objects_size()));
  }
  if (static_cast<std::size_t>(request.premises_size()) > limits::kPremises) {
    return absl::ResourceExhaustedError(absl::StrCat("a set has at most ", limits::kPremises,
                                                     " premises; this one has ",
                                                     request.premises_size()));
  }
  if (request.has_override() && request.override().reason().empty()) {
    return absl::InvalidArgumentError("an override needs a reason");
  }
  Problems own_problems;
  KeptSecrets kept;
  ApplyRequest normalised = Normalise(request, kept, own_problems);
  const std::optional<v1::OperationRecord> before =
      context.operation_id.empty() ? std::nullopt : records_.Operation(context.operation_id);
  if (before.has_value() && before->done_chunks() >= before->chunks()) ForgetPremises(normalised);
  if (!request.dry_run() && CountsAgainstQuota(hub_.Snapshot(), normalised)) {
    MutexLock lock(quota_mu_);
    return PlanAndAnswer(context, normalised, kept, own_problems, before.has_value());
  }
  return PlanAndAnswer(context, normalised, kept, own_problems, before.has_value());
}

absl::StatusOr<ApplyResult> LocalResources::PlanAndAnswer(const CallContext& context,
                                                          const ApplyRequest& request,
                                                          const KeptSecrets& kept,
                                                          const Problems& own_problems,
                                                          bool repeated) {
  const bool in_parts = request.dry_run() && !request.preview_of().empty();
  const std::string& caller = context.caller.subject;
  for (int tries = 1;; ++tries) {
    const ObjectMap objects = hub_.Snapshot();
    const EarlierObjects earlier =
        in_parts ? previews_.Earlier(caller, request.preview_of(), objects) : EarlierObjects();
    ESPALIER_ASSIGN_OR_RETURN(PlanOutput output,
                              MakePlan(PlanInput{.objects = objects,
                                                 .request = request,
                                                 .actor = caller,
                                                 .now = clock_.Now(),
                                                 .destroyed_lately = records_.DestroyedLately(
                                                     request.owner(), clock_.Now()),
                                                 .earlier = &earlier}));
    if (in_parts) previews_.Remember(caller, request.preview_of(), output);
    // What is wrong with one object alone stands before what is wrong among them.
    Problems problems = own_problems;
    CheckSeals(request, kept, objects, problems);
    problems.Append(output.problems);
    output.problems = std::move(problems);
    absl::StatusOr<ApplyResult> result =
        Answer(context, request, kept, objects, earlier, repeated, output);
    if (!absl::IsAborted(result.status()) || tries == kTries) return result;
  }
}

absl::StatusOr<ApplyResult> LocalResources::Delete(const CallContext& context,
                                                   const DeleteRequest& request) {
  if (request.has_override() && request.override().reason().empty()) {
    return absl::InvalidArgumentError("an override needs a reason");
  }
  ApplyRequest shell;
  *shell.mutable_owner() = request.owner();
  *shell.mutable_override() = request.override();
  shell.set_dry_run(request.dry_run());
  for (int tries = 1;; ++tries) {
    const ObjectMap objects = hub_.Snapshot();
    ESPALIER_ASSIGN_OR_RETURN(
        PlanOutput output, MakeDeletePlan(objects, request, context.caller.subject, clock_.Now()));
    // Deleting by name is the user's own word: it is not counted against a budget.
    output.destroys = 0;
    absl::StatusOr<ApplyResult> result =
        Answer(context, shell, /*kept=*/{}, objects, /*earlier=*/{}, /*repeated=*/false, output);
    if (!absl::IsAborted(result.status()) || tries == kTries) return result;
  }
}

// Defaults, rules and secrets of each object alone. An object with errors stays in the set: its
// other problems are wanted too, and the errors keep anything from being stored.
ApplyRequest LocalResources::Normalise(const ApplyRequest& request, KeptSecrets& kept,
                                       Problems& problems) const {
  ApplyRequest normalised = request;
  google::protobuf::RepeatedPtrField<Declared> objects;
  for (Declared& declared : *normalised.mutable_objects()) {
    Resource& resource = *declared.mutable_resource();
    if (resource.body_case() == kNoKind) {
      Problem& problem = problems.Error("invalid_value", "kind", "the object has no kind");
      SetPosition(declared.source(), problem);
      continue;
    }
    MutableStatus(resource)->Clear();
    ApplyDefaults(resource);
    Problems own;
    Validate(resource, {declared.unknown().begin(), declared.unknown().end()}, own);
    SealValues(options_.vault, request.owner(), declared, kept, own);
    for (Problem& problem : own.list()) {
      *problem.mutable_ref() = ToProto(RefOf(resource));
      if (problem.file().empty()) SetPosition(declared.source(), problem);
    }
    problems.Append(own);
    *objects.Add() = std::move(declared);
  }
  normalised.mutable_objects()->Swap(&objects);
  return normalised;
}

absl::StatusOr<ApplyResult> LocalResources::Answer(
    const CallContext& context, const ApplyRequest& request, const KeptSecrets& kept,
    const ObjectMap& objects, const EarlierObjects& earlier, bool repeated, PlanOutput& output) {
  ApplyResult result;
  if (!repeated && !request.expected_digest().empty() &&
      request.expected_digest() != output.plan.digest()) {
    output.problems.Error(
        "digest_mismatch", "",
        absl::StrCat("the plan is not the one that was agreed to: expected digest ",
                     request.expected_digest().substr(0, 12), ", now ",
                     output.plan.digest().substr(0, 12)));
  }
  if (options_.capacity && !output.writes.empty()) {
    *output.plan.mutable_capacity() = options_.capacity(objects, earlier, output);
  }
  const bool refused = output.problems.HasErrors();
  for (const Problem& problem : output.problems.list()) *result.add_problems() = problem;
  if (!refused && !request.dry_run()) {
    if (IsByHand(request.owner())) {
      for (PlannedWrite& write : output.writes) {
        if (!write.after.has_value() || !write.new_incarnation) continue;
        // Who made it by hand, for drift.
        (*write.after->mutable_metadata()->mutable_annotations())[kCreatedByNote] =
            context.caller.subject;
      }
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t revision,
                              Commit(context, request, kept, objects, output));
    result.set_revision(revision);
    result.set_applied(true);
  }
  if (refused && !request.dry_run()) {
    audit_.Refused(context.caller, request.owner(), RefusalsIn(output.problems));
  }
  *result.mutable_plan() = std::move(output.plan);
  if (request.without_objects()) return result;
  // The objects of the request as they are now, or as they would be.
  const ObjectMap now = result.applied() ? hub_.Snapshot() : objects;
  std::map<Ref, const Resource*> planned;
  for (const PlannedWrite& write : output.writes) {
    if (write.after.has_value()) planned[write.ref] = &*write.after;
  }
  for (const Declared& declared : request.objects()) {
    const Ref ref = RefOf(declared.resource());
    const auto would_be = planned.find(ref);
    const Resource* object = now.Find(ref);
    if (!result.applied() && would_be != planned.end()) object = would_be->second;
    *result.add_objects() = object != nullptr ? *object : declared.resource();
  }
  return result;
}

void LocalResources::Stamp(PlannedWrite& write) {
  if (!write.after.has_value()) return;
  v1::Metadata& metadata = *write.after->mutable_metadata();
  if (write.new_incarnation) {
    metadata.set_uid(random_.Uid());
    metadata.set_generation(1);
    SetTime(clock_.Now(), *metadata.mutable_created_at());
  } else if (write.spec_changed) {
    metadata.set_generation(metadata.generation() + 1);
  }
}

// Stores the planned writes: one transaction, or for large sets several in the order of the plan,
// each recorded with the operation's id, so that repeating the call goes on instead of starting
// over. A set with premises is stored at once or not at all: of a part of it nobody could tell
// later whether its premises had been met. What the audit trail says about a write is stored with
// it.
absl::StatusOr<std::int64_t> LocalResources::Commit(const CallContext& context,
                                                    const ApplyRequest& request,
                                                    const KeptSecrets& kept,
                                                    const ObjectMap& objects, PlanOutput& output) {
  const Owner& owner = request.owner();
  std::int64_t revision = hub_.Snapshot().revision();
  const std::uint32_t chunks = static_cast<std::uint32_t>(
      (output.writes.size() + limits::kAtomicObjects - 1) / limits::kAtomicObjects);
  std::size_t next = 0;
  std::uint32_t done = 0;
  std::int64_t uncounted = output.destroys;
  ESPALIER_ASSIGN_OR_RETURN(auto premises, PremisesOf(request));
  for (PlannedWrite& write : output.writes) {
    Stamp(write);
    const std::size_t size = write.after.has_value() ? write.after->ByteSizeLong() : 0;
    if (size > limits::kObjectBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(ToHuman(write.ref), " has ", size,
                                                       " bytes; at most ", limits::kObjectBytes));
    }
  }
  // What follows from the plan (a confirmation that is used up) is no action of it.
  const v1::Action no_action;
  while (next < output.writes.size()) {
    Transaction transaction;
    std::vector<AuditEntry> deeds;
    std::size_t bytes = 0;
    for (; next < output.writes.size(); ++next) {
      const PlannedWrite& write = output.writes[next];
      if (transaction.compares.size() >= limits::kAtomicObjects) break;
      const v1::Action& action = write.action < 0 ? no_action : output.plan.actions(write.action);
      const Resource* before = objects.Find(write.ref);
      const Resource* after = write.after.has_value() ? &*write.after : nullptr;
      std::vector<StoreOp> beside = SecretOps(before, after, kept);
      const std::string key = KeyOf(write.ref);
      StoreOp op{.type = StoreOp::Type::kDelete, .key = key, .value = ""};
      if (write.after.has_value()) {
        op.type = StoreOp::Type::kPut;
        op.value = StoredBytes(*write.after);
      }
      if (write.base_revision == 0 && records_.HasTombstone(write.ref)) {
        beside.push_back(Records::DeleteTombstone(write.ref));
      }
      if (write.by_foreign_hand) {
        v1::TombstoneRecord record;
        *record.mutable_ref() = ToProto(write.ref);
        *record.mutable_owner() = action.owner();
        record.mutable_edited()->set_actor(context.caller.subject);
        record.mutable_edited()->set_interface(std::string(ManagerText(owner.manager())));
        record.mutable_edited()->set_reason(request.override().reason());
        SetTime(clock_.Now(), *record.mutable_edited()->mutable_at());
        beside.push_back(Records::PutTombstone(write.ref, record));
      }
      std::optional<AuditEntry> deed;
      if (IsDeed(context.caller, before, after)) deed = EntryOf(request, action, write, before);
      beside.insert(beside.begin(), std::move(op));
      std::size_t added = deed.has_value() ? deed->ByteSizeLong() : 0;
      for (const StoreOp& each : beside) added += each.key.size() + each.value.size();
      const bool full =
          bytes + added > limits::kTransactionBytes - kOtherBytes ||
          transaction.ops.size() + beside.size() > limits::kTransactionOps - kOtherOps;
      if (full && !transaction.ops.empty()) break;
      bytes += added;
      transaction.compares.push_back(Compare{.key = key, .mod_revision = write.base_revision});
      std::move(beside.begin(), beside.end(), std::back_inserter(transaction.ops));
      if (deed.has_value()) deeds.push_back(*std::move(deed));
    }
    const bool is_last = next == output.writes.size();
    if (done == 0 && !is_last && HasPremises(request)) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a set whose objects have to be new, or in a certain revision, is stored at once; this "
          "one has ",
          output.writes.size(), " changes, and ", next, " of them fit"));
    }
    AddPremises(premises, transaction);
    if (!deeds.empty()) {
      transaction.ops.push_back(audit_.Append(context.caller, std::move(deeds)));
    }
    if (uncounted > 0) {
      transaction.ops.push_back(records_.AddDestruction(owner, uncounted, clock_.Now()));
      uncounted = 0;
    }
    ++done;
    if (!context.operation_id.empty()) {
      v1::OperationRecord record;
      record.set_digest(output.plan.digest());
      SetTime(clock_.Now(), *record.mutable_at());
      record.set_done_chunks(done);
      record.set_chunks(is_last ? done : std::max(chunks, done + 1));
      transaction.ops.push_back(Records::PutOperation(context.operation_id, record));
    }
    const absl::StatusOr<std::int64_t> committed = store_.Commit(transaction);
    if (!committed.ok()) {
      return Annotate(committed.status(), done > 1
                                              ? absl::StrCat("storing part ", done, " of the set")
                                              : "storing the set");
    }
    revision = *committed;
    for (auto& [key, read] : premises) {
      if (Writes(transaction, key)) read = revision;
    }
  }
  if (!output.writes.empty()) {
    log_.Info("applied", {{telemetry::kActor, context.caller.subject},
                          {telemetry::kSource, OwnerText(owner)},
                          {telemetry::kCount, output.writes.size()},
                          {telemetry::kRevision, revision}});
  }
  if (audit_.overfull()) {
    const absl::Status swept = audit_.Sweep();
    if (!swept.ok()) {
      log_.Warn("audit trail was not swept", {{telemetry::kError, swept.ToString()}});
    }
  }
  return revision;
}

}  // namespace espalier
