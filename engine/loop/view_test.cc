#include "engine/loop/view.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_resources.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;

Resource Vm(absl::string_view name, absl::string_view label = "") {
  Resource vm;
  vm.mutable_metadata()->set_name(std::string(name));
  vm.mutable_metadata()->set_namespace_("default");
  if (!label.empty()) (*vm.mutable_metadata()->mutable_labels())["team"] = std::string(label);
  vm.mutable_vm();
  return vm;
}
Resource Host(absl::string_view name) {
  Resource host;
  host.mutable_metadata()->set_name(std::string(name));
  host.mutable_host();
  return host;
}
Ref VmRef(absl::string_view name) { return {Kind::kVm, "default", std::string(name)}; }

class ViewTest : public testing::Test {
 protected:
  // What changed, as "+name", "-name", "~name".
  std::vector<std::string> Pull(ObjectView& view) {
    std::vector<ObjectChange> changes;
    last_ = view.Pull(changes);
    std::vector<std::string> names;
    for (const ObjectChange& change : changes) {
      const char* sign = change.before == nullptr ? "+" : change.after == nullptr ? "-" : "~";
      names.push_back(absl::StrCat(sign, change.any().metadata().name()));
    }
    return names;
  }
  std::unique_ptr<ObjectView> Make(Query query = {}) {
    return std::make_unique<ObjectView>(clock_, random_, store_, CallContext{}, std::move(query),
                                        wakeup_);
  }

  FakeClock clock_;
  Random random_{1};
  FakeResources store_;
  Wakeup wakeup_;
  absl::Status last_;
};

TEST_F(ViewTest, ListsThenFollowsAllKindsAtOneRevision) {
  store_.Put(Vm("b"));
  store_.Put(Vm("a"));
  store_.Put(Host("mac"));
  auto view = Make();
  EXPECT_FALSE(view->synced());
  EXPECT_THAT(Pull(*view), ElementsAre("+mac", "+a", "+b"));
  EXPECT_TRUE(view->synced());
  EXPECT_EQ(view->snapshot()->revision(), store_.revision());

  wakeup_.Consume();
  const std::int64_t revision = store_.Put(Vm("a", "x"));
  EXPECT_TRUE(wakeup_.raised());
  store_.Remove(VmRef("b"));
  EXPECT_THAT(Pull(*view), ElementsAre("~a", "-b"));
  const auto now = view->snapshot();
  EXPECT_EQ(now->Find(VmRef("a"))->metadata().revision(), revision);
  std::vector<std::string> vms;
  for (const Resource& vm : now->Of(Kind::kVm)) vms.push_back(vm.metadata().name());
  EXPECT_THAT(vms, ElementsAre("a"));
  EXPECT_EQ(now->size(), 2u);
}

TEST_F(ViewTest, ReadersKeepTheSnapshotThatTheyTook) {
  store_.Put(Vm("a"));
  auto view = Make();
  Pull(*view);
  const auto before = view->snapshot();
  const std::int64_t revision = before->revision();
  store_.Remove(VmRef("a"));
  store_.Put(Vm("b"));
  Pull(*view);
  EXPECT_EQ(before->revision(), revision);
  EXPECT_NE(before->Find(VmRef("a")), nullptr);
  EXPECT_EQ(before->Find(VmRef("b")), nullptr);
  EXPECT_EQ(view->snapshot()->Find(VmRef("a")), nullptr);
}

TEST_F(ViewTest, AnObjectThatLeavesTheQueryIsGone) {
  store_.Put(Vm("a", "red"));
  Query query;
  (*query.mutable_labels())["team"] = "red";
  auto view = Make(query);
  EXPECT_THAT(Pull(*view), ElementsAre("+a"));
  store_.Put(Vm("a", "blue"));
  EXPECT_THAT(Pull(*view), ElementsAre("-a"));
  EXPECT_EQ(view->snapshot()->size(), 0u);
}

TEST_F(ViewTest, ListsAnewWhenTooOldAndReportsWhatVanishedMeanwhile) {
  store_.Put(Vm("a"));
  store_.Put(Vm("b"));
  store_.Put(Vm("c"));
  auto view = Make();
  Pull(*view);
  store_.Remove(VmRef("a"));
  store_.Put(Vm("b", "x"));
  store_.Put(Vm("d"));
  store_.Compact();
  EXPECT_THAT(Pull(*view), ElementsAre("-a", "~b", "+d"));
  EXPECT_TRUE(last_.ok()) << last_;
  EXPECT_EQ(view->snapshot()->revision(), store_.revision());
}

TEST_F(ViewTest, ResumesABrokenWatchAfterABackOffAndKeepsItsPictureMeanwhile) {
  store_.Put(Vm("a"));
  auto view = Make();
  Pull(*view);
  store_.BreakWatches(absl::UnavailableError("connection reset"));
  store_.FailStartWatch(3);
  store_.Put(Vm("b"));
  EXPECT_THAT(Pull(*view), ElementsAre());
  EXPECT_TRUE(absl::IsUnavailable(last_));
  EXPECT_TRUE(view->synced());
  EXPECT_NE(view->snapshot()->Find(VmRef("a")), nullptr);
  int attempts = 0;
  while (!last_.ok()) {
    ASSERT_LT(++attempts, 10);
    ASSERT_GT(view->retry_at(), clock_.Elapsed());
    ASSERT_LE(view->retry_at(), clock_.Elapsed() + absl::Seconds(5));
    EXPECT_THAT(Pull(*view), ElementsAre()) << "not before retry_at";
    clock_.Advance(view->retry_at() - clock_.Elapsed());
    const std::vector<std::string> changes = Pull(*view);
    if (last_.ok()) {
      EXPECT_THAT(changes, ElementsAre("+b"));
    }
  }
  EXPECT_EQ(view->retry_at(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace espalier
