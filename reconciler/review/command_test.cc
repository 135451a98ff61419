#include "reconciler/review/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CommandTest, TakesTheVerbAndItsWords) {
  const struct {
    const char* text;
    Command::Verb verb;
    std::vector<std::string> words;
  } cases[] = {
      {"/espalier plan", Command::Verb::kPlan, {}},
      {"/espalier PLAN 4f2a91c\r\n", Command::Verb::kPlan, {"4f2a91c"}},
      {"/espalier confirm 91bc\n\nthanks", Command::Verb::kConfirm, {"91bc"}},
      {"please\n/espalier pause 4h disk swap", Command::Verb::kPause, {"4h", "disk", "swap"}},
      {"/espalier\tresume", Command::Verb::kResume, {}},
      {"/espalier adopt vm/ci/a vm/ci/b", Command::Verb::kAdopt, {"vm/ci/a", "vm/ci/b"}},
      {"/espalier accept-drift vm/ci/a", Command::Verb::kAcceptDrift, {"vm/ci/a"}},
      {"/espalier", Command::Verb::kHelp, {}},
      {"/espalier make tea", Command::Verb::kHelp, {"make", "tea"}},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.text);
    const std::vector<Command> commands = ParseCommands(test.text);
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_EQ(commands[0].verb, test.verb);
    EXPECT_EQ(commands[0].words, test.words);
  }
}

// What is quoted or shown is not said.
TEST(CommandTest, E4TakesNothingQuotedOrInCode) {
  for (const char* text :
       {"> /espalier plan", "    /espalier plan", " /espalier plan", "`/espalier plan`",
        "```\n/espalier plan\n```", "~~~ yaml\n/espalier plan\n~~~", "````\n```\n/espalier plan\n",
        "```\n~~~\n/espalier plan\n```", "<!--\n/espalier plan\n-->", "<!-- /espalier plan -->",
        "see /espalier plan", "/espalierplan", "/ESPALIER plan"}) {
    EXPECT_THAT(ParseCommands(text), IsEmpty()) << text;
  }
  EXPECT_EQ(ParseCommands("```\ncode\n```\n/espalier plan").size(), 1U);
  EXPECT_EQ(ParseCommands("<!-- a\n-->\n/espalier plan").size(), 1U);
}

TEST(CommandTest, TakesAFewOfMany) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "/espalier plan\n";
  EXPECT_EQ(ParseCommands(text).size(), kCommands);
  const std::vector<Command> long_one = ParseCommands("/espalier adopt " + std::string(9999, 'a'));
  ASSERT_EQ(long_one.size(), 1U);
  EXPECT_THAT(long_one[0].words, ElementsAre(testing::SizeIs(testing::Le(512U))));
}

TEST(CommandTest, HelpNamesEveryCommand) {
  for (const char* verb : {"plan", "confirm", "pause", "resume", "adopt"}) {
    EXPECT_THAT(CommandHelp(), HasSubstr(std::string("/espalier ") + verb));
  }
}

}  // namespace
}  // namespace espalier
