#include "engine/server/audit/audit_trail.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/model/timestamp.h"
#include "engine/server/audit/audit_entry.h"
#include "engine/server/auth/access.h"

namespace espalier {
namespace {

// What was done, and what was refused: apart, so that each is bounded by itself.
constexpr absl::string_view kChanges = "a/";
constexpr absl::string_view kChangesEnd = "a0";
constexpr absl::string_view kRefusals = "x/";
constexpr absl::string_view kRefusalsEnd = "x0";

constexpr absl::Duration kSameRefusal = absl::Hours(1);
// Rows looked at before the lock is let go of.
constexpr std::size_t kBatch = 256;

// In order of their numbers, and short enough to need no memory beside the string itself.
std::string KeyOf(const AuditRecord& record) {
  return absl::StrCat(record.refusal ? kRefusals : kChanges,
                      absl::StrFormat("%012x", record.number));
}

std::optional<AuditRecord> RecordOf(absl::string_view key) {
  AuditRecord record{.refusal = absl::StartsWith(key, kRefusals)};
  if (!absl::SimpleHexAtoi(key.substr(kChanges.size()), &record.number)) return std::nullopt;
  return record;
}

bool Matches(const AuditQuery& query, const AuditEntry& entry) {
  const v1::Ref& wanted = query.ref();
  const v1::Ref& ref = entry.ref();
  return (wanted.kind().empty() || wanted.kind() == ref.kind()) &&
         (wanted.namespace_().empty() || wanted.namespace_() == ref.namespace_()) &&
         (wanted.name().empty() || wanted.name() == ref.name()) &&
         (query.subject().empty() || query.subject() == entry.subject()) &&
         (!query.has_since() || TimeOf(entry.at()) >= TimeOf(query.since()));
}

}  // namespace

bool IsAuditKey(absl::string_view key) {
  return absl::StartsWith(key, kChanges) || absl::StartsWith(key, kRefusals);
}

class AuditTrail::Reader {
 public:
  explicit Reader(const Store& store) : store_(store) {}

  // Nothing if it has been swept in the meantime.
  std::optional<AuditEntry> EntryAt(const AuditRow& row) {
    if (!read_.has_value() || *read_ != row.record) {
      read_ = row.record;
      page_.Clear();
      const absl::StatusOr<KeyValue> stored = store_.Get(KeyOf(row.record));
      if (!stored.ok() || !page_.ParseFromString(stored->value)) page_.Clear();
    }
    const int position = AuditIndex::PositionOf(row.sequence);
    if (position >= page_.entries_size()) return std::nullopt;
    AuditEntry entry = page_.entries(position);
    entry.set_sequence(row.sequence);
    if (!row.record.refusal) entry.set_revision(AuditIndex::RevisionOf(row.sequence));
    return entry;
  }

