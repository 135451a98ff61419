// A loss of power at any moment loses no acknowledged write: before every sync some copy of the
// disk is made as such a loss would leave it, and each copy must open with what was acknowledged by
// then, or with the one commit more that was under way.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/store/power_disk.h"
#include "engine/store/sqlite.h"
#include "engine/store/test_stores.h"

namespace espalier {
namespace {

struct Copy {
  std::string dir;
  // What the store said before the copy was made.
  std::int64_t acknowledged = 0;
};

// What revision `r` of the history below writes: two keys at once, so that half of it would show.
std::vector<StoreOp> OpsOf(std::int64_t r) {
  const std::string value = absl::StrCat(r, std::string(300, 'x'));
  return {{StoreOp::Type::kPut, absl::StrCat("left/", r % 7), value},
          {StoreOp::Type::kPut, absl::StrCat("right/", r % 7), value}};
}

void ExpectWhole(Store& store, const Copy& copy) {
  EXPECT_GE(store.revision(), copy.acknowledged);
  EXPECT_LE(store.revision(), copy.acknowledged + 1);
  for (std::int64_t r = std::max<std::int64_t>(1, store.revision() - 6); r <= store.revision();
       ++r) {
    for (const StoreOp& op : OpsOf(r)) {
      const auto item = store.Get(op.key);
      ASSERT_TRUE(item.ok()) << op.key;
      EXPECT_EQ(item->value, op.value);
      EXPECT_EQ(item->mod_revision, r);
    }
  }
  // It goes on from there.
  EXPECT_TRUE(store.Commit({{}, {{StoreOp::Type::kPut, "after", "x"}}}).ok());
}

TEST(PowerLossTest, LosesNoAcknowledgedWrite) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Random random(seed);
    TestGround ground;
    PowerDisk disk;
    std::vector<Copy> copies;
    // The store's thread makes the copies; besides in commits also when it tidies up between them.
    std::atomic<std::int64_t> acknowledged = 0;
    std::atomic<bool> copying = false;
    disk.before_sync = [&] {
      if (!copying || !random.Chance(0.15)) return;
      copies.push_back({absl::StrCat(ground.dir.path(), "/lost-", copies.size()), acknowledged});
      disk.CopyAfterPowerLoss(random, copies.back().dir);
    };
    auto store = OpenSqliteStore(*ground.clock, *ground.threads,
                                 absl::StrCat(ground.dir.path(), "/store.db"));
    ASSERT_TRUE(store.ok()) << store.status();
    copying = true;
    // Enough for checkpoints, compactions and sweeps.
    for (std::int64_t r = 1; r <= 400; ++r) {
      const auto revision = (*store)->Commit({{}, OpsOf(r)});
      ASSERT_TRUE(revision.ok()) << revision.status();
      ASSERT_EQ(*revision, r);
      if (r % 50 == 0) {
        ASSERT_TRUE((*store)->Compact(r - 20).ok());
      }
      acknowledged = r;
    }
    ASSERT_TRUE((*store)->Close().ok());
    copying = false;
    EXPECT_GT(copies.size(), 30u);
    for (const Copy& copy : copies) {
      SCOPED_TRACE(copy.dir);
      auto found =
          OpenSqliteStore(*ground.clock, *ground.threads, absl::StrCat(copy.dir, "/store.db"));
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_NO_FATAL_FAILURE(ExpectWhole(**found, copy));
      EXPECT_TRUE((*found)->Close().ok());
    }
  }
}

}  // namespace
}  // namespace espalier
