// Records: what the engine stores beside objects so that its answers survive a restart: who deleted
// what against its owner's word, what an owner destroyed lately, which operations were carried out.
// Reads come from the store's view; writes are ops that the caller commits together with its own.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "engine/plan/drift.h"
#include "engine/store/store.h"
#include "espalier/v1/records.pb.h"

namespace espalier {

class Records {
 public:
  explicit Records(Store& store) : store_(store) {}

  std::map<Ref, Tombstone> Tombstones() const;
  bool HasTombstone(const Ref& ref) const;
  static StoreOp PutTombstone(const Ref& ref, const v1::TombstoneRecord& record);
  static StoreOp DeleteTombstone(const Ref& ref);

  // What `owner` destroyed in the hour before `now`.
  std::int64_t DestroyedLately(const v1::Owner& owner, absl::Time now) const;
  // Adds `count` at `now` and drops what is older than an hour.
  StoreOp AddDestruction(const v1::Owner& owner, std::int64_t count, absl::Time now) const;

  std::optional<v1::OperationRecord> Operation(const std::string& id) const;
  static StoreOp PutOperation(const std::string& id, const v1::OperationRecord& record);

  // Removes tombstones and operations that are older than `kKept`. Errors are the store's.
  absl::Status Sweep(absl::Time now);
  static constexpr absl::Duration kKept = absl::Hours(24);

 private:
  Store& store_;
};

}  // namespace espalier
