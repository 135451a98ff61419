#include "engine/server/records.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/model/ref.h"
#include "engine/model/timestamp.h"
#include "engine/plan/ownership.h"

namespace espalier {
namespace {

constexpr absl::string_view kTombstones = "d/";
constexpr absl::string_view kTombstonesEnd = "d0";
constexpr absl::string_view kOperations = "o/";
constexpr absl::string_view kOperationsEnd = "o0";
constexpr absl::Duration kBudgetWindow = absl::Hours(1);

std::string DestructionKey(const v1::Owner& owner) {
  return absl::StrCat("b/", ManagerText(owner.manager()), "/", owner.instance());
}

StoreOp Put(std::string key, const google::protobuf::Message& message) {
  return StoreOp{
      .type = StoreOp::Type::kPut, .key = std::move(key), .value = message.SerializeAsString()};
}

v1::DestructionRecord ReadDestruction(const Store& store, const v1::Owner& owner, absl::Time now) {
  v1::DestructionRecord kept;
  const absl::StatusOr<KeyValue> stored = store.Get(DestructionKey(owner));
  v1::DestructionRecord record;
  if (!stored.ok() || !record.ParseFromString(stored->value)) return kept;
  for (const auto& entry : record.entries()) {
    if (TimeOf(entry.at()) + kBudgetWindow > now) *kept.add_entries() = entry;
  }
  return kept;
}

}  // namespace

std::map<Ref, Tombstone> Records::Tombstones() const {
  std::map<Ref, Tombstone> tombstones;
  const absl::StatusOr<RangeResult> range = store_.Range(kTombstones, kTombstonesEnd, 0);
  if (!range.ok()) return tombstones;
  for (const KeyValue& item : range->items) {
    v1::TombstoneRecord record;
    if (!record.ParseFromString(item.value)) continue;
    const absl::StatusOr<Ref> ref = FromProto(record.ref());
    if (ref.ok()) tombstones[*ref] = Tombstone{.edited = record.edited(), .owner = record.owner()};
  }
  return tombstones;
}

bool Records::HasTombstone(const Ref& ref) const {
  return store_.Get(absl::StrCat(kTombstones, ToString(ref))).ok();
}

StoreOp Records::PutTombstone(const Ref& ref, const v1::TombstoneRecord& record) {
  return Put(absl::StrCat(kTombstones, ToString(ref)), record);
}

StoreOp Records::DeleteTombstone(const Ref& ref) {
  return StoreOp{
      .type = StoreOp::Type::kDelete, .key = absl::StrCat(kTombstones, ToString(ref)), .value = ""};
}

std::int64_t Records::DestroyedLately(const v1::Owner& owner, absl::Time now) const {
  const v1::DestructionRecord record = ReadDestruction(store_, owner, now);
  std::int64_t count = 0;
  for (const auto& entry : record.entries()) count += entry.count();
  return count;
}

StoreOp Records::AddDestruction(const v1::Owner& owner, std::int64_t count, absl::Time now) const {
  v1::DestructionRecord record = ReadDestruction(store_, owner, now);
  auto& entry = *record.add_entries();
  SetTime(now, *entry.mutable_at());
  entry.set_count(count);
  return Put(DestructionKey(owner), record);
}

std::optional<v1::OperationRecord> Records::Operation(const std::string& id) const {
  const absl::StatusOr<KeyValue> stored = store_.Get(absl::StrCat(kOperations, id));
  v1::OperationRecord record;
  if (!stored.ok() || !record.ParseFromString(stored->value)) return std::nullopt;
  return record;
}

StoreOp Records::PutOperation(const std::string& id, const v1::OperationRecord& record) {
  return Put(absl::StrCat(kOperations, id), record);
}

absl::Status Records::Sweep(absl::Time now) {
  std::vector<StoreOp> old;
  const auto collect = [&](absl::string_view begin, absl::string_view end,
                           const auto& time_of) -> absl::Status {
    ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store_.Range(begin, end, 0));
    for (const KeyValue& item : range.items) {
      if (time_of(item.value) + kKept < now) {
        old.push_back(StoreOp{.type = StoreOp::Type::kDelete, .key = item.key, .value = ""});
      }
    }
    return absl::OkStatus();
  };
  ESPALIER_RETURN_IF_ERROR(collect(kTombstones, kTombstonesEnd, [](const std::string& bytes) {
    v1::TombstoneRecord record;
    return record.ParseFromString(bytes) ? TimeOf(record.edited().at()) : absl::InfinitePast();
  }));
  ESPALIER_RETURN_IF_ERROR(collect(kOperations, kOperationsEnd, [](const std::string& bytes) {
    v1::OperationRecord record;
    return record.ParseFromString(bytes) ? TimeOf(record.at()) : absl::InfinitePast();
  }));
  for (std::size_t begin = 0; begin < old.size(); begin += limits::kAtomicObjects) {
    Transaction transaction;
    for (std::size_t i = begin; i < std::min(old.size(), begin + limits::kAtomicObjects); ++i) {
      transaction.ops.push_back(old[i]);
    }
    ESPALIER_RETURN_IF_ERROR(store_.Commit(transaction).status());
  }
  return absl::OkStatus();
}

}  // namespace espalier
