#include "engine/server/watch_hub.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ObjectPtr VmOn(const std::string& name, const std::string& host, const std::string& ending = "") {
  auto vm = std::make_shared<Resource>();
  vm->mutable_metadata()->set_name(name);
  v1::VmPlacement& placement = *vm->mutable_vm()->mutable_status()->mutable_placement();
  placement.set_host(host);
  if (!ending.empty()) placement.add_retiring()->set_host(ending);
  return vm;
}

class WatchHubTest : public testing::Test {
 protected:
  void SetUp() override { hub_.Start(objects_); }

  std::unique_ptr<Watch> StartWatch(const std::string& host, const std::string& resume = "") {
    Query query;
    query.set_host(host);
    return hub_.StartWatch(query, resume, nullptr).value();
  }
  // One revision with these changes.
  void Publish(std::vector<Change> changes) {
    objects_.set_revision(objects_.revision() + 1);
    for (Change& change : changes) change.revision = objects_.revision();
    hub_.Publish(objects_, std::move(changes));
  }
  // "+vm" and "-vm" for each event that waits.
  static std::vector<std::string> Events(Watch& watch) {
    std::vector<std::string> events;
    const absl::StatusOr<WatchBatch> batch = watch.Next(absl::ZeroDuration());
    for (const Event& event : batch->events()) {
      events.push_back(
          absl::StrCat(event.type() == Event::PUT ? "+" : "-", event.resource().metadata().name()));
    }
    return events;
  }

  FakeClock clock_;
  WatchHub hub_{clock_, "epoch"};
  ObjectMap objects_;
};

TEST_F(WatchHubTest, AHostSeesItsOwnAndNothingElse) {
  const auto a = StartWatch("a");
  const auto b = StartWatch("b");
  const auto all = StartWatch("");
  for (Watch* watch : {a.get(), b.get(), all.get()}) EXPECT_THAT(Events(*watch), IsEmpty());
  Publish({{.after = VmOn("one", "a")}});
  Publish({{.after = VmOn("pending", "")}});
  EXPECT_THAT(Events(*a), ElementsAre("+one"));
  EXPECT_THAT(Events(*b), IsEmpty());
  EXPECT_THAT(Events(*all), ElementsAre("+one", "+pending"));
}

TEST_F(WatchHubTest, WhatMovesIsGoneHereAndThereOnTheOther) {
  const auto a = StartWatch("a");
  const auto b = StartWatch("b");
  Events(*a);
  Events(*b);
  Publish({{.before = VmOn("one", "a"), .after = VmOn("one", "b", /*ending=*/"a")}});
  EXPECT_THAT(Events(*a), ElementsAre("+one")) << "its run there has not ended";
  EXPECT_THAT(Events(*b), ElementsAre("+one"));
  Publish({{.before = VmOn("one", "b", "a"), .after = VmOn("one", "b")}});
  EXPECT_THAT(Events(*a), ElementsAre("-one"));
  EXPECT_THAT(Events(*b), ElementsAre("+one"));
}

TEST_F(WatchHubTest, AllThatGoesInOneRevisionIsTold) {
  const auto a = StartWatch("a");
  Events(*a);
  Publish({{.before = VmOn("one", "a")}, {.before = VmOn("two", "a")}});
  EXPECT_THAT(Events(*a), ElementsAre("-one", "-two"));
}

TEST_F(WatchHubTest, AQuietWatchKnowsHowFarItHasCome) {
  const auto a = StartWatch("a");
  Events(*a);
  for (int i = 0; i < 3; ++i) Publish({{.after = VmOn("elsewhere", "b")}});
  const auto batch = a->Next(absl::ZeroDuration());
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->revision(), 3);
  Publish({{.after = VmOn("one", "a")}});
  EXPECT_THAT(Events(*StartWatch("a", batch->resume())), ElementsAre("+one"));
}

TEST_F(WatchHubTest, CountsTheWatchesThatRun) {
  {
    const auto a = StartWatch("a");
    const auto b = StartWatch("a");
    EXPECT_EQ(hub_.watches(), 2u);
    Query query;
    EXPECT_TRUE(absl::IsOutOfRange(hub_.StartWatch(query, "other.1", nullptr).status()));
    EXPECT_EQ(hub_.watches(), 2u);
  }
  EXPECT_EQ(hub_.watches(), 0u);
}

}  // namespace
}  // namespace espalier
