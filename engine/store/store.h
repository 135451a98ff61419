// Store: bytes with revisions, and nothing about kinds. One interface over memory, SQLite (and
// later etcd); one conformance suite runs the same histories over all of them.
//
// Every committed transaction gets the next revision. All reads are answered from an in-memory view
// that is complete up to revision(). Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace espalier {

struct KeyValue {
  std::string key;
  std::string value;
  // Revision of the last write, and of the write that made it.
  std::int64_t mod_revision = 0;
  std::int64_t create_revision = 0;
};

// A condition of a transaction: the key's mod_revision is this one; 0: the key does not exist.
struct Compare {
  std::string key;
  std::int64_t mod_revision = 0;
};

struct StoreOp {
  enum class Type { kPut, kDelete };
  Type type = Type::kPut;
  std::string key;
  std::string value;
};

struct Transaction {
  std::vector<Compare> compares;
  // At most limits::kTransactionOps, no key twice.
  std::vector<StoreOp> ops;
};

// One change, as watchers see it. For deletions `value` is the last value.
struct StoreEvent {
  StoreOp::Type type = StoreOp::Type::kPut;
  std::string key;
  std::string value;
  std::int64_t revision = 0;
};

struct RangeResult {
  // In order of their keys.
  std::vector<KeyValue> items;
  // The revision that the answer is consistent with.
  std::int64_t revision = 0;
  bool more = false;
};

class Store {
 public:
  // Sees every committed transaction's events, in order of revision, none missing and none twice.
  using Observer = std::function<void(absl::Span<const StoreEvent>)>;

  virtual ~Store() = default;

  // Commits all ops if all compares hold, and returns the revision once it is durable and the
  // observer has returned. What changes nothing (no ops, or deletions of keys that are not there)
  // makes no revision and returns the last one. ABORTED: a compare failed, nothing is changed.
  // INVALID_ARGUMENT: more than the limits. RESOURCE_EXHAUSTED: too many transactions wait.
  // UNAVAILABLE: the disk failed, whether it is stored is unknown and the store refuses further
  // writes. FAILED_PRECONDITION after Close. Concurrent calls share a disk sync.
  virtual absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) = 0;

  // Keys in [begin, end) in order; empty `end`: all from `begin`. At most `limit` (0: no limit).
  virtual absl::StatusOr<RangeResult> Range(absl::string_view begin, absl::string_view end,
                                            std::size_t limit) const = 0;
  // The key's value. NOT_FOUND.
  virtual absl::StatusOr<KeyValue> Get(absl::string_view key) const = 0;

  // Events with revision > `after`, up to now: whole revisions, and at most `limit` events (0: no
  // limit) unless the first revision alone has more. OUT_OF_RANGE: `after` is compacted, or lies in
  // the future.
  virtual absl::StatusOr<std::vector<StoreEvent>> EventsAfter(std::int64_t after,
                                                              std::size_t limit) const = 0;

  // `observer` is called before Commit returns, on one thread at a time (the committing one or the
  // store's own), with every revision after the one that Observe returns, one revision a call. It
  // must not block and must not call the store. Once, before the first Commit.
  virtual std::int64_t Observe(Observer observer) = 0;

  // Revision of the last commit.
  virtual std::int64_t revision() const = 0;
  // Names this history: a restore gives another one, so that nobody resumes across it.
  virtual std::string epoch() const = 0;

  // Forgets events up to `revision` (live keys stay). OUT_OF_RANGE if it lies in the future.
  virtual absl::Status Compact(std::int64_t revision) = 0;

  // All live keys and the revision, in a form that is the same for every store.
  virtual absl::StatusOr<std::string> Snapshot() const = 0;
  // Replaces everything by a snapshot, with a new epoch and a revision above both. Only while
  // nobody else uses the store. DATA_LOSS if the snapshot is damaged.
  virtual absl::Status Restore(absl::string_view snapshot) = 0;

  // Commits what waits and refuses more. Once.
  virtual absl::Status Close() = 0;
};

}  // namespace espalier
