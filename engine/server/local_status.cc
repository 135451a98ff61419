// LocalResources: UpdateStatus, and the guards that keep an old report from being believed.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/model/access.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/model/vm_run.h"
#include "engine/server/local_resources.h"
#include "engine/server/stored_bytes.h"

namespace espalier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr char kObserved[] = "observed";

// A report may have to be tried anew because somebody else wrote to the object in between: its
// guard is the run, not the revision. Each try that fails means that another writer got further.
constexpr int kObservedTries = 64;

// Whether the report is about a run of this list (of retiring runs, or ended ones).
template <typename Runs>
bool IsAboutOneOf(const Runs& runs, const v1::VmObserved& report) {
  return std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
    return run.uid() == report.uid() && run.attempt() == report.attempt();
  });
}

// A terminal report about a run that was left: it is kept beside the status of the present one.
absl::Status TakeEnded(const v1::VmObserved& report, Resource& object) {
  v1::VmStatus& status = *object.mutable_vm()->mutable_status();
  if (!IsTerminal(report.phase())) return absl::OkStatus();
  if (IsAboutOneOf(status.ended(), report)) return absl::OkStatus();
  v1::EndedRun& run = *status.add_ended();
  run.set_uid(report.uid());
  run.set_attempt(report.attempt());
  return absl::OkStatus();
}

absl::Status TakeVmReport(const Resource& written, Resource& object) {
  const v1::VmObserved& report = written.vm().status().observed();
  v1::VmStatus& status = *object.mutable_vm()->mutable_status();
  // Asked first: the attempt keeps its number until the next one is placed, so that a run which was
  // left may look like the present one.
  if (IsAboutOneOf(status.placement().retiring(), report)) return TakeEnded(report, object);
  if (report.uid() != object.metadata().uid() || report.attempt() != status.placement().attempt()) {
    return absl::FailedPreconditionError("the report is about an earlier run");
  }
  const v1::VmObserved& known = status.observed();
  if (known.uid() == report.uid() && known.attempt() == report.attempt()) {
    if (report.sequence() <= known.sequence()) {
      return absl::FailedPreconditionError("a newer report of this run is known");
    }
    if (IsTerminal(known.phase()) && !IsTerminal(report.phase())) {
      return absl::FailedPreconditionError(
          "this run has ended; what runs again is another attempt");
    }
  }
  *status.mutable_observed() = report;
  return absl::OkStatus();
}

absl::Status TakeHostReport(const Resource& written, Resource& object) {
  const v1::HostObserved& report = written.host().status().observed();
  v1::HostObserved& known = *object.mutable_host()->mutable_status()->mutable_observed();
  if (known.boot_id() == report.boot_id() && report.sequence() <= known.sequence()) {
    return absl::FailedPreconditionError("a newer report of this host is known");
  }
  known = report;
  return absl::OkStatus();
}

// Writes the object as it is `after`, or takes it away with all that is kept for it.
void AddWrite(const std::string& key, std::int64_t base, const ObjectPtr& before,
              const ObjectPtr& after, Transaction& transaction) {
  transaction.compares.push_back(Compare{.key = key, .mod_revision = base});
  if (after != nullptr) {
    transaction.ops.push_back({StoreOp::Type::kPut, key, StoredBytes(*after)});
    return;
  }
  transaction.ops.push_back({StoreOp::Type::kDelete, key, ""});
  for (StoreOp& op : SecretOps(before.get(), nullptr, {})) {
    transaction.ops.push_back(std::move(op));
  }
}

// Replaces all parts of the status but the observed ones.
void TakeControllerStatus(const Resource& written, Resource& object) {
  const Message& from = StatusOf(written);
  Message* to = MutableStatus(object);
  for (int i = 0; i < from.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = from.GetDescriptor()->field(i);
    if (field->name() == kObserved) continue;
    to->GetReflection()->ClearField(to, field);
  }
  Resource copy = written;
  Message* parts = MutableStatus(copy);
  if (const FieldDescriptor* observed = parts->GetDescriptor()->FindFieldByName(kObserved)) {
    parts->GetReflection()->ClearField(parts, observed);
  }
  to->MergeFrom(*parts);
}

}  // namespace

