#include "engine/server/preview_book.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

Resource Vm(const std::string& name) {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_metadata()->set_namespace_("ci");
  resource.mutable_vm();
  return resource;
}

PlanOutput Making(const std::vector<std::string>& names) {
  PlanOutput output;
  for (const std::string& name : names) {
    PlannedWrite& write = output.writes.emplace_back();
    write.after = Vm(name);
    write.ref = RefOf(*write.after);
    write.new_incarnation = true;
  }
  return output;
}

class PreviewBookTest : public ::testing::Test {
 protected:
  std::size_t Earlier(const std::string& caller, const std::string& word) {
    return book_.Earlier(caller, word, objects_).size();
  }

  FakeClock clock_;
  PreviewBook book_{clock_};
  ObjectsInMap objects_;
};

TEST_F(PreviewBookTest, IsOfOneCallerAndOneWord) {
  book_.Remember("ana", "w", Making({"a", "b"}));
  book_.Remember("ana", "w", Making({"b", "c"}));
  EXPECT_EQ(Earlier("ana", "w"), 3u);
  EXPECT_EQ(Earlier("ana", "other"), 0u);
  EXPECT_EQ(Earlier("bob", "w"), 0u);
}

TEST_F(PreviewBookTest, WhatStandsByNowIsNotCountedTwice) {
  book_.Remember("ana", "w", Making({"a", "b"}));
  objects_.Put(Vm("a"));
  EXPECT_EQ(Earlier("ana", "w"), 1u);
}

TEST_F(PreviewBookTest, ForgetsWhatNobodyAsksAboutAnyMore) {
  book_.Remember("ana", "old", Making({"a"}));
  clock_.Advance(PreviewBook::kKept / 2);
  book_.Remember("ana", "new", Making({"b"}));
  EXPECT_EQ(Earlier("ana", "old"), 1u);
  clock_.Advance(PreviewBook::kKept / 2);
  book_.Remember("ana", "new", Making({"c"}));
  EXPECT_EQ(Earlier("ana", "old"), 0u);
  EXPECT_EQ(Earlier("ana", "new"), 2u);
}

TEST_F(PreviewBookTest, HoldsSoManyAndNoMore) {
  for (int word = 0; word < 5; ++word) {
    clock_.Advance(absl::Seconds(1));
    std::vector<std::string> names;
    names.reserve(PreviewBook::kObjects / 4);
    for (std::size_t i = 0; i < PreviewBook::kObjects / 4; ++i)
      names.push_back(absl::StrCat("v", i));
    book_.Remember("ana", absl::StrCat(word), Making(names));
  }
  EXPECT_EQ(Earlier("ana", "0"), 0u);
  EXPECT_EQ(Earlier("ana", "1"), PreviewBook::kObjects / 4);
  EXPECT_EQ(Earlier("ana", "4"), PreviewBook::kObjects / 4);
}

}  // namespace
}  // namespace espalier
