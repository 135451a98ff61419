// terraform-provider-espalier: started by Terraform's core, talks the plugin protocol with it and
// the engine's interface with an engine, and ends when core says so or is gone.
#include <openssl/crypto.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "provider/crash.h"
#include "provider/handshake.h"
#include "provider/log.h"
#include "provider/plugin_server.h"
#include "provider/provider.h"

namespace espalier::provider {
namespace {

// How often we look whether core is still there: it cannot tell us when it is killed.
constexpr absl::Duration kParentInterval = absl::Seconds(1);
// How long the last answers may take to leave once core is done with us.
constexpr absl::Duration kDrainTime = absl::Milliseconds(150);

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

void WriteLine(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
  // Core discards what follows; what a library prints shall not be lost.
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

int Main() {
  const PluginEnvironment environment = ReadPluginEnvironment();
  if (const absl::Status started = CheckHandshake(environment); !started.ok()) {
    std::fprintf(stderr, "%s\n", std::string(started.message()).c_str());
    return 1;
  }
  const pid_t parent = ::getppid();
  ReportCrashesToCore();
  // The terminal's interrupt reaches us as well; core tells us what it means.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  // Reading the machine's openssl.cnf would cost a tenth of our start and could forbid what core
  // uses.
  ::OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);

  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Log> log =
      MakeCoreLog(*clock, ParseCoreLevel(Variable("TF_LOG_PROVIDER"), Variable("TF_LOG")));
  Provider provider(
      *clock, *random, *log, &Lookup,
      [&](const RemoteOptions& options) -> absl::StatusOr<std::shared_ptr<Resources>> {
        absl::StatusOr<std::unique_ptr<Remote>> made = MakeRemote(*clock, *threads, *io, options);
        if (!made.ok()) return made.status();
        // The interface lives as long as the connection that it belongs to.
        std::shared_ptr<Remote> remote = *std::move(made);
        return std::shared_ptr<Resources>(remote, &remote->resources());
      });
  Wakeup ended;
  const absl::StatusOr<std::unique_ptr<PluginServer>> server =
      StartPluginServer(environment, random->Uid(), *clock, *log, provider, ended);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  WriteLine((*server)->handshake_line());
  while (!clock->WaitFor(ended, kParentInterval) && ::getppid() == parent) {
  }
  // gRPC waits for the handlers of its calls, one of which may wait for an engine: it does so on a
  // thread of its own, and we wait only for a moment.
  Wakeup drained;
  const std::unique_ptr<Thread> drain = threads->Start("drain", [&] {
    (*server)->Stop();
    drained.Notify();
  });
  clock->WaitFor(drained, kDrainTime);
  // Core waits for our end, and nothing that is left needs an orderly goodbye.
  ::_exit(0);
}

}  // namespace
}  // namespace espalier::provider

int main() { return espalier::provider::Main(); }
