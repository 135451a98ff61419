// espalier-agent: the agent of one Mac (or Linux host). What it can do stands in flags.cc.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/client/remote.h"
#include "engine/net/http.h"
#include "macagent/agent.h"
#include "macagent/credentials.h"
#include "macagent/driver/qemu.h"
#include "macagent/driver/runner.h"
#include "macagent/driver/sim_file.h"
#include "macagent/driver/unix_socket.h"
#include "macagent/flags.h"
#include "macagent/sim_images.h"

#ifndef ESPALIER_VERSION
#define ESPALIER_VERSION "0"
#endif

namespace espalier::agent {
namespace {

constexpr absl::Duration kOrderTimeout = absl::Seconds(10);
constexpr absl::Duration kStopGrace = absl::Seconds(5);
constexpr absl::Duration kStopPatience = absl::Seconds(30);
constexpr absl::Duration kLookForRegistration = absl::Milliseconds(20);

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// What every use of this program stands on.
struct Base {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Io> io = MakeRealIo();
  std::unique_ptr<Random> random = Random::FromMachine();
  std::unique_ptr<Log> log;
};

// This program, as its own runner; found before anything changes the working directory.
std::string Self(const std::string& argv0) {
#ifdef __linux__
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size > 0 && size < static_cast<ssize_t>(sizeof(path))) return std::string(path, size);
#endif
  char absolute[PATH_MAX];
  return realpath(argv0.c_str(), absolute) != nullptr ? absolute : argv0;
}

absl::StatusOr<std::unique_ptr<Driver>> MakeDriver(Base& base, const Flags& flags,
                                                   const std::string& self) {
  if (flags.driver == "qemu") {
    return MakeQemuDriver(*base.clock, *base.io, *base.log,
                          {.dir = absl::StrCat(flags.state_dir, "/vms"),
                           .runner = {self, "run-vm"},
                           .cpu = flags.cpu,
                           .memory_mib = flags.memory_mib});
  }
  SimOptions options = flags.sim;
  if (flags.cpu > 0) options.cpu = flags.cpu;
  if (flags.memory_mib > 0) options.memory_mib = flags.memory_mib;
  return MakeFileSimDriver(*base.clock, *base.random, *base.io,
                           absl::StrCat(flags.state_dir, "/sim"), options);
}

// Registry and store of images, and what they stand on.
class Images {
 public:
  Images(Base& base, const Flags& flags, Remote& remote) {
    if (flags.sim_images) {
      store_ = std::make_unique<SimImages>(*base.clock, *base.random, SimImagesOptions{});
      return;
    }
    http_ = MakeHttp(&stop_);
    registry_ = oci::MakeRegistry(
        *base.clock, *base.random, *http_,
        MakeCredentials(*base.clock, *base.log, *base.io, remote.resources(), remote.secrets(),
                        flags.host, flags.secrets_dir, FromEnvironment),
        &stop_);
    store_ =
        MakeImageStore(*base.clock, *base.threads, *base.io, *base.random, *base.log, *registry_,
                       {.dir = absl::StrCat(flags.state_dir, "/images"),
                        .headroom_bytes = flags.image_headroom_gib << 30});
  }
  ImageStore& store() { return *store_; }
  void Stop() {
    stop_.Cancel();
    store_->Stop();
  }

 private:
  Cancellation stop_;
  std::unique_ptr<Http> http_;
  std::unique_ptr<oci::Registry> registry_;
  std::unique_ptr<ImageStore> store_;
};

// Whether one of the signals has come. Waiting for both a signal and the engine has no other
// portable form.
bool IsPending(const sigset_t& signals) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) != 0 || sigismember(&pending, SIGINT) != 0;
}

