#include "engine/store/commit_batch.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"

namespace espalier {

absl::Status CheckLimits(const Transaction& transaction) {
  if (transaction.ops.size() > limits::kTransactionOps) {
    return absl::InvalidArgumentError(absl::StrCat("a transaction has at most ",
                                                   limits::kTransactionOps, " operations, not ",
                                                   transaction.ops.size()));
  }
  std::size_t bytes = 0;
  absl::flat_hash_set<absl::string_view> keys;
  for (const StoreOp& op : transaction.ops) {
    if (op.key.empty()) return absl::InvalidArgumentError("a key is empty");
    if (!keys.insert(op.key).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("key \"", op.key, "\" is written twice in one transaction"));
    }
    if (op.value.size() > limits::kObjectBytes) {
      return absl::InvalidArgumentError(absl::StrCat("the value of \"", op.key, "\" has ",
                                                     op.value.size(), " bytes, at most ",
                                                     limits::kObjectBytes, " are stored"));
    }
    bytes += op.key.size() + op.value.size();
  }
  if (bytes > limits::kTransactionBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a transaction has at most ", limits::kTransactionBytes, " bytes, not ", bytes));
  }
  return absl::OkStatus();
}

MemoryView::Live CommitBatch::Find(absl::string_view key) const {
  const auto it = latest_.find(key);
  if (it == latest_.end()) return view_.Find(key);
  const LogRow& row = rows_[it->second];
  if (row.type == StoreOp::Type::kDelete) return {};
  return {row.value, row.revision, row.create_revision, row.position};
}

absl::StatusOr<std::int64_t> CommitBatch::Add(const Transaction& transaction) {
  for (const Compare& compare : transaction.compares) {
    const std::int64_t is = Find(compare.key).mod_revision;
    if (is != compare.mod_revision) {
      return absl::AbortedError(absl::StrCat("key \"", compare.key, "\" is at revision ", is,
                                             ", not ", compare.mod_revision));
    }
  }
  const std::int64_t revision = revision_ + 1;
  int position = 0;
  for (const StoreOp& op : transaction.ops) {
    const MemoryView::Live before = Find(op.key);
    const bool existed = before.mod_revision != 0;
    if (op.type == StoreOp::Type::kDelete && !existed) continue;
    LogRow row{.revision = revision, .position = position++, .type = op.type, .key = op.key};
    row.value = op.type == StoreOp::Type::kPut ? std::make_shared<const std::string>(op.value)
                                               : before.value;
    row.create_revision = existed ? before.create_revision : revision;
    rows_.push_back(std::move(row));
    latest_.insert_or_assign(op.key, rows_.size() - 1);
  }
  if (position > 0) revision_ = revision;
  return revision_;
}

}  // namespace espalier
