// terraform-provider-espalier: started by Terraform's core, talks the plugin protocol with it and
// the engine's interface with an engine, and ends when core says so or is gone. With a flag it does
// what people who develop with it need: command_line.h.
#include <openssl/crypto.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/heap.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "provider/command_line.h"
#include "provider/crash.h"
#include "provider/handshake.h"
#include "provider/log.h"
#include "provider/plugin_server.h"
#include "provider/provider.h"
#include "provider/schema_json.h"

namespace espalier::provider {
namespace {

// How often we look whether core is still there: it cannot tell us when it is killed.
constexpr absl::Duration kParentInterval = absl::Seconds(1);
// How long the last answers may take to leave once core is done with us.
constexpr absl::Duration kDrainTime = absl::Milliseconds(150);
// The same, if there is something to give back to the engine.
constexpr absl::Duration kCloseTime = absl::Milliseconds(1700);

std::optional<std::string> Lookup(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string Variable(const char* name) { return Lookup(name).value_or(""); }

PluginEnvironment ReadPluginEnvironment() {
  return {.magic_cookie = Variable("TF_PLUGIN_MAGIC_COOKIE"),
          .protocol_versions = Variable("PLUGIN_PROTOCOL_VERSIONS"),
          .client_cert = Variable("PLUGIN_CLIENT_CERT"),
          .multiplex = Variable("PLUGIN_MULTIPLEX_GRPC"),
          .socket_dir = Variable("PLUGIN_UNIX_SOCKET_DIR"),
          .temp_dir = Variable("TMPDIR")};
}

void Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int Fail(absl::string_view why) {
  std::fprintf(stderr, "%s\n", std::string(why).c_str());
  return 1;
}

// The object graph, in the order in which it is made.
struct Process {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = ReportingThreads(MakeRealThreads());
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Log> log =
      MakeCoreLog(*clock, ParseCoreLevel({Variable("TF_LOG_PROVIDER_ESPALIER"),
                                          Variable("TF_LOG_PROVIDER"), Variable("TF_LOG")}));
  Provider provider{*clock, *random, *log, &Lookup,
                    [this](const RemoteOptions& options) { return Connect(options); }};

 private:
  absl::StatusOr<std::shared_ptr<Remote>> Connect(const RemoteOptions& options) {
    return MakeRemote(*clock, *threads, *io, options);
  }
};

// Ends the process: gRPC waits for the handlers of its calls, one of which may wait for an engine.
// It does so on a thread of its own, and we wait only for a moment.
[[noreturn]] void End(Process& process, PluginServer& server) {
  Wakeup drained;
  // Core kills who has not ended after two seconds.
  const absl::Duration patience = process.provider.HasOpen() ? kCloseTime : kDrainTime;
  const std::unique_ptr<Thread> drain = process.threads->Start("drain", [&] {
    process.provider.CloseWhatIsOpen();
    server.Stop();
    drained.Notify();
  });
  process.clock->WaitFor(drained, patience);
  // Whoever started us waits for our end, and nothing that is left needs an orderly goodbye.
  ::_exit(0);
}

int ServeCore() {
  const PluginEnvironment environment = ReadPluginEnvironment();
  if (const absl::Status started = CheckHandshake(environment); !started.ok()) {
    return Fail(started.message());
  }
  const pid_t parent = ::getppid();
  // The terminal's interrupt reaches us as well; core tells us what it means.
  ::signal(SIGINT, SIG_IGN);
  Process process;
  Wakeup ended;
  const absl::StatusOr<std::unique_ptr<PluginServer>> server =
      StartPluginServer(environment, process.random->Uid(), *process.clock, *process.threads,
                        *process.log, process.provider, ended);
  if (!server.ok()) return Fail(server.status().message());
  Print((*server)->handshake_line());
  // Core discards what follows; what a library prints shall not be lost.
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  while (!process.clock->WaitFor(ended, kParentInterval) && ::getppid() == parent) {
  }
  End(process, **server);
}

// Serves whoever attaches, one core after the other or several at once. There is nobody who could
// show a certificate, so the socket's mode is all that keeps others out.
int ServeDebugger() {
  // Blocked before any thread starts, so that only the wait below takes them.
  sigset_t end_signals;
  sigemptyset(&end_signals);
  sigaddset(&end_signals, SIGTERM);
  sigaddset(&end_signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &end_signals, nullptr);
  PluginEnvironment environment = ReadPluginEnvironment();
  environment.client_cert.clear();
  Process process;
  // A core that says it is done is one of many.
  Wakeup one_ended;
  const std::string unique = process.random->Uid();
  const std::string path = SocketPath(environment, unique);
  if (path.empty()) return Fail("No directory for the socket: PLUGIN_UNIX_SOCKET_DIR, TMPDIR.");
  const absl::StatusOr<std::unique_ptr<PluginServer>> server =
      StartPluginServer(environment, unique, *process.clock, *process.threads, *process.log,
                        process.provider, one_ended);
  if (!server.ok()) return Fail(server.status().message());
  std::fprintf(stderr, "Serving until interrupted. Where Terraform shall attach, type:\n");
  Print(ReattachLine(path, ::getpid()));
  int taken = 0;
  ::sigwait(&end_signals, &taken);
  End(process, **server);
}

void PrintSchema() {
  Process process;
  Print(SchemaJson(AskForSchemas(process.provider)));
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Task> task = ParseCommandLine(arguments);
  if (!task.ok()) {
    std::fprintf(stderr, "terraform-provider-espalier: %s\n%s",
                 std::string(task.status().message()).c_str(), std::string(Usage()).c_str());
    return 2;
  }
  // The thread that reads calls has one, and those that wait for the engine another: with one for
  // all they wait for each other, and the growth of each more is a dozen calls of the kernel.
  LimitHeaps(2);
  // Debian's abseil looks for deadlocks at every lock that gRPC takes, under one lock of its own.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ReportCrashesToCore();
  ::signal(SIGPIPE, SIG_IGN);
  // Reading the machine's openssl.cnf would cost a tenth of our start and could forbid what core
  // uses.
  ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  switch (*task) {
    case Task::kServe:
      return ServeCore();
    case Task::kDebug:
      return ServeDebugger();
    case Task::kSchemaJson:
      PrintSchema();
      return 0;
    case Task::kVersion:
      Print(VersionLine());
      return 0;
    case Task::kHelp:
      Print(Usage());
      return 0;
  }
  return 2;
}

}  // namespace
}  // namespace espalier::provider

int main(int argc, char** argv) {
  return espalier::provider::Main(std::vector<std::string>(argv + 1, argv + argc));
}
