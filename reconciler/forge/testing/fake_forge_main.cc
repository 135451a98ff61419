// fake_forge --type github|gitlab|gitea --ready-file FILE [--project acme/fleet] [--app-id ID]
//
// Serves one FakeForge until it is told to stop. FILE is written, as JSON, once it serves: url,
// api_url, project, the token of "espalier" (a machine user and administrator) and, with --app-id,
// the path of the private key of an App that is installed in the project. POST /_control takes
// commands: see fake_control.cc.
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/io.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/fake_gitea.h"
#include "reconciler/forge/testing/fake_github.h"
#include "reconciler/forge/testing/fake_gitlab.h"

namespace espalier {
namespace {

std::unique_ptr<FakeForge> MakeFake(const std::string& type, Threads& threads, Clock& clock,
                                    Http& http) {
  if (type == "github") return std::make_unique<FakeGithub>(threads, clock, &http);
  if (type == "gitlab") return std::make_unique<FakeGitlab>(threads, clock, &http);
  if (type == "gitea") return std::make_unique<FakeGitea>(threads, clock, &http);
  return nullptr;
}

int Run(const std::map<std::string, std::string>& flags) {
  const auto flag = [&](const std::string& name) {
    const auto found = flags.find(name);
    return found == flags.end() ? "" : found->second;
  };
  const std::string ready_file = flag("--ready-file");
  const auto threads = MakeRealThreads();
  const auto clock = MakeRealClock();
  const auto http = MakeHttp();
  const auto io = MakeRealIo();
  // Threads that are started from here on leave the signals to this one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto fake = MakeFake(flag("--type"), *threads, *clock, *http);
  if (fake == nullptr || ready_file.empty()) {
    std::fputs("usage: fake_forge --type github|gitlab|gitea --ready-file FILE\n", stderr);
    return 2;
  }
  if (!flag("--project").empty()) fake->SetProject(flag("--project"));
  const bool with_app = !flag("--app-id").empty();
  if (with_app && flag("--type") != "github") {
    std::fputs("fake_forge: only GitHub has Apps\n", stderr);
    return 2;
  }
  nlohmann::json ready = {{"url", fake->url()},
                          {"api_url", fake->api_url()},
                          {"project", fake->project()},
                          {"token", fake->SetUser("espalier", ForgeRole::kAdmin)}};
  if (with_app) {
    const std::string file = absl::StrCat(ready_file, ".app.pem");
    const std::string key = static_cast<FakeGithub&>(*fake).InstallApp(flag("--app-id"));
    if (!io->WriteFile(file, key, 0600).ok()) return 1;
    ready["app_key_file"] = file;
  }
  if (const absl::Status status = io->WriteFile(ready_file, ready.dump(), 0600); !status.ok()) {
    std::fprintf(stderr, "fake_forge: %s\n", status.ToString().c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  return espalier::Run(flags);
}
