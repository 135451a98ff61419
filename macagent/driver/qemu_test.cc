// The driver contract over real qemu machines, with the guest of examples/quickstart/make-guest.
// This program is its own runner: called with "run-vm" or "tied" it does what espalier-agent does
// then.
#include "macagent/driver/qemu.h"

#include <signal.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "macagent/driver/conformance.h"
#include "macagent/driver/runner.h"
#include "macagent/driver/unix_socket.h"
#include "macagent/ports.h"
#include "tests/support/temp_dir.h"

namespace espalier::agent {
namespace {

constexpr char kSelf[] = "/proc/self/exe";

// Built once for all tests.
const std::string& Guest() {
  static const TempDir* const kDir = new TempDir;
  static const std::string* const kPath = [] {
    const auto io = MakeRealIo();
    const auto made =
        io->Run({.argv = {"examples/quickstart/make-guest", kDir->path(), "the conformance suite"},
                 .deadline = absl::Minutes(5)});
    EXPECT_TRUE(made.ok() && made->exit_code == 0)
        << (made.ok() ? made->err : made.status().ToString());
    return &kDir->path();
  }();
  return *kPath;
}

class QemuWorld final : public DriverWorld {
 public:
  QemuWorld() { RestartAgent(); }
  ~QemuWorld() override {
    EXPECT_TRUE(Eventually([&] {
      const absl::StatusOr<Listing> listing = driver_->List();
      if (!listing.ok()) return false;
      bool all_ended = true;
      for (const RunState& run : listing->runs) {
        if (HasEnded(run.phase)) continue;
        all_ended = false;
        if (run.phase != RunPhase::kStopping) {
          (void)driver_->Stop(run.spec.id, absl::ZeroDuration());
        }
      }
      return all_ended;
    }));
  }

  Driver& driver() override { return *driver_; }
  void RestartAgent() override {
    auto made = MakeQemuDriver(*clock_, *io_, *log_,
                               {.dir = dir_.path() + "/" + std::string(120, 'x') + "/vms",
                                .runner = {kSelf, "run-vm"},
                                .cpu = 8,
                                .memory_mib = 4096});
    ASSERT_TRUE(made.ok()) << made.status();
    driver_ = *std::move(made);
  }
  absl::Duration Elapsed() override { return clock_->Elapsed(); }
  bool Eventually(const std::function<bool()>& condition) override {
    const absl::Duration end = clock_->Elapsed() + absl::Minutes(3);
    while (clock_->Elapsed() < end) {
      if (condition()) return true;
      clock_->Sleep(absl::Milliseconds(20));
    }
    return false;
  }
  void Pass(absl::Duration duration) override { clock_->Sleep(duration); }
  void FillBundle(const std::string& dir) override {
    for (const char* file : {"disk.img", "vmlinuz", "initrd", "cmdline"}) {
      const std::string name = absl::StrCat("/", file);
      ASSERT_EQ(io_->CloneFile(Guest() + name, dir + name), absl::OkStatus());
    }
  }
  RunSpec Spec(const std::string& uid, std::int64_t attempt) override {
    RunSpec spec = {.id = {uid, attempt},
                    .owner = "ci/build",
                    .guest_os = "linux",
                    .cpu = 1,
                    .memory_mib = 128,
                    .address = "127.0.0.1",
                    .ports = {{"http", {NextPort(), 80}}, {"vnc", {NextPort(), 5900}}},
                    .metadata = {{"job", "42"}},
                    .lease_until = clock_->Elapsed() + absl::Hours(1)};
    return spec;
  }
  void Kill(const RunId& id) override {
    const auto found = io_->Run(
        {.argv = {"pgrep", "-f", absl::StrCat("^qemu-system.* -name ", ToString(id), " ")}});
    pid_t pid = 0;
    ASSERT_TRUE(found.ok() && absl::SimpleAtoi(found->out, &pid)) << found->out;
    ASSERT_EQ(io_->Kill(pid, SIGKILL), absl::OkStatus());
  }
  std::string DiskOf(const RunId& id) override {
    struct stat info = {};
    if (stat((BundleOf(id) + "/disk.img").c_str(), &info) != 0) return "";
    return absl::StrCat(info.st_ino);
  }
  std::string BundleOf(const RunId& id) {
    return absl::StrCat(dir_.path(), "/", std::string(120, 'x'), "/vms/", ToString(id));
  }
  Io& io() { return *io_; }

 private:
  std::uint32_t NextPort() {
    do {
      ++port_;
    } while (!CanBind("127.0.0.1", port_));
    return port_;
  }

  TempDir dir_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  const std::unique_ptr<Log> log_ = MakeNullLog();
  std::unique_ptr<Driver> driver_;
  std::uint32_t port_ = 23000;
};

std::unique_ptr<DriverWorld> MakeQemuWorld() { return std::make_unique<QemuWorld>(); }

INSTANTIATE_TEST_SUITE_P(Qemu, DriverConformanceTest, testing::Values(&MakeQemuWorld));

class QemuDriverTest : public testing::Test {
 protected:
  absl::Status Run(const RunSpec& spec) {
    const absl::StatusOr<std::string> dir = world_.driver().Prepare(spec);
    if (!dir.ok()) return dir.status();
    world_.FillBundle(*dir);
    return world_.driver().Start(spec);
  }
  RunState StateOf(const RunId& id) {
    const absl::StatusOr<Listing> listing = world_.driver().List();
    EXPECT_TRUE(listing.ok()) << listing.status();
    if (listing.ok()) {
      for (const RunState& run : listing->runs) {
        if (run.spec.id == id) return run;
      }
    }
    return {};
  }
  std::string Fetch(std::uint32_t port, const std::string& path) {
    const auto answer = world_.io().Run(
        {.argv = {"curl", "-s", "-m", "2", absl::StrCat("http://127.0.0.1:", port, path)}});
    return answer.ok() ? answer->out : "";
  }

