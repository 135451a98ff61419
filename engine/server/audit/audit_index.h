// AuditIndex: where in the store the entries of the audit trail are, and enough about each to find
// it without reading all. Not thread-safe: the trail guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "engine/api/audit.h"

namespace espalier {

// A record of the store that holds entries: of deeds that were committed together, or one refusal.
struct AuditRecord {
  bool refusal = false;
  std::uint64_t number = 0;

  auto operator<=>(const AuditRecord&) const = default;
};

struct AuditRow {
  // Revision and place in the record, so that it only grows; see SequenceOf.
  std::int64_t sequence = 0;
  // Unix seconds.
  std::int64_t at = 0;
  AuditRecord record;
  // Hashes, to pass over what cannot be meant.
  std::uint32_t kind = 0;
  std::uint32_t object = 0;
  std::uint32_t subject = 0;
  v1::Action::Verb verb = v1::Action::VERB_UNSPECIFIED;
};

class AuditIndex {
 public:
  // The entry at `position` of a record that the store wrote at `revision`.
  static std::int64_t SequenceOf(std::int64_t revision, int position);
  static std::int64_t RevisionOf(std::int64_t sequence);
  static int PositionOf(std::int64_t sequence);
  // A row of that entry.
  static AuditRow RowOf(AuditRecord record, std::int64_t revision, int position,
                        const AuditEntry& entry);

  // REQUIRES: sequences grow.
  void Add(const AuditRow& row);
  // Rows that may match the query, the newest first, at most `limit`, all before `before`. A query
  // that asks for nothing but a time matches all.
  std::vector<AuditRow> Candidates(const AuditQuery& query, std::int64_t before,
                                   std::size_t limit) const;
  // Of each object whose hash is wanted the newest row with the verb.
  std::vector<AuditRow> LastOfEach(absl::flat_hash_set<std::uint32_t> objects,
                                   const std::set<v1::Action::Verb>& verbs) const;
  static std::uint32_t HashOf(const v1::Ref& ref);

  // Whether enough is beyond the limits to be worth a sweep.
  bool overfull() const;
  // Records that are beyond the limits or from before `oldest`, in order.
  std::vector<AuditRecord> Overdue(absl::Time oldest) const;
  void Forget(const std::set<AuditRecord>& records);

 private:
  std::deque<AuditRow> rows_;
  std::size_t refusals_ = 0;
};

}  // namespace espalier
