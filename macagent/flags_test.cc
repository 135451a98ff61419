#include "macagent/flags.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier::agent {
namespace {

using testing::HasSubstr;

TEST(FlagsTest, ReadsValuesInBothForms) {
  const auto flags = ParseFlags({"--host=mac-01", "--driver", "sim", "--state-dir", "/s",
                                 "--labels", "room=a,chip=m4", "--cpu", "12", "--sim-os=linux",
                                 "--sim-boot-ms", "50", "--sim-crash=0.5", "--sim-images"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->host, "mac-01");
  EXPECT_EQ(flags->driver, "sim");
  EXPECT_EQ(flags->labels.at("chip"), "m4");
  EXPECT_EQ(flags->cpu, 12u);
  EXPECT_EQ(flags->sim.os, "linux");
  EXPECT_EQ(flags->sim.boot_delay, absl::Milliseconds(50));
  EXPECT_EQ(flags->sim.crash, 0.5);
  EXPECT_TRUE(flags->sim_images);
  EXPECT_EQ(CheckAgentFlags(*flags), absl::OkStatus());
}

TEST(FlagsTest, KeepsTheWordsOfAnOrder) {
  const auto flags = ParseFlags({"sim", "kill-vm", "ci/build", "--state-dir", "/s"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_THAT(flags->words, testing::ElementsAre("sim", "kill-vm", "ci/build"));
}

TEST(FlagsTest, NamesWhatIsWrong) {
  struct Case {
    std::vector<std::string> args;
    std::string message;
  };
  for (const Case& c : {
           Case{{"--nothing", "1"}, "no flag --nothing"},
           Case{{"--state-dir"}, "--state-dir needs a value"},
           Case{{"--host", "a"}, "--state-dir is missing"},
           Case{{"--state-dir", "/s", "--cpu", "many"}, "--cpu cannot be \"many\""},
           Case{{"--state-dir", "/s", "--sim-os", "beos"}, "--sim-os cannot be"},
           Case{{"--state-dir", "/s", "--sim-crash", "2"}, "--sim-crash cannot be"},
           Case{{"--state-dir", "/s", "--labels", "=x"}, "--labels cannot be"},
           Case{{"--state-dir", "/s", "--sim-boot-ms", "-1"}, "--sim-boot-ms cannot be"},
       }) {
    const auto flags = ParseFlags(c.args);
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr(c.message));
  }
  for (const Case& c :
       {Case{{"--state-dir", "/s", "--driver", "sim"}, "--host is missing"},
        Case{{"--state-dir", "/s", "--host", "a"}, "--driver is sim or qemu"},
        Case{{"--state-dir", "/s", "--host", "a", "--driver", "qemu", "--sim-images"},
             "goes with --driver sim"}}) {
    const auto flags = ParseFlags(c.args);
    ASSERT_TRUE(flags.ok()) << flags.status();
    EXPECT_THAT(std::string(CheckAgentFlags(*flags).message()), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace espalier::agent
