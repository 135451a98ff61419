#include "engine/oci/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(ChallengeTest, ReadsWhatRegistriesSend) {
  const auto challenges =
      ParseChallenges(
          R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")")
          .value();
  ASSERT_EQ(challenges.size(), 1u);
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_THAT(challenges[0].parameters,
              UnorderedElementsAre(Pair("realm", "https://auth.example/token"),
                                   Pair("service", "registry.example"),
                                   Pair("scope", "repository:a/b:pull,push")));
}

TEST(ChallengeTest, TellsSeveralChallengesApart) {
  const auto challenges =
      ParseChallenges(
          R"(Basic realm="a, b = c" , Negotiate dG9rZW4=, BEARER Realm=x ,service = "y \"z\\")")
          .value();
  ASSERT_EQ(challenges.size(), 3u);
  EXPECT_EQ(challenges[0].scheme, "basic");
  EXPECT_THAT(challenges[0].parameters, ElementsAre(Pair("realm", "a, b = c")));
  EXPECT_EQ(challenges[1].scheme, "negotiate");
  EXPECT_EQ(challenges[2].scheme, "bearer");
  EXPECT_THAT(challenges[2].parameters,
              UnorderedElementsAre(Pair("realm", "x"), Pair("service", "y \"z\\")));
}

TEST(ChallengeTest, TheFirstOfRepeatedParametersCounts) {
  const auto challenges = ParseChallenges(R"(Bearer realm="good",realm="evil")").value();
  EXPECT_THAT(challenges[0].parameters, ElementsAre(Pair("realm", "good")));
}

TEST(ChallengeTest, RefusesWhatItCannotRead) {
  for (const char* text : {"Bearer realm=\"open", "Bearer a=b, realm=", "Bearer realm=\"a\\", "=x",
                           "Bearer realm=a, =b", "\x01", "Bearer \"x\""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseChallenges(text).status())) << text;
  }
  EXPECT_TRUE(ParseChallenges("").value().empty());
}

}  // namespace
}  // namespace espalier::oci
