#include "provider/command_line.h"

#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

TEST(CommandLineTest, CoreStartsItWithoutArguments) {
  EXPECT_EQ(*ParseCommandLine({}), Task::kServe);
}

TEST(CommandLineTest, TakesOneFlagWithOneDashOrTwo) {
  EXPECT_EQ(*ParseCommandLine({"--debug"}), Task::kDebug);
  EXPECT_EQ(*ParseCommandLine({"-debug"}), Task::kDebug);
  EXPECT_EQ(*ParseCommandLine({"--schema-json"}), Task::kSchemaJson);
  EXPECT_EQ(*ParseCommandLine({"--version"}), Task::kVersion);
  EXPECT_EQ(*ParseCommandLine({"--help"}), Task::kHelp);
}

TEST(CommandLineTest, NamesWhatIsNoFlag) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"plan"}, {""}, {"-"}, {"---debug"}, {"debug"}, {"--debug", "plan"}}) {
    const absl::StatusOr<Task> task = ParseCommandLine(wrong);
    ASSERT_FALSE(task.ok());
    EXPECT_EQ(task.status().message(), "what is \"" + wrong.back() + "\"?");
  }
}

TEST(CommandLineTest, ReattachLineIsReadByAShell) {
  EXPECT_EQ(ReattachLine("/tmp/it's/s.sock", 42),
            "export TF_REATTACH_PROVIDERS='{\"espalier/espalier\":{\"Protocol\":\"grpc\","
            "\"ProtocolVersion\":6,\"Pid\":42,\"Test\":true,"
            "\"Addr\":{\"Network\":\"unix\",\"String\":\"/tmp/it'\\''s/s.sock\"}}}'\n");
}

}  // namespace
}  // namespace espalier::provider
