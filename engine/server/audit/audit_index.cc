#include "engine/server/audit/audit_index.h"

#include <algorithm>
#include <limits>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

// More than kAtomicObjects, which one record holds at most.
constexpr std::int64_t kPlaces = 128;
static_assert(limits::kAtomicObjects <= kPlaces);
// What may be too much before it is swept: each sweep goes over the whole index.
constexpr std::size_t kSlack = 10;

std::uint32_t HashOfText(absl::string_view text) {
  return static_cast<std::uint32_t>(absl::HashOf(text));
}

}  // namespace

std::int64_t AuditIndex::SequenceOf(std::int64_t revision, int position) {
  return revision * kPlaces + position;
}

std::int64_t AuditIndex::RevisionOf(std::int64_t sequence) { return sequence / kPlaces; }

int AuditIndex::PositionOf(std::int64_t sequence) { return static_cast<int>(sequence % kPlaces); }

std::uint32_t AuditIndex::HashOf(const v1::Ref& ref) {
  return HashOfText(absl::StrCat(ref.kind(), "/", ref.namespace_(), "/", ref.name()));
}

AuditRow AuditIndex::RowOf(AuditRecord record, std::int64_t revision, int position,
                           const AuditEntry& entry) {
  return {.sequence = SequenceOf(revision, position),
          .at = entry.at().seconds(),
          .record = record,
          .kind = HashOfText(entry.ref().kind()),
          .object = HashOf(entry.ref()),
          .subject = HashOfText(entry.subject()),
          .verb = entry.verb()};
}

void AuditIndex::Add(const AuditRow& row) {
  ESPALIER_CHECK(rows_.empty() || rows_.back().sequence < row.sequence);
  rows_.push_back(row);
  refusals_ += row.record.refusal ? 1 : 0;
}

std::vector<AuditRow> AuditIndex::Candidates(const AuditQuery& query, std::int64_t before,
                                             std::size_t limit) const {
  const v1::Ref& ref = query.ref();
  const std::uint32_t kind = HashOfText(ref.kind());
  const std::uint32_t object = HashOf(ref);
  const std::uint32_t subject = HashOfText(query.subject());
  const std::int64_t since =
      query.has_since() ? query.since().seconds() : std::numeric_limits<std::int64_t>::min();
  std::vector<AuditRow> found;
  auto row = std::lower_bound(
      rows_.begin(), rows_.end(), before,
      [](const AuditRow& a, std::int64_t sequence) { return a.sequence < sequence; });
  while (row != rows_.begin() && found.size() < limit) {
    --row;
    if (row->at < since) continue;
    if (!ref.kind().empty() && row->kind != kind) continue;
    if (!ref.name().empty() && row->object != object) continue;
    if (!query.subject().empty() && row->subject != subject) continue;
    found.push_back(*row);
  }
  return found;
}

std::vector<AuditRow> AuditIndex::LastOfEach(absl::flat_hash_set<std::uint32_t> objects,
                                             const std::set<v1::Action::Verb>& verbs) const {
  std::vector<AuditRow> found;
  for (auto row = rows_.rbegin(); row != rows_.rend() && !objects.empty(); ++row) {
    if (row->record.refusal || !verbs.contains(row->verb)) continue;
    if (objects.erase(row->object) > 0) found.push_back(*row);
  }
  return found;
}

bool AuditIndex::overfull() const {
  return rows_.size() - refusals_ > limits::kAuditChanges + limits::kAuditChanges / kSlack ||
         refusals_ > limits::kAuditRefusals + limits::kAuditRefusals / kSlack;
}

std::vector<AuditRecord> AuditIndex::Overdue(absl::Time oldest) const {
  const std::int64_t cutoff = absl::ToUnixSeconds(oldest);
  std::size_t refusals = refusals_;
  std::size_t changes = rows_.size() - refusals_;
  std::vector<AuditRecord> overdue;
  for (const AuditRow& row : rows_) {
    std::size_t& count = row.record.refusal ? refusals : changes;
    const std::size_t bound = row.record.refusal ? limits::kAuditRefusals : limits::kAuditChanges;
    // The rest of a record goes with its first entry.
    const bool begun = !overdue.empty() && overdue.back() == row.record;
    if (!begun && count <= bound && row.at >= cutoff) continue;
    --count;
    if (!begun) overdue.push_back(row.record);
  }
  return overdue;
}

void AuditIndex::Forget(const std::set<AuditRecord>& records) {
  const auto is_gone = [&](const AuditRow& row) { return records.contains(row.record); };
  refusals_ -=
      static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), [&](const AuditRow& row) {
        return row.record.refusal && is_gone(row);
      }));
  rows_.erase(std::remove_if(rows_.begin(), rows_.end(), is_gone), rows_.end());
}

}  // namespace espalier
