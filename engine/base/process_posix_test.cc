// Runs real programs (sh, cat, true): what a fork can get wrong does not show in a fake.
#include "engine/base/process_posix.h"

#include <signal.h>
#include <unistd.h>

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/call_context.h"
#include "engine/base/io.h"
#include "engine/base/limits.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;

class ProcessTest : public testing::Test {
 protected:
  ProcessResult Shell(const std::string& script, const std::string& input = "") {
    return io_->Run({.argv = {"sh", "-c", script}, .stdin_bytes = input}).value();
  }
  // Waits for what a program started in the background does; every look runs a short program, so
  // this turns without a clock.
  bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      Shell("sleep 0.01");
    }
    return false;
  }

  std::unique_ptr<Io> io_ = MakeRealIo();
  TempDir dir_;
};

TEST_F(ProcessTest, ReturnsExitCodeAndOutput) {
  const ProcessResult result = Shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST_F(ProcessTest, FeedsStandardInputLargerThanAPipe) {
  const std::string input(3 << 20, 'x');
  EXPECT_EQ(Shell("wc -c", input).out, "3145728\n");
}

TEST_F(ProcessTest, AProgramMayLeaveItsInputUnread) {
  EXPECT_EQ(Shell("exec true", std::string(3 << 20, 'x')).exit_code, 0);
}

TEST_F(ProcessTest, KeepsABoundedPartOfTheOutput) {
  EXPECT_EQ(Shell("head -c 5000000 /dev/zero").out.size(), limits::kProcessOutput);
}

TEST_F(ProcessTest, ReportsTheSignalThatEndedIt) {
  EXPECT_EQ(Shell("kill -TERM $$").exit_code, 128 + SIGTERM);
}

TEST_F(ProcessTest, SaysWhichProgramIsMissing) {
  const absl::Status status = io_->Run({.argv = {"espalier-no-such-program"}}).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("espalier-no-such-program"));
  EXPECT_TRUE(absl::IsNotFound(io_->Run({.argv = {"/no/such/program"}}).status()));
  EXPECT_TRUE(
      absl::IsNotFound(io_->Run({.argv = {"true"}, .working_dir = "/no/such/directory"}).status()));
}

TEST_F(ProcessTest, RunsInTheDirectoryWithTheEnvironment) {
  const ProcessResult result = io_->Run({.argv = {"sh", "-c", "pwd; echo $ESPALIER_TEST_WORD"},
                                         .working_dir = "/",
                                         .env = {{"ESPALIER_TEST_WORD", "seen"}}})
                                   .value();
  EXPECT_EQ(result.out, "/\nseen\n");
}

TEST_F(ProcessTest, KillsTheWholeGroupAtTheDeadline) {
  const std::string pid_file = dir_.path() + "/pid";
  const absl::Status status =
      io_->Run({.argv = {"sh", "-c", "sleep 1000 & echo $! > " + pid_file + "; wait"},
                .deadline = absl::Milliseconds(300)})
          .status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  const pid_t grandchild = std::stoi(io_->ReadFile(pid_file, 100).value());
  EXPECT_TRUE(Eventually([&] { return !io_->IsAlive(grandchild); }));
}

TEST_F(ProcessTest, KillsWhatNobodyWaitsForAnyMore) {
  Cancellation cancellation;
  cancellation.Cancel();
  const absl::Status status =
      io_->Run({.argv = {"sleep", "1000"}, .cancellation = &cancellation}).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(ProcessTest, DoesNotWaitForWhatItLeavesBehind) {
  const ProcessResult result =
      io_->Run({.argv = {"sh", "-c", "sleep 5 & echo $!"}, .deadline = absl::Seconds(4)}).value();
  const pid_t left = std::stoi(result.out);
  EXPECT_TRUE(io_->Kill(left, SIGKILL).ok());
}

TEST_F(ProcessTest, LimitsFileSize) {
  const ProcessResult result = io_->Run({.argv = {"sh", "-c", "head -c 100000 /dev/zero > big"},
                                         .working_dir = dir_.path(),
                                         .max_file_bytes = 4096})
                                   .value();
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(io_->Stat(dir_.path() + "/big").value().size_bytes, 4096);
}

TEST_F(ProcessTest, SpawnsAProgramOfItsOwnSession) {
  const std::string log = dir_.path() + "/log";
  const pid_t pid =
      io_->Spawn({.argv = {"sh", "-c", "echo started; echo oops >&2; exec sleep 1000"},
                  .log_file = log})
          .value();
  EXPECT_TRUE(io_->IsAlive(pid));
  // Its own session, but not the session's leader: it can never get a terminal.
  EXPECT_NE(getsid(pid), getsid(0));
  EXPECT_NE(getsid(pid), pid);
  EXPECT_TRUE(Eventually([&] {
    const auto text = io_->ReadFile(log, 100);
    return text.ok() && *text == "started\noops\n";
  }));
  EXPECT_TRUE(io_->Kill(pid, SIGKILL).ok());
  EXPECT_TRUE(Eventually([&] { return !io_->IsAlive(pid); }));
}

TEST_F(ProcessTest, SpawnReportsAProgramThatCannotStart) {
  EXPECT_TRUE(absl::IsNotFound(io_->Spawn({.argv = {"/no/such/program"}}).status()));
}

TEST_F(ProcessTest, NeverSignalsGroups) {
  EXPECT_TRUE(absl::IsInvalidArgument(io_->Kill(0, SIGTERM)));
  EXPECT_TRUE(absl::IsInvalidArgument(io_->Kill(-1, SIGTERM)));
  EXPECT_FALSE(io_->IsAlive(0));
}

}  // namespace
}  // namespace espalier