absl::Status Serve(Base& base, const Flags& flags, const std::string& self,
                   const sigset_t& end_signals) {
  ESPALIER_RETURN_IF_ERROR(base.io->MakeDirs(flags.state_dir, 0700));
  // Held until the process ends, however it ends.
  const auto lock = UnixServer::Listen(flags.state_dir, "agent.sock");
  if (!lock.ok()) return Annotate(lock.status(), "another agent uses --state-dir");
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<Driver> driver, MakeDriver(base, flags, self));
  RemoteOptions engine;
  engine.engine = flags.engine;
  engine.token_file = flags.token_file;
  engine.ca_file = flags.ca_file;
  engine.cert_file = flags.cert_file;
  engine.key_file = flags.key_file;
  ESPALIER_ASSIGN_OR_RETURN(
      const std::unique_ptr<Remote> remote,
      MakeRemote(*base.clock, *base.threads, *base.io, WithEnvironment(engine, FromEnvironment)));
  std::string ports_dir = flags.ports_dir;
  if (ports_dir.empty()) {
    ports_dir = absl::StrCat(FromEnvironment("TMPDIR").value_or("/tmp"), "/espalier-ports");
  }
  MachinePorts ports(*base.random, *base.io, ports_dir, flags.state_dir,
                     [&](std::uint32_t port) { return CanBind(flags.address, port); });
  Images images(base, flags, *remote);
  ESPALIER_RETURN_IF_ERROR(images.store().Start());
  Agent agent(*base.clock, *base.threads, *base.random, *base.log, remote->resources(),
              remote->lease(), *driver, images.store(), ports,
              {.host = flags.host,
               .labels = flags.labels,
               .address = flags.address,
               .agent_version = ESPALIER_VERSION});
  agent.Start();
  while (!agent.IsRegistered() && !IsPending(end_signals)) {
    base.clock->Sleep(kLookForRegistration);
  }
  absl::Status ready;
  if (agent.IsRegistered()) {
    base.log->Info("agent serves", {{telemetry::kHost, flags.host}});
    if (!flags.ready_file.empty()) {
      ready = base.io->WriteFile(flags.ready_file,
                                 absl::StrCat("{\"host\": \"", flags.host, "\"}\n"), 0644);
    }
  }
  if (ready.ok()) {
    int signal = 0;
    sigwait(&end_signals, &signal);
    base.log->Info("agent ends, its VMs go on", {{telemetry::kHost, flags.host}});
  }
  agent.Stop();
  images.Stop();
  return ready;
}

// Ends all VMs of an agent that does not run.
absl::Status StopVms(Base& base, const Flags& flags, const std::string& self) {
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<Driver> driver, MakeDriver(base, flags, self));
  const absl::Duration deadline = base.clock->Elapsed() + kStopPatience;
  while (true) {
    ESPALIER_ASSIGN_OR_RETURN(const Listing listing, driver->List());
    std::size_t alive = 0;
    for (const RunState& run : listing.runs) {
      if (HasEnded(run.phase)) continue;
      ++alive;
      if (run.phase == RunPhase::kStopping) continue;
      ESPALIER_RETURN_IF_ERROR(driver->Stop(run.spec.id, kStopGrace));
    }
    if (alive == 0) return absl::OkStatus();
    if (base.clock->Elapsed() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(alive, " VMs do not end"));
    }
    base.clock->Sleep(absl::Milliseconds(100));
  }
}

absl::Status Do(const Flags& flags, const std::string& self, const sigset_t& end_signals) {
  Base base;
  base.log = MakeStderrLog(flags.log_level);
  if (flags.sim_seed != 0) base.random = std::make_unique<Random>(flags.sim_seed);
  if (flags.words.empty()) {
    ESPALIER_RETURN_IF_ERROR(CheckAgentFlags(flags));
    return Serve(base, flags, self, end_signals);
  }
  if (flags.words[0] == "stop-vms" && flags.words.size() == 1) return StopVms(base, flags, self);
  if (flags.words[0] == "sim" && flags.words.size() > 1) {
    return GiveSimOrder(*base.clock, *base.random, *base.io, absl::StrCat(flags.state_dir, "/sim"),
                        {flags.words.begin() + 1, flags.words.end()}, kOrderTimeout);
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", flags.words[0], "\" is not understood"));
}

int Main(int argc, char** argv) {
  const std::string self = Self(argv[0]);
  const std::vector<std::string> args(argv + 1, argv + argc);
  // Called by itself: a runner, and what starts a runner's machine.
  if (args.size() > 1 && args[0] == "tied") return ExecTied(argv + 2);
  if (args.size() == 1 && args[0] == "run-vm") {
    const Base base;
    return RunVm(*base.clock, *base.threads, *base.io, self);
  }
  if (args.size() == 1 && args[0] == "--help") {
    std::cout << kUsage;
    return 0;
  }
  absl::StatusOr<Flags> flags = ParseFlags(args);
  if (!flags.ok()) {
    std::cerr << "espalier-agent: " << flags.status().message() << "\n" << kUsage;
    return 2;
  }
  // Runners have working directories of their own: paths that they are told must not be relative.
  if (flags->state_dir[0] != '/') {
    char here[PATH_MAX];
    if (getcwd(here, sizeof(here)) != nullptr) {
      flags->state_dir = absl::StrCat(here, "/", flags->state_dir);
    }
  }
  // Blocked before the first thread is made, so that only the wait in Serve sees them.
  sigset_t end_signals;
  sigemptyset(&end_signals);
  sigaddset(&end_signals, SIGTERM);
  sigaddset(&end_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &end_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  if (const absl::Status status = Do(*flags, self, end_signals); !status.ok()) {
    std::cerr << "espalier-agent: " << status.message() << "\n";
    return absl::IsInvalidArgument(status) ? 2 : 1;
  }
  return 0;
}

}  // namespace
}  // namespace espalier::agent

int main(int argc, char** argv) { return espalier::agent::Main(argc, argv); }
