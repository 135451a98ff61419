// validate: checks files and folders without an engine, as the reconciler would.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/cli/source_files.h"
#include "engine/model/codec.h"
#include "engine/render/render.h"

namespace espalier::cli {
namespace {

struct ValidateFlags {
  std::vector<std::string> paths;
  std::string format;
  bool git = false;
  bool strict = false;
};

// Of the JSON document: raised when a reader of the old one would read the new one wrongly.
constexpr char kDocumentVersion[] = "1";

void PrintJson(Invocation& invocation, bool valid, std::size_t objects,
               const std::vector<Problem>& problems) {
  invocation.globals.output = Output::kJson;
  PrintDocument(invocation, [&](DocumentWriter& writer) {
    writer.BeginMap();
    writer.Key("version");
    writer.Literal(kDocumentVersion);
    writer.Key("valid");
    writer.Bool(valid);
    writer.Key("objects");
    writer.Literal(absl::StrCat(objects));
    writer.Key("problems");
    writer.BeginList();
    for (const Problem& problem : problems) writer.Literal(MessageToJson(problem, Indent::kNone));
    writer.EndList();
    writer.EndMap();
  });
}

void PrintText(Invocation& invocation, bool valid, std::size_t objects,
               const std::vector<Problem>& problems) {
  PrintProblems(invocation, problems);
  if (!problems.empty()) {
    const auto error = std::find_if(problems.begin(), problems.end(), [](const Problem& problem) {
      return problem.severity() == Problem::ERROR;
    });
    const Problem& first = error == problems.end() ? problems.front() : *error;
    invocation.err << "hint: what that means: espalier explain problem/" << first.code() << "\n";
  }
  if (!valid) return;
  invocation.out << objects << (objects == 1 ? " object is" : " objects are") << " valid\n";
}

absl::StatusOr<int> Validate(Invocation& invocation, const ValidateFlags& flags) {
  Problems found;
  const GitKinds git = flags.git ? GitKinds(std::in_place) : std::nullopt;
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<LoadedObject> objects,
                            LoadPaths(invocation, flags.paths, git, found));
  const std::vector<Problem>& problems = found.list();
  const bool valid = !found.HasErrors() && (!flags.strict || problems.empty());
  if (flags.format == "github") {
    invocation.out << ProblemsToGitHub(problems);
  } else if (flags.format == "json" || invocation.globals.output == Output::kJson) {
    PrintJson(invocation, valid, objects.size(), problems);
  } else {
    PrintText(invocation, valid, objects.size(), problems);
  }
  return valid ? kSuccess : kFailure;
}

}  // namespace

void AddValidateCommand(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<ValidateFlags>();
  CLI::App* validate = app.add_subcommand("validate", "Checks files and folders without an engine");
  validate->add_option("path", flags->paths, "files, folders, or - for stdin")->required();
  validate
      ->add_option("--format", flags->format,
                   "text, json, or github: commands that annotate lines in a workflow")
      ->check(CLI::IsMember({"text", "json", "github"}));
  validate->add_flag("--git", flags->git, "refuse also what git may never declare");
  validate->add_flag("--strict", flags->strict, "warnings count as errors");
  validate->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Validate(invocation, *flags); };
  });
}

}  // namespace espalier::cli
