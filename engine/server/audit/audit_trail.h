// AuditTrail: the audit trail in the store, under keys of its own. A change's entries are one op of
// the transaction that makes the change, so that there is never one without the other; refusals are
// transactions of their own. Nothing is ever altered; the oldest go in bulk (limits.h).
//
// Owned by LocalResources. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/api/audit.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/model/ref.h"
#include "engine/server/audit/audit_index.h"
#include "engine/store/store.h"

namespace espalier {

// Why a call was not carried out.
struct Refusal {
  // About which object; without a kind: about none alone.
  v1::Ref ref;
  // A word that does not change from call to call: "owner_conflict".
  std::string code;
  // For people.
  std::string message;
};

class AuditTrail final : public Audit {
 public:
  // All must outlive it.
  AuditTrail(Clock& clock, Log& log, Store& store) : clock_(clock), log_(log), store_(store) {}

  // Reads what is there. Once, before anything else. DATA_LOSS if an entry cannot be read.
  absl::Status Load();
  // Takes note of a committed change of the store. On the store's committing thread, in order of
  // revision.
  void OnCommit(const StoreEvent& event);

  // The op that adds the entries, which `caller` does now, to a transaction. REQUIRES: 1 to
  // limits::kAtomicObjects entries.
  StoreOp Append(const Caller& caller, std::vector<AuditEntry> entries);

  // Writes down that the caller was refused. The same refusal of the same subject about the same
  // object is written down once an hour, and limits::kAuditRefusalsPerHour different ones; of the
  // engine's own controllers nothing is. Waits for the disk where it writes; the log has it if that
  // fails.
  void Refused(const Caller& caller, const v1::Owner& owner, const std::vector<Refusal>& refusals);

  absl::StatusOr<AuditPage> List(const CallContext& context, const AuditQuery& query) override;

  // The last entry of each object that was about one of the verbs; none of those that have none.
  std::map<Ref, AuditEntry> LastOfEach(const std::set<Ref>& refs,
                                       const std::set<v1::Action::Verb>& verbs) const;

  // Whether there is so much more than the limits that the next writer should sweep.
  bool overfull() const;
  // Removes what is beyond the limits. Errors are the store's.
  absl::Status Sweep();

 private:
  // Reads entries, and keeps the last record: neighbours are often in one.
  class Reader;

  void AddRows(absl::string_view key, absl::string_view value, std::int64_t revision);
  StoreOp PutRecord(bool refusal, const AuditPage& entries);
  // Whether it was not written down lately.
  bool IsNews(const Caller& caller, const Refusal& refusal);

  Clock& clock_;
  Log& log_;
  Store& store_;
  std::atomic<std::uint64_t> next_record_ = 1;
  std::atomic<bool> sweeping_ = false;

  mutable Mutex mu_;
  AuditIndex index_ ABSL_GUARDED_BY(mu_);
  // Refusals by their hash, and when they may be written down again.
  absl::flat_hash_map<std::size_t, absl::Duration> recent_ ABSL_GUARDED_BY(mu_);
};

// Whether the key is one of the trail's.
bool IsAuditKey(absl::string_view key);

}  // namespace espalier