  QemuWorld world_;
};

TEST_F(QemuDriverTest, TheGuestAnswersOnItsPortWithWhatLiesOnItsDisk) {
  const RunSpec spec = world_.Spec("aa", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  const std::uint32_t port = spec.ports.at("http").host;
  ASSERT_TRUE(world_.Eventually([&] { return Fetch(port, "/") != ""; }));
  EXPECT_THAT(Fetch(port, "/"), testing::HasSubstr("hello from the conformance suite"));
  EXPECT_EQ(Fetch(port, "/metadata.json"), "{\"job\":\"42\"}");
  // A booted guest heeds its power button: it stops long before the grace is over.
  ASSERT_EQ(world_.driver().Stop(spec.id, absl::Minutes(5)), absl::OkStatus());
  EXPECT_TRUE(world_.Eventually([&] { return StateOf(spec.id).phase == RunPhase::kStopped; }));
  ASSERT_EQ(world_.driver().Forget(spec.id), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(world_.io().Stat(world_.BundleOf(spec.id)).status()));
}

TEST_F(QemuDriverTest, TheConsoleAnswersOnTheVncPort) {
  const RunSpec spec = world_.Spec("ag", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(world_.Eventually([&] { return StateOf(spec.id).phase == RunPhase::kRunning; }));
  // It listens a moment after the machine is there.
  EXPECT_TRUE(world_.Eventually([&] {
    const auto greeting =
        world_.io().Run({.argv = {"bash", "-c",
                                  absl::StrCat("exec 3<>/dev/tcp/127.0.0.1/",
                                               spec.ports.at("vnc").host, " && head -c 11 <&3")}});
    return greeting.ok() && greeting->out == "RFB 003.008";
  }));
}

TEST_F(QemuDriverTest, SaysWhyQemuDidNotStart) {
  RunSpec spec = world_.Spec("ab", 1);
  RunSpec other = world_.Spec("ac", 1);
  other.ports = spec.ports;
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(world_.Eventually([&] { return StateOf(spec.id).phase == RunPhase::kRunning; }));
  ASSERT_EQ(Run(other), absl::OkStatus());
  ASSERT_TRUE(world_.Eventually([&] { return StateOf(other.id).phase == RunPhase::kFailed; }));
  EXPECT_THAT(StateOf(other.id).message, testing::HasSubstr("Could not set up host forwarding"));
}

TEST_F(QemuDriverTest, RunsNoMacosGuests) {
  RunSpec spec = world_.Spec("ad", 1);
  spec.guest_os = "darwin";
  EXPECT_TRUE(absl::IsInvalidArgument(Run(spec)));
}

// A runner that is killed takes its machine with it, and the next look says so.
TEST_F(QemuDriverTest, AKilledRunnerLeavesNoMachine) {
  const RunSpec spec = world_.Spec("ae", 1);
  ASSERT_EQ(Run(spec), absl::OkStatus());
  ASSERT_TRUE(world_.Eventually([&] { return StateOf(spec.id).phase == RunPhase::kRunning; }));
  const auto qemu = [&] {
    return world_.io().Run(
        {.argv = {"pgrep", "-f", absl::StrCat("^qemu-system.* -name ", ToString(spec.id), " ")}});
  };
  const auto found = qemu();
  ASSERT_TRUE(found.ok());
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(found->out, &pid));
  const auto parent = world_.io().Run({.argv = {"ps", "-o", "ppid=", "-p", absl::StrCat(pid)}});
  pid_t runner = 0;
  ASSERT_TRUE(parent.ok() && absl::SimpleAtoi(parent->out, &runner));
  ASSERT_EQ(world_.io().Kill(runner, SIGKILL), absl::OkStatus());
  EXPECT_TRUE(world_.Eventually([&] { return StateOf(spec.id).phase == RunPhase::kFailed; }));
  EXPECT_TRUE(world_.Eventually([&] { return qemu()->out.empty(); }));
}

TEST_F(QemuDriverTest, GrowsTheDisk) {
  RunSpec spec = world_.Spec("af", 1);
  spec.disk_gib = 1;
  ASSERT_EQ(Run(spec), absl::OkStatus());
  EXPECT_EQ(world_.io().Stat(world_.BundleOf(spec.id) + "/disk.img")->size_bytes, 1 << 30);
}

}  // namespace
}  // namespace espalier::agent

int main(int argc, char** argv) {
  if (argc > 2 && std::string(argv[1]) == "tied") return espalier::agent::ExecTied(argv + 2);
  if (argc > 1 && std::string(argv[1]) == "run-vm") {
    const auto clock = espalier::MakeRealClock();
    const auto threads = espalier::MakeRealThreads();
    const auto io = espalier::MakeRealIo();
    return espalier::agent::RunVm(*clock, *threads, *io, espalier::agent::kSelf);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
