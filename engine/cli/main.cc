// espalier: the command line.
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/cli/commands.h"
#include "engine/cli/configuration.h"

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
  app.add_option("-o,--output", globals.output, "table, wide, json, yaml or markdown")
      ->transform(CLI::CheckedTransformer(kOutputs, CLI::ignore_case));
}

int Main(int argc, char** argv) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Io> io = MakeRealIo();
  Invocation invocation(*clock, *threads, *random, *io, std::cout, std::cerr);
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
  AddNodeCommands(app, chosen);
  AddImageCacheCommands(app, chosen);
  AddImageCommands(app, chosen);
  AddVmCommands(app, chosen);
  AddTokenCommands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
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
  const absl::StatusOr<int> code = chosen(invocation);
  if (!code.ok()) {
    std::cerr << "error: " << code.status().message() << "\n";
    return kFailure;
  }
  return *code;
}

}  // namespace
}  // namespace espalier::cli

int main(int argc, char** argv) { return espalier::cli::Main(argc, argv); }
