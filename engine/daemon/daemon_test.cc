// The engine's process as scripts meet it: what it writes, what it keeps over a restart, how it
// ends.
#include "engine/daemon/daemon.h"

#include <sys/stat.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/client/remote.h"
#include "engine/model/codec.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

class DaemonTest : public testing::Test {
 protected:
  DaemonOptions Options() {
    return {.data_dir = dir_.path() + "/data",
            .grpc = "127.0.0.1:0",
            .http = "127.0.0.1:0",
            .ready_file = dir_.path() + "/ready.json"};
  }
  absl::StatusOr<std::unique_ptr<Daemon>> Start(const DaemonOptions& options) {
    return Daemon::Start(
        {*clock_, *threads_, *io_, *random_, *log_,
         [](const std::string&) -> std::optional<std::string> { return std::nullopt; }},
        options);
  }
  std::string Read(const std::string& path) {
    const auto text = io_->ReadFile(path, 1 << 20);
    return text.ok() ? *text : "";
  }
  // A field of the ready file; empty while it is not there.
  std::string Ready(const std::string& field) {
    Problems problems;
    const std::optional<Node> node =
        ParseJson(absl::StripAsciiWhitespace(Read(Options().ready_file)), "", problems);
    return node.has_value() && node->Find(field) != nullptr ? node->Find(field)->text : "";
  }
  std::unique_ptr<Remote> Connect() {
    RemoteOptions options;
    options.engine = Ready("grpc");
    options.token_file = Ready("admin_token_file");
    auto remote = MakeRemote(*clock_, *threads_, *io_, options);
    EXPECT_TRUE(remote.ok()) << remote.status();
    return remote.ok() ? *std::move(remote) : nullptr;
  }
  absl::Status ApplyImage(Remote& remote, const std::string& name) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    Resource& image = *request.add_objects()->mutable_resource();
    image.mutable_metadata()->set_name(name);
    // Nobody listens there.
    image.mutable_image()->mutable_spec()->set_reference("127.0.0.1:1/a:1");
    return remote.resources().Apply(CallContext(), request).status();
  }

  TempDir dir_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  const std::unique_ptr<Random> random_ = Random::FromMachine();
  const std::unique_ptr<Log> log_ = MakeNullLog();
};

TEST_F(DaemonTest, TellsItsAddressesAndWritesAFirstTokenForItsOwnerOnly) {
  auto daemon = Start(Options());
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ(Ready("grpc"), (*daemon)->grpc_address());
  EXPECT_EQ(Ready("http"), (*daemon)->http_address());
  EXPECT_FALSE(Ready("pid").empty());
  const std::string token_file = Ready("admin_token_file");
  struct stat info = {};
  ASSERT_EQ(::stat(token_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(ApplyImage(*Connect(), "sonoma").ok());
  (*daemon)->Stop();
  EXPECT_EQ(Read(Options().ready_file), "") << "who waits for it must not find an old one";
}

TEST_F(DaemonTest, ASecondStartGoesOnWhereTheFirstEnded) {
  std::string token;
  for (int start = 0; start < 2; ++start) {
    auto daemon = Start(Options());
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    const auto remote = Connect();
    if (start == 0) {
      ASSERT_TRUE(ApplyImage(*remote, "sonoma").ok());
      token = Read(Ready("admin_token_file"));
    } else {
      EXPECT_TRUE(remote->resources().Get(CallContext(), {Kind::kImage, "", "sonoma"}).ok());
      EXPECT_EQ(Read(Ready("admin_token_file")), token) << "made once";
    }
    (*daemon)->Stop();
  }
}

TEST_F(DaemonTest, TwoDaemonsDoNotShareADataDirectory) {
  auto first = Start(Options());
  ASSERT_TRUE(first.ok()) << first.status();
  DaemonOptions options = Options();
  options.ready_file.clear();
  const auto second = Start(options);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  (*first)->Stop();
}

TEST_F(DaemonTest, AFailedStartLeavesNothingRunning) {
  auto first = Start(Options());
  ASSERT_TRUE(first.ok()) << first.status();
  DaemonOptions options = Options();
  options.data_dir = dir_.path() + "/other";
  options.http = (*first)->http_address();
  const auto second = Start(options);
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  options.http = "127.0.0.1:0";
  auto third = Start(options);
  EXPECT_TRUE(third.ok()) << "its data is free again: " << third.status();
  if (third.ok()) (*third)->Stop();
  (*first)->Stop();
}

TEST_F(DaemonTest, RefusesToListenBeyondLoopbackBeforeItTouchesTheDisk) {
  for (const bool grpc : {true, false}) {
    DaemonOptions options = Options();
    (grpc ? options.grpc : options.http) = "0.0.0.0:0";
    const auto started = Start(options);
    EXPECT_TRUE(absl::IsFailedPrecondition(started.status())) << started.status();
    EXPECT_TRUE(absl::IsNotFound(io_->Stat(options.data_dir).status()));
  }
}

// The real process, its path in the test's first argument.
std::string program;

TEST_F(DaemonTest, SigtermEndsTheProcessWithinFiveSeconds) {
  const DaemonOptions options = Options();
  const auto pid =
      io_->Spawn({.argv = {program, "--data-dir", options.data_dir, "--grpc", options.grpc,
                           "--http", options.http, "--ready-file", options.ready_file},
                  .log_file = dir_.path() + "/log"});
  ASSERT_TRUE(pid.ok()) << pid.status();
  const absl::Duration deadline = clock_->Elapsed() + absl::Seconds(30);
  while (Ready("grpc").empty() && clock_->Elapsed() < deadline) {
    clock_->Sleep(absl::Milliseconds(5));
  }
  const auto remote = Connect();
  ASSERT_NE(remote, nullptr) << Read(dir_.path() + "/log");
  EXPECT_TRUE(ApplyImage(*remote, "sonoma").ok());
  auto watch = remote->resources().StartWatch(CallContext(), Query(), "");
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE((*watch)->Next(clock_->Elapsed() + absl::Seconds(10)).ok());

  const absl::Duration killed = clock_->Elapsed();
  ASSERT_TRUE(io_->Kill(*pid, SIGTERM).ok());
  while (io_->IsAlive(*pid) && clock_->Elapsed() < killed + absl::Seconds(20)) {
    clock_->Sleep(absl::Milliseconds(5));
  }
  EXPECT_LT(clock_->Elapsed() - killed, absl::Seconds(5));
  EXPECT_FALSE(absl::StrContains(Read(dir_.path() + "/log"), " E ")) << Read(dir_.path() + "/log");
}

TEST_F(DaemonTest, MistakesOnTheCommandLineAreOneSentence) {
  struct Row {
    std::vector<std::string> arguments;
    std::string says;
    int exit_code;
  };
  for (const Row& row : {Row{{}, "--data-dir", 2}, Row{{"--data-dir"}, "--data-dir", 2},
                         Row{{"--data-dir", "/tmp/x", "--log-level", "loud"}, "loud", 2},
                         Row{{"--data-dir", "/dev/null/x"}, "data directory", 1},
                         Row{{"--data-dir", "/tmp/x", "--grpc", "nonsense"}, "nonsense", 1}}) {
    ProcessOptions options{.argv = row.arguments};
    options.argv.insert(options.argv.begin(), program);
    const auto result = io_->Run(options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_code, row.exit_code) << result->err;
    EXPECT_TRUE(absl::StrContains(result->err, row.says)) << result->err;
    EXPECT_EQ(result->out, "");
  }
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) espalier::program = argv[1];
  return RUN_ALL_TESTS();
}
