// Random histories on every store against a model that is too simple to be wrong. Durable stores
// are opened anew now and then, and must come back with all of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/store/store.h"
#include "engine/store/test_stores.h"

namespace espalier {
namespace {

// What a store is, by definition.
struct Model {
  std::map<std::string, KeyValue> live;
  std::vector<StoreEvent> events;
  std::int64_t revision = 0;
  std::int64_t floor = 0;

  std::int64_t ModRevision(const std::string& key) const {
    const auto it = live.find(key);
    return it == live.end() ? 0 : it->second.mod_revision;
  }

  // -1: a compare failed.
  std::int64_t Commit(const Transaction& transaction) {
    for (const Compare& compare : transaction.compares) {
      if (ModRevision(compare.key) != compare.mod_revision) return -1;
    }
    bool changed = false;
    for (const StoreOp& op : transaction.ops) {
      const auto it = live.find(op.key);
      if (op.type == StoreOp::Type::kPut) {
        const std::int64_t created = it == live.end() ? revision + 1 : it->second.create_revision;
        live[op.key] = {op.key, op.value, revision + 1, created};
        events.push_back({op.type, op.key, op.value, revision + 1});
      } else if (it == live.end()) {
        continue;
      } else {
        events.push_back({op.type, op.key, it->second.value, revision + 1});
        live.erase(it);
      }
      changed = true;
    }
    if (changed) ++revision;
    return revision;
  }
};

std::string Text(const KeyValue& item) {
  return absl::StrCat(item.key, "=", item.value, "@", item.mod_revision, "/", item.create_revision);
}
std::string Text(const StoreEvent& event) {
  return absl::StrCat(event.type == StoreOp::Type::kPut ? "+" : "-", event.key, "=", event.value,
                      "@", event.revision);
}

Transaction RandomTransaction(Random& random, const Model& model, int step) {
  Transaction transaction;
  std::map<std::string, StoreOp> ops;
  for (std::uint64_t i = random.Below(4); i > 0 || ops.empty(); i -= i > 0 ? 1 : 0) {
    StoreOp op;
    op.type = random.Chance(0.7) ? StoreOp::Type::kPut : StoreOp::Type::kDelete;
    op.key = absl::StrCat("k", random.Below(20));
    if (op.type == StoreOp::Type::kPut) op.value = std::string(random.Below(30), 'a' + step % 26);
    ops[op.key] = op;
  }
  for (auto& [key, op] : ops) transaction.ops.push_back(op);
  for (std::uint64_t i = random.Below(3); i > 0; --i) {
    const std::string key = absl::StrCat("k", random.Below(20));
    const bool right = random.Chance(0.8);
    transaction.compares.push_back(
        {key, right ? model.ModRevision(key) : static_cast<std::int64_t>(random.Below(5))});
  }
  return transaction;
}

void ExpectSame(const Store& store, const Model& model, Random& random) {
  ASSERT_EQ(store.revision(), model.revision);
  const RangeResult all = store.Range("", "", 0).value();
  ASSERT_EQ(all.items.size(), model.live.size());
  std::size_t i = 0;
  for (const auto& [key, item] : model.live) ASSERT_EQ(Text(all.items[i++]), Text(item));

  const auto after = static_cast<std::int64_t>(random.Below(model.revision + 1));
  const auto events = store.EventsAfter(after, 0);
  if (after < model.floor) {
    ASSERT_EQ(events.status().code(), absl::StatusCode::kOutOfRange);
    return;
  }
  ASSERT_TRUE(events.ok()) << events.status();
  std::vector<std::string> want;
  for (const StoreEvent& event : model.events) {
    if (event.revision > after) want.push_back(Text(event));
  }
  std::vector<std::string> got;
  for (const StoreEvent& event : *events) got.push_back(Text(event));
  ASSERT_EQ(got, want);
}

class RandomHistoryTest : public ::testing::TestWithParam<StoreCase> {};

TEST_P(RandomHistoryTest, BehavesLikeTheModel) {
  // Each step of a durable store waits for the disk.
  const std::uint64_t seeds = GetParam().durable ? 4 : 40;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    TestGround ground;
    Model model;
    std::unique_ptr<Store> store = GetParam().open(ground);
    for (int step = 0; step < 150; ++step) {
      const Transaction transaction = RandomTransaction(random, model, step);
      const std::int64_t want = model.Commit(transaction);
      const absl::StatusOr<std::int64_t> got = store->Commit(transaction);
      if (want < 0) {
        ASSERT_EQ(got.status().code(), absl::StatusCode::kAborted);
      } else {
        ASSERT_TRUE(got.ok()) << got.status();
        ASSERT_EQ(*got, want);
      }
      if (random.Chance(0.05)) {
        const auto revision = static_cast<std::int64_t>(random.Below(model.revision + 1));
        ASSERT_TRUE(store->Compact(revision).ok());
        model.floor = std::max(model.floor, revision);
      }
      if (GetParam().durable && random.Chance(0.05)) {
        const std::string epoch = store->epoch();
        ASSERT_TRUE(store->Close().ok());
        store = nullptr;
        store = GetParam().open(ground);
        ASSERT_EQ(store->epoch(), epoch);
      }
      if (step % 10 == 0) {
        ASSERT_NO_FATAL_FAILURE(ExpectSame(*store, model, random));
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSame(*store, model, random));
    ASSERT_TRUE(store->Close().ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, RandomHistoryTest, ::testing::ValuesIn(AllStores()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace espalier