std::vector<absl::StatusOr<std::int64_t>> LocalResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  std::vector<absl::StatusOr<std::int64_t>> results(writes.size(),
                                                    absl::UnknownError("not written"));
  // Writes to different objects go into common transactions; one that loses its race is tried
  // alone, so that it does not take the others with it.
  std::size_t next = 0;
  while (next < writes.size()) {
    const ObjectMap objects = hub_.Snapshot();
    Transaction transaction;
    std::vector<std::size_t> members;
    for (; next < writes.size() && members.size() < limits::kAtomicObjects; ++next) {
      const std::string key = KeyOf(RefOf(writes[next].resource()));
      const bool twice = std::any_of(transaction.ops.begin(), transaction.ops.end(),
                                     [&](const StoreOp& op) { return op.key == key; });
      if (twice) break;
      const ObjectPtr current = objects.Get(key);
      absl::StatusOr<ObjectPtr> after = AfterStatusWrite(writes[next], current);
      const std::int64_t base = current == nullptr ? 0 : current->metadata().revision();
      if (!after.ok()) {
        results[next] = after.status();
        continue;
      }
      if (*after != nullptr && *after == current) {
        results[next] = base;
        continue;
      }
      AddWrite(key, base, current, *after, transaction);
      members.push_back(next);
    }
    if (members.empty()) continue;
    const absl::StatusOr<std::int64_t> revision = store_.Commit(transaction);
    for (const std::size_t member : members) {
      results[member] = absl::IsAborted(revision.status()) ? WriteStatus(writes[member]) : revision;
    }
  }
  return results;
}

absl::StatusOr<std::int64_t> LocalResources::WriteStatus(const StatusWrite& write) {
  const std::string key = KeyOf(RefOf(write.resource()));
  absl::Status last;
  for (int i = 0; i < kObservedTries; ++i) {
    const ObjectPtr current = hub_.Snapshot().Get(key);
    ESPALIER_ASSIGN_OR_RETURN(const ObjectPtr after, AfterStatusWrite(write, current));
    const std::int64_t base = current == nullptr ? 0 : current->metadata().revision();
    if (after != nullptr && after == current) return base;
    Transaction transaction;
    AddWrite(key, base, current, after, transaction);
    const absl::StatusOr<std::int64_t> revision = store_.Commit(transaction);
    if (!absl::IsAborted(revision.status())) return revision;
    last = revision.status();
  }
  return last;
}

// Returns `current` itself when nothing changes and null when the object goes away.
absl::StatusOr<ObjectPtr> LocalResources::AfterStatusWrite(const StatusWrite& write,
                                                           const ObjectPtr& current) {
  const Resource& written = write.resource();
  if (written.body_case() == kNoKind) return absl::InvalidArgumentError("the object has no kind");
  const Ref ref = RefOf(written);
  if (current == nullptr) {
    if (!write.register_() || write.writer() != StatusWrite::OBSERVED || !written.has_host()) {
      return absl::NotFoundError(absl::StrCat(ToHuman(ref), " does not exist"));
    }
    if (!IsValidName(ref.name)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", ref.name, "\" is not a valid name"));
    }
    auto born = std::make_shared<Resource>();
    SetKind(*born, ref.kind);
    born->mutable_metadata()->set_name(ref.name);
    *born->mutable_metadata()->mutable_labels() = written.metadata().labels();
    born->mutable_metadata()->set_uid(random_.Uid());
    born->mutable_metadata()->set_generation(1);
    SetTime(clock_.Now(), *born->mutable_metadata()->mutable_created_at());
    ApplyDefaults(*born);
    ESPALIER_RETURN_IF_ERROR(TakeHostReport(written, *born));
    return born;
  }
  const bool other_uid =
      !written.metadata().uid().empty() && written.metadata().uid() != current->metadata().uid();
  auto after = std::make_shared<Resource>(*current);
  switch (write.writer()) {
    case StatusWrite::OBSERVED:
      if (written.has_vm()) {
        ESPALIER_RETURN_IF_ERROR(TakeVmReport(written, *after));
      } else if (written.has_host()) {
        ESPALIER_RETURN_IF_ERROR(TakeHostReport(written, *after));
      } else {
        return absl::InvalidArgumentError(absl::StrCat(ToHuman(ref), " has no observed status"));
      }
      break;
    case StatusWrite::CONTROLLER:
    case StatusWrite::FINALIZE:
      if (other_uid)
        return absl::NotFoundError(absl::StrCat(ToHuman(ref), ": that incarnation is gone"));
      if (written.metadata().revision() != current->metadata().revision()) {
        return absl::AbortedError(absl::StrCat(ToHuman(ref), " has changed since it was read"));
      }
      if (write.writer() == StatusWrite::FINALIZE) {
        if (!current->metadata().has_deleting_since()) {
          return absl::FailedPreconditionError(absl::StrCat(ToHuman(ref), " is not being deleted"));
        }
        return ObjectPtr();
      }
      TakeControllerStatus(written, *after);
      break;
    default:
      return absl::InvalidArgumentError("the write names no writer");
  }
  if (StoredBytes(*after) == StoredBytes(*current)) return current;
  return after;
}

}  // namespace espalier
