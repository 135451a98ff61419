// espalier: the command line.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/random.h"
#include "engine/cli/commands.h"
#include "engine/cli/configuration.h"
#include "engine/model/validate.h"

namespace espalier::cli {
namespace {

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

void AddGlobals(CLI::App& app, Globals& globals) {
  static const std::map<std::string, Output> kOutputs = {{"table", Output::kTable},
                                                         {"wide", Output::kWide},
                                                         {"json", Output::kJson},
                                                         {"yaml", Output::kYaml},
                                                         {"markdown", Output::kMarkdown}};
  app.add_option("--engine", globals.remote.engine, "host:port of the engine");
  app.add_option("--token-file", globals.remote.token_file, "file with the token");
  app.add_option("--ca-file", globals.remote.ca_file,
                 "authority that signed the engine's certificate");
  app.add_option("--cert-file", globals.remote.cert_file, "own certificate");
  app.add_option("--key-file", globals.remote.key_file, "own key");
  app.add_option("-n,--namespace", globals.ns, "namespace to work in");
  app.add_flag("-A,--all-namespaces", globals.all_namespaces, "in all namespaces");
  app.add_option_function<std::string>(
      "-o,--output",
      [&globals](const std::string& name) {
        const auto output = kOutputs.find(name);
        if (output == kOutputs.end()) {
          throw CLI::ValidationError(
              "--output",
              absl::StrCat("\"", name, "\" is none of table, wide, json, yaml and markdown"));
        }
        globals.output = output->second;
      },
      "table, wide, json, yaml or markdown");
}

// What is wrong with a command line that CLI11 cannot say: which word is no command, and which one
// was meant. Empty if it is something else.
std::string UnknownCommand(const CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> words = app.remaining(/*recurse=*/true);
  // The group that the word stands behind; later words may be commands by chance: "gte vms".
  const CLI::App* group = &app;
  for (int i = 1; i < argc && (words.empty() || argv[i] != words.front()); ++i) {
    for (const CLI::App* command : group->get_subcommands({})) {
      if (!command->check_name(argv[i])) continue;
      group = command;
      break;
    }
  }
  const std::vector<const CLI::App*> known = group->get_subcommands({});
  if (known.empty()) return "";
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const CLI::App* command : known) names.push_back(command->get_name());
  const std::string path = group == &app ? "" : absl::StrCat(" ", group->get_name());
  if (words.empty()) {
    return absl::StrCat("say which: espalier", path, " ", absl::StrJoin(names, "|"));
  }
  const std::string nearest = Nearest(words.front(), names);
  return absl::StrCat("there is no command \"espalier", path, " ", words.front(), "\"",
                      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"));
}

// What to do about an error that is about the way to the engine.
std::string HintFor(const absl::Status& status, const Globals& globals) {
  if (absl::IsUnauthenticated(status)) {
    return "give one with --token-file F, ESPALIER_TOKEN_FILE or ESPALIER_TOKEN; the first start "
           "of "
           "espalierd wrote one into its data directory";
  }
  if (absl::IsUnavailable(status) && absl::StrContains(status.message(), "engine ")) {
    return absl::StrCat("is espalierd running at ", globals.remote.engine,
                        "? Another address: --engine HOST:PORT or ESPALIER_ENGINE");
  }
  return "";
}

int Main(int argc, char** argv) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Io> io = MakeRealIo();
  Invocation invocation(*clock, *threads, *random, *io, std::cin, std::cout, std::cerr);
  Command chosen;

  CLI::App app("espalier: a fleet of Macs, declared");
  app.require_subcommand(1);
  // Flags that every command has may stand behind it as well.
  app.fallthrough();
  app.set_version_flag("--version", "espalier 0.1.0");
  AddGlobals(app, invocation.globals);
  AddReadCommands(app, chosen);
  AddApplyCommands(app, chosen);
  AddQuestionCommands(app, chosen);
  AddAuditCommands(app, chosen);
  AddNodeCommands(app, chosen);
  AddImageCacheCommands(app, chosen);
  AddImageCommands(app, chosen);
  AddVmCommands(app, chosen);
  AddSuspensionCommands(app, chosen);
  AddTokenCommands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc == 1) {
      std::cerr << app.help();
      return kUsage;
    }
    if (const std::string unknown = UnknownCommand(app, argc, argv);
        error.get_exit_code() != 0 && !unknown.empty()) {
      std::cerr << "error: " << unknown << "\n";
      return kUsage;
    }
    const int code = app.exit(error);
    return code == 0 ? kSuccess : kUsage;
  }

  std::string file = FromEnvironment("ESPALIER_CONFIG").value_or("");
  if (const auto home = FromEnvironment("HOME"); file.empty() && home.has_value()) {
    file = absl::StrCat(*home, "/.config/espalier/config.yaml");
  }
  const auto settings = ReadConfiguration(*io, file);
  if (!settings.ok()) {
    std::cerr << "error: " << settings.status().message() << "\n";
    return kFailure;
  }
  // Flags win over the environment, the environment over the file, the file over the defaults.
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    if (auto value = FromEnvironment(name)) return value;
    const auto setting = settings->find(name);
    if (setting == settings->end()) return std::nullopt;
    return setting->second;
  };
  Globals& globals = invocation.globals;
  globals.remote = WithEnvironment(globals.remote, environment);
  if (globals.ns.empty()) globals.ns = environment("ESPALIER_NAMESPACE").value_or("");
  // https://no-color.org: people who want none say so, and programs get none.
  invocation.color = isatty(STDOUT_FILENO) == 1 && !FromEnvironment("NO_COLOR").has_value();
  const absl::StatusOr<int> code = chosen(invocation);
  if (!code.ok()) {
    std::cerr << "error: " << code.status().message() << "\n";
    const std::string hint = HintFor(code.status(), globals);
    if (!hint.empty()) std::cerr << "hint: " << hint << "\n";
    return kFailure;
  }
  return *code;
}

}  // namespace
}  // namespace espalier::cli

int main(int argc, char** argv) { return espalier::cli::Main(argc, argv); }
