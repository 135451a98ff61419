// espalierd: the engine's process.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/heap.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/daemon/daemon.h"
#include "engine/daemon/options.h"

namespace espalier {
namespace {

std::optional<std::string> ReadEnvironment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// The signals that ask to stop. Blocked before any thread starts, so that all of them inherit that
// and only main takes them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A client that hangs up is a failed write, not the end.
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<ParsedOptions> parsed = ParseOptions(argc, argv);
  if (!parsed.ok()) {
    std::cerr << "espalierd: " << parsed.status().message() << "\n";
    return 2;
  }
  if (!parsed->message.empty()) {
    std::cout << parsed->message;
    return 0;
  }
  // One for each processor: more cost a large fleet tens of megabytes.
  LimitHeaps(std::max(2, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))));
  const sigset_t signals = BlockStopSignals();
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::unique_ptr<Log> log = MakeStderrLog(parsed->options.log_level);
  const std::unique_ptr<Random> random = Random::FromMachine();
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Start({*clock, *threads, *io, *random, *log, ReadEnvironment}, parsed->options);
  if (!daemon.ok()) {
    std::cerr << "espalierd: " << daemon.status().message() << "\n";
    return 1;
  }
  int taken = 0;
  sigwait(&signals, &taken);
  log->Info("engine stops");
  (*daemon)->Stop();
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) { return espalier::Main(argc, argv); }