 private:
  const Store& store_;
  std::optional<AuditRecord> read_;
  AuditPage page_;
};

absl::Status AuditTrail::Load() {
  std::vector<KeyValue> records;
  for (const auto& [begin, end] :
       {std::pair(kChanges, kChangesEnd), std::pair(kRefusals, kRefusalsEnd)}) {
    ESPALIER_ASSIGN_OR_RETURN(RangeResult range, store_.Range(begin, end, 0));
    std::move(range.items.begin(), range.items.end(), std::back_inserter(records));
  }
  std::sort(records.begin(), records.end(), [](const KeyValue& a, const KeyValue& b) {
    return a.create_revision < b.create_revision;
  });
  for (const KeyValue& record : records) {
    if (!RecordOf(record.key).has_value()) {
      return absl::DataLossError(absl::StrCat("audit record \"", record.key, "\" has no number"));
    }
    AddRows(record.key, record.value, record.create_revision);
  }
  return absl::OkStatus();
}

void AuditTrail::OnCommit(const StoreEvent& event) {
  // What is swept was forgotten by the sweep.
  if (event.type == StoreOp::Type::kPut) AddRows(event.key, event.value, event.revision);
}

void AuditTrail::AddRows(absl::string_view key, absl::string_view value, std::int64_t revision) {
  const std::optional<AuditRecord> record = RecordOf(key);
  AuditPage page;
  if (!record.has_value() || !page.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return;
  }
  next_record_ = std::max(next_record_.load(), record->number + 1);
  MutexLock lock(mu_);
  for (int i = 0; i < page.entries_size(); ++i) {
    index_.Add(AuditIndex::RowOf(*record, revision, i, page.entries(i)));
  }
}

StoreOp AuditTrail::PutRecord(bool refusal, const AuditPage& entries) {
  return {.type = StoreOp::Type::kPut,
          .key = KeyOf({.refusal = refusal, .number = next_record_.fetch_add(1)}),
          .value = entries.SerializeAsString()};
}

StoreOp AuditTrail::Append(const Caller& caller, std::vector<AuditEntry> entries) {
  ESPALIER_CHECK(!entries.empty());
  ESPALIER_CHECK(entries.size() <= limits::kAtomicObjects);
  AuditPage page;
  for (AuditEntry& entry : entries) {
    entry.set_subject(caller.subject);
    SetTime(clock_.Now(), *entry.mutable_at());
    CutToSize(entry);
    *page.add_entries() = std::move(entry);
  }
  return PutRecord(/*refusal=*/false, page);
}

bool AuditTrail::IsNews(const Caller& caller, const Refusal& refusal) {
  const std::size_t hash = absl::HashOf(caller.subject, refusal.ref.kind(),
                                        refusal.ref.namespace_(), refusal.ref.name(), refusal.code);
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  if (recent_.size() >= limits::kAuditRefusalsPerHour) {
    absl::erase_if(recent_, [&](const auto& item) { return item.second <= now; });
  }
  const auto found = recent_.find(hash);
  if (found != recent_.end()) {
    if (found->second > now) return false;
    found->second = now + kSameRefusal;
    return true;
  }
  if (recent_.size() >= limits::kAuditRefusalsPerHour) return false;
  recent_.emplace(hash, now + kSameRefusal);
  return true;
}

void AuditTrail::Refused(const Caller& caller, const v1::Owner& owner,
                         const std::vector<Refusal>& refusals) {
  // What a controller asks for in vain, it asks for again; its object says why.
  if (caller.role == Caller::Role::kController) return;
  AuditPage page;
  for (const Refusal& refusal : refusals) {
    if (page.entries_size() == static_cast<int>(limits::kAtomicObjects)) break;
    if (!IsNews(caller, refusal)) continue;
    AuditEntry& entry = *page.add_entries();
    SetTime(clock_.Now(), *entry.mutable_at());
    entry.set_subject(caller.subject);
    if (owner.manager() != v1::Owner::MANAGER_UNSPECIFIED) *entry.mutable_owner() = owner;
    *entry.mutable_ref() = refusal.ref;
    entry.set_refused(refusal.message);
    CutToSize(entry);
  }
  if (page.entries_size() == 0) return;
  Transaction transaction;
  transaction.ops.push_back(PutRecord(/*refusal=*/true, page));
  absl::Status stored = store_.Commit(transaction).status();
  if (stored.ok() && overfull()) stored = Sweep();
  if (!stored.ok()) {
    log_.Warn("refusal was not written down",
              {{telemetry::kActor, caller.subject}, {telemetry::kError, stored.ToString()}});
  }
}

absl::StatusOr<AuditPage> AuditTrail::List(const CallContext& context, const AuditQuery& query) {
  ESPALIER_RETURN_IF_ERROR(access::MayReadAudit(context.caller));
  if (!query.ref().name().empty() && query.ref().kind().empty()) {
    return absl::InvalidArgumentError("a name needs its kind");
  }
  const bool sees_tokens = access::SeesTokens(context.caller);
  const int limit = static_cast<int>(query.limit() == 0
                                         ? limits::kPageSize
                                         : std::min<std::size_t>(query.limit(), limits::kPageSize));
  std::int64_t before =
      query.before() > 0 ? query.before() : std::numeric_limits<std::int64_t>::max();
  Reader reader(store_);
  AuditPage page;
  for (;;) {
    std::vector<AuditRow> rows;
    {
      MutexLock lock(mu_);
      rows = index_.Candidates(query, before, kBatch);
    }
    for (const AuditRow& row : rows) {
      std::optional<AuditEntry> entry = reader.EntryAt(row);
      if (!entry.has_value() || !Matches(query, *entry)) continue;
      if (entry->ref().kind() == kTokenKind && !sees_tokens) continue;
      if (page.entries_size() == limit) {
        page.set_next_before(page.entries(limit - 1).sequence());
        return page;
      }
      *page.add_entries() = *std::move(entry);
    }
    if (rows.size() < kBatch) return page;
    before = rows.back().sequence;
  }
}

std::map<Ref, AuditEntry> AuditTrail::LastOfEach(const std::set<Ref>& refs,
                                                 const std::set<v1::Action::Verb>& verbs) const {
  absl::flat_hash_set<std::uint32_t> wanted;
  for (const Ref& ref : refs) wanted.insert(AuditIndex::HashOf(ToProto(ref)));
  std::vector<AuditRow> rows;
  if (!wanted.empty()) {
    MutexLock lock(mu_);
    rows = index_.LastOfEach(std::move(wanted), verbs);
  }
  std::map<Ref, AuditEntry> found;
  Reader reader(store_);
  for (const AuditRow& row : rows) {
    std::optional<AuditEntry> entry = reader.EntryAt(row);
    if (!entry.has_value()) continue;
    const absl::StatusOr<Ref> ref = FromProto(entry->ref());
    if (ref.ok() && refs.contains(*ref)) found[*ref] = *std::move(entry);
  }
  return found;
}

bool AuditTrail::overfull() const {
  MutexLock lock(mu_);
  return index_.overfull();
}

absl::Status AuditTrail::Sweep() {
  // Whoever comes second would only delete the same.
  if (sweeping_.exchange(true)) return absl::OkStatus();
  std::vector<AuditRecord> overdue;
  {
    MutexLock lock(mu_);
    overdue = index_.Overdue(clock_.Now() - absl::Hours(24) * limits::kAuditDays);
  }
  absl::Status status;
  std::set<AuditRecord> gone;
  for (std::size_t begin = 0; status.ok() && begin < overdue.size();
       begin += limits::kAtomicObjects) {
    const std::size_t end = std::min(overdue.size(), begin + limits::kAtomicObjects);
    Transaction transaction;
    for (std::size_t i = begin; i < end; ++i) {
      transaction.ops.push_back(
          {.type = StoreOp::Type::kDelete, .key = KeyOf(overdue[i]), .value = ""});
    }
    status = store_.Commit(transaction).status();
    if (status.ok()) gone.insert(&overdue[begin], &overdue[0] + end);
  }
  {
    MutexLock lock(mu_);
    index_.Forget(gone);
  }
  sweeping_ = false;
  return status;
}

}  // namespace espalier
