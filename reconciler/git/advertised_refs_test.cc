#include "reconciler/git/advertised_refs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Id(char digit) { return std::string(40, digit); }

std::vector<AdvertisedRef> Tags(const std::vector<std::string>& names) {
  std::vector<AdvertisedRef> refs;
  refs.reserve(names.size());
  for (const std::string& name : names) refs.push_back({absl::StrCat("refs/tags/", name), Id('1')});
  return refs;
}

TEST(AdvertisedRefsTest, FollowsExactlyTheNamedRef) {
  const std::vector<AdvertisedRef> refs = {{"HEAD", Id('1')},
                                           {"refs/heads/main-2", Id('2')},
                                           {"refs/heads/main", Id('3')},
                                           {"refs/pull/4/head", Id('4')}};
  EXPECT_EQ(FollowedRef({.ref = "refs/heads/main"}, refs)->id, Id('3'));
  EXPECT_EQ(FollowedRef({.ref = "refs/pull/4/head"}, refs)->id, Id('4'));
  EXPECT_TRUE(absl::IsNotFound(FollowedRef({.ref = "refs/heads/mai"}, refs).status()));
}

TEST(AdvertisedRefsTest, FollowsTheNewestTagOfARange) {
  const std::vector<AdvertisedRef> refs =
      Tags({"fleet-1.9.0", "fleet-1.10.0", "fleet-1.10.0^{}", "fleet-2.0.0-rc.1", "fleet-2.0.0",
            "1.99.0", "other-1.50.0", "fleet-1.10", "fleet-1.10.0-rc.9", "fleet-new"});
  struct Row {
    const char* range;
    const char* prefix;
    const char* tag;
  };
  for (const Row& row :
       {Row{">=1.2 <2", "fleet-", "fleet-1.10.0"}, Row{"*", "fleet-", "fleet-2.0.0"},
        Row{"1.9", "fleet-", "fleet-1.9.0"}, Row{"1", "", "1.99.0"},
        Row{">=2.0.0-rc.0 <2.0.0", "fleet-", "fleet-2.0.0-rc.1"}}) {
    const absl::StatusOr<AdvertisedRef> found =
        FollowedRef({.tags = TagRange{row.range, row.prefix}}, refs);
    ASSERT_TRUE(found.ok()) << row.range << " " << found.status();
    EXPECT_EQ(found->name, absl::StrCat("refs/tags/", row.tag)) << row.range;
  }
  const absl::Status none = FollowedRef({.tags = TagRange{">=3", "fleet-"}}, refs).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(std::string(none.message()), HasSubstr("of 5 versions none is"));
}

TEST(AdvertisedRefsTest, ChoosesTheSameOfEqualVersionsInAnyOrder) {
  for (const auto& names : {std::vector<std::string>{"1.0.0+a", "v1.0.0", "1.0.0+b"},
                            std::vector<std::string>{"v1.0.0", "1.0.0+b", "1.0.0+a"}}) {
    EXPECT_EQ(FollowedRef({.tags = TagRange{"1", ""}}, Tags(names))->name, "refs/tags/v1.0.0");
  }
}

TEST(AdvertisedRefsTest, NamesTheHeadsOfPullRequests) {
  const std::vector<AdvertisedRef> refs = {
      {"refs/heads/7/head", Id('1')},         {"refs/pull/7/head", Id('2')},
      {"refs/pull/7/merge", Id('3')},         {"refs/pull/12/head", Id('4')},
      {"refs/pull/012/head", Id('5')},        {"refs/pull/-1/head", Id('6')},
      {"refs/pull/x/head", Id('7')},          {"refs/pull/99999999999999999999/head", Id('8')},
      {"refs/pull//head", Id('9')},           {"refs/pull/8/head/more", Id('a')},
      {"refs/merge-requests/3/head", Id('b')}};
  EXPECT_THAT(PullHeadsBelow("refs/pull/", refs), ElementsAre(Pair(7, Id('2')), Pair(12, Id('4'))));
  EXPECT_THAT(PullHeadsBelow("refs/merge-requests/", refs), ElementsAre(Pair(3, Id('b'))));
  EXPECT_TRUE(PullHeadsBelow("", refs).empty());
}

TEST(AdvertisedRefsTest, A7KeepsTheNewestOfTooManyPullRequestsAndOddNames) {
  std::vector<AdvertisedRef> refs;
  for (int i = 1; i <= 50000; ++i) {
    refs.push_back({absl::StrCat("refs/pull/", i, "/head"), Id('1')});
  }
  for (const std::string& name :
       {std::string("refs/heads/../main"), std::string("refs/heads/main@{1}"),
        std::string("refs/heads/\xff\xfe"), absl::StrCat("refs/tags/1.0.0", std::string(4096, 'x')),
        std::string("refs/pull/\xff/head"), std::string()}) {
    refs.push_back({name, Id('2')});
  }
  refs.push_back({"refs/heads/main", Id('3')});
  EXPECT_EQ(FollowedRef({.ref = "refs/heads/main"}, refs)->id, Id('3'));
  const PullHeads heads = PullHeadsBelow("refs/pull/", refs);
  EXPECT_EQ(heads.size(), limits::kPullHeads);
  EXPECT_EQ(heads.rbegin()->first, 50000);
  EXPECT_EQ(heads.begin()->first, 50001 - static_cast<int>(limits::kPullHeads));
}

}  // namespace
}  // namespace espalier
