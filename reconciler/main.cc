// espalier-reconciler: keeps the fleet to what GitSources declare.
//
//   espalier-reconciler --engine ADDR --token-file F --cache-dir DIR [--webhook ADDR]
//                       [--secrets-dir D] [--ca-file F] [--log-level L] --ready-file F
//   espalier-reconciler fetch-child      (started by itself: one fetch, see git/fetch_child.h)
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/api/secrets.h"
#include "engine/base/address.h"
#include "engine/base/call_context.h"
#include "engine/base/heap.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/client/remote.h"
#include "engine/net/http.h"
#include "reconciler/forge/make_forge.h"
#include "reconciler/git_metrics.h"
#include "reconciler/service.h"

namespace espalier {
namespace {

constexpr char kUsage[] =
    "usage: espalier-reconciler --engine ADDR --token-file F --cache-dir DIR [--webhook ADDR]\n"
    "         [--secrets-dir D] [--ca-file F] [--log-level debug|info|warn|error] "
    "[--ready-file F]\n";

using Flags = std::map<std::string, std::string>;

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  Flags flags = {{"engine", ""},        {"token-file", ""}, {"cache-dir", ""},
                 {"secrets-dir", ""},   {"ca-file", ""},    {"webhook", "127.0.0.1:7490"},
                 {"log-level", "info"}, {"ready-file", ""}};
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    const std::size_t equals = name.find('=');
    std::string value = equals == std::string::npos ? "" : name.substr(equals + 1);
    name = name.substr(0, equals);
    if (!absl::StartsWith(name, "--") || !flags.contains(name.substr(2))) {
      return absl::InvalidArgumentError(absl::StrCat("there is no flag ", name));
    }
    if (equals == std::string::npos) {
      if (++i == argc) return absl::InvalidArgumentError(absl::StrCat(name, " needs a value"));
      value = argv[i];
    }
    flags[name.substr(2)] = value;
  }
  if (flags["cache-dir"].empty()) return absl::InvalidArgumentError("--cache-dir is missing");
  return flags;
}

// A large source is planned and applied in bursts: between them what they took goes back to the
// system.
void WaitForEnd(const sigset_t& end_signals) {
#ifdef __linux__
  const timespec between = {.tv_sec = 10, .tv_nsec = 0};
  while (sigtimedwait(&end_signals, nullptr, &between) < 0) ReturnFreeMemory();
#else
  int signal = 0;
  sigwait(&end_signals, &signal);
#endif
}

// The child's whole life. What it reads comes from a stranger, so it takes nothing along.
int FetchChild() {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  clearenv();
#endif
  const std::string request((std::istreambuf_iterator<char>(std::cin)),
                            std::istreambuf_iterator<char>());
  std::cout << AnswerFetch(request) << std::flush;
  return 0;
}

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

absl::Status Serve(Flags& flags, const sigset_t& end_signals) {
  LimitHeaps(1);
  const GitLibrary library;
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Log> log = MakeStderrLog(flags["log-level"]);
  const std::unique_ptr<Io> io = MakeRealIo();
  ESPALIER_ASSIGN_OR_RETURN(const Address webhook, ParseAddress(flags["webhook"]));
  RemoteOptions engine;
  engine.engine = flags["engine"];
  engine.token_file = flags["token-file"];
  engine.ca_file = flags["ca-file"];
  ESPALIER_ASSIGN_OR_RETURN(
      const std::unique_ptr<Remote> remote,
      MakeRemote(*clock, *threads, *io, WithEnvironment(engine, FromEnvironment)));
  ServiceOptions options;
  options.cache_dir = flags["cache-dir"];
  options.secrets_dir = flags["secrets-dir"];
  options.env = FromEnvironment;
  options.reveal = RevealThrough(remote->secrets(),
                                 {.role = Caller::Role::kReconciler, .subject = "reconciler"});
  options.webhook = webhook;
  Cancellation ending;
  const std::unique_ptr<Http> http = MakeHttp(&ending);
  GitMetrics metrics(*clock);
  ForgeMaker forges(*clock, *io, *http,
                    {.dir = options.secrets_dir, .env = FromEnvironment, .reveal = options.reveal},
                    [&metrics](v1::Forge::Type forge, const absl::StatusOr<HttpResponse>& answer) {
                      metrics.ForgeAnswered(forge, answer);
                    });
  options.app_password = [&forges](const v1::GitSourceSpec& spec) -> absl::StatusOr<std::string> {
    ESPALIER_ASSIGN_OR_RETURN(const std::shared_ptr<AccessToken> token, forges.GitToken(spec));
    if (token == nullptr) return absl::InvalidArgumentError("the source has no GitHub App");
    return token->Get();
  };
  options.make_forge = [&forges](const v1::GitSourceSpec& spec) { return forges.Make(spec); };
  options.fetch.command = {"/proc/self/exe", "fetch-child"};
  options.fetch.max_memory_bytes = limits::kFetchMemoryBytes;
  ESPALIER_ASSIGN_OR_RETURN(
      const std::unique_ptr<ReconcilerService> service,
      ReconcilerService::Start(library, *clock, *threads, *random, *log, *io, metrics,
                               remote->resources(), std::move(options)));
  absl::Status ready;
  if (!flags["ready-file"].empty()) {
    ready = io->WriteFile(
        flags["ready-file"],
        absl::StrCat("{\"webhook\": \"", service->webhook_address().ToString(), "\"}\n"), 0644);
  }
  if (ready.ok()) {
    log->Info("reconciler serves", {{telemetry::kAddress, service->webhook_address().ToString()}});
    WaitForEnd(end_signals);
    log->Info("reconciler ends");
  }
  // What was not posted stands in the outbox; a forge that is silent is not waited for.
  ending.Cancel();
  service->Stop();
  return ready;
}

int Main(int argc, char** argv) {
  if (argc == 2 && absl::string_view(argv[1]) == "fetch-child") return FetchChild();
  if (argc == 2 && absl::string_view(argv[1]) == "--help") {
    std::cout << kUsage;
    return 0;
  }
  absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::cerr << "espalier-reconciler: " << flags.status().message() << "\n" << kUsage;
    return 2;
  }
  // Blocked before the first thread is made, so that only the wait in Serve sees them.
  sigset_t end_signals;
  sigemptyset(&end_signals);
  sigaddset(&end_signals, SIGTERM);
  sigaddset(&end_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &end_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  if (absl::Status status = Serve(*flags, end_signals); !status.ok()) {
    std::cerr << "espalier-reconciler: " << status.message() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) { return espalier::Main(argc, argv); }
