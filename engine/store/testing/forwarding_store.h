// A store that hands everything to another one, for tests that change what one call does.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/store.h"

namespace espalier {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) override {
    return store_->Commit(transaction);
  }
  absl::StatusOr<RangeResult> Range(absl::string_view begin, absl::string_view end,
                                    std::size_t limit) const override {
    return store_->Range(begin, end, limit);
  }
  absl::StatusOr<KeyValue> Get(absl::string_view key) const override { return store_->Get(key); }
  absl::StatusOr<std::vector<StoreEvent>> EventsAfter(std::int64_t after,
                                                      std::size_t limit) const override {
    return store_->EventsAfter(after, limit);
  }
  std::int64_t Observe(Observer observer) override { return store_->Observe(std::move(observer)); }
  std::int64_t revision() const override { return store_->revision(); }
  std::string epoch() const override { return store_->epoch(); }
  absl::Status Compact(std::int64_t revision) override { return store_->Compact(revision); }
  absl::StatusOr<std::string> Snapshot() const override { return store_->Snapshot(); }
  absl::Status Restore(absl::string_view snapshot) override { return store_->Restore(snapshot); }
  absl::Status Close() override { return store_->Close(); }

 private:
  const std::unique_ptr<Store> store_;
};

}  // namespace espalier
