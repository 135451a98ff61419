// apply, diff, plan, delete: declaring by hand, and asking what would happen.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/api/act_for_source.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/deletion.h"
#include "engine/cli/source_files.h"
#include "engine/model/duration_text.h"

namespace espalier::cli {
namespace {

struct ApplyFlags {
  std::vector<std::string> paths;
  std::vector<std::string> words;
  bool dry_run = false;
  bool override = false;
  std::string reason;
  std::string hold;
  bool transfer = false;
  std::string expect_digest;
  std::string source;
};

absl::Status AddOverride(const ApplyFlags& flags, v1::Override& override) {
  if (flags.reason.empty()) return absl::InvalidArgumentError("--override needs --reason TEXT");
  override.set_reason(flags.reason);
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t seconds, SecondsFromText(flags.hold));
  override.set_hold_seconds(seconds);
  return absl::OkStatus();
}

// apply, diff and plan are one call that differs in what it claims and whether it stores.
absl::StatusOr<int> Apply(Invocation& invocation, const ApplyFlags& flags, bool only_plan) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  request.set_dry_run(only_plan || flags.dry_run);
  request.set_transfer(flags.transfer);
  request.set_expected_digest(flags.expect_digest);
  if (flags.override) ESPALIER_RETURN_IF_ERROR(AddOverride(flags, *request.mutable_override()));
  GitKinds git;
  if (!flags.source.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
    ESPALIER_ASSIGN_OR_RETURN(
        const Resource source,
        resources->Get(invocation.Context(), Ref{Kind::kGitSource, "", flags.source}));
    const v1::GitSourceSpec& spec = source.git_source().spec();
    ActForSource(flags.source, spec, request);
    git.emplace(spec.kinds().begin(), spec.kinds().end());
  }
  Problems problems;
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<LoadedObject> objects,
                            LoadPaths(invocation, flags.paths, git, problems));
  if (problems.HasErrors()) return PrintProblems(invocation, problems.list());
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  CopyTo(objects, *request.mutable_objects());
  CallContext context = invocation.Context();
  context.operation_id = invocation.random.Uid();
  ESPALIER_ASSIGN_OR_RETURN(const ApplyResult result, resources->Apply(context, request));
  if (!request.dry_run()) return PrintApplied(invocation, result);
  const int code = PrintPlan(invocation, result);
  if (code != kSuccess) return code;
  const v1::Plan& plan = result.plan();
  const bool changes = plan.actions_size() > static_cast<int>(plan.noops());
  return only_plan && changes ? kChanges : kSuccess;
}

absl::StatusOr<int> Delete(Invocation& invocation, const ApplyFlags& flags) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                            RefsFromWords(flags.words, invocation.Namespace()));
  for (const Ref& ref : refs) {
    if (ref.name.empty()) return absl::InvalidArgumentError("name what to delete, as kind/name");
  }
  v1::DeleteRequest request;
  request.set_dry_run(flags.dry_run);
  if (flags.override) ESPALIER_RETURN_IF_ERROR(AddOverride(flags, *request.mutable_override()));
  return DeleteObjects(invocation, refs, request);
}

void AddOverrideFlags(CLI::App& command, ApplyFlags& flags) {
  command.add_flag("--override", flags.override, "change what another owns; needs --reason");
  command.add_option("--reason", flags.reason, "why; it stands in the drift report");
  command.add_option("--hold", flags.hold, "the owner's correction waits this long: 4h");
}

}  // namespace

void AddApplyCommands(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<ApplyFlags>();
  CLI::App* apply =
      app.add_subcommand("apply", "Make it so: declares the objects of files and folders");
  apply
      ->add_option("-f,--filename,path", flags->paths,
                   "YAML or JSON files, folders, or - for stdin")
      ->required();
  apply->add_flag("--dry-run", flags->dry_run, "only say what would be done");
  apply->add_flag("--transfer", flags->transfer, "take over what another owns");
  apply->add_option("--expect-digest", flags->expect_digest, "only if the plan has this digest");
  AddOverrideFlags(*apply, *flags);
  apply->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Apply(invocation, *flags, false); };
  });

  const auto diff_flags = std::make_shared<ApplyFlags>();
  CLI::App* diff = app.add_subcommand(
      "diff", "What apply would do; exit code 0: nothing, 2: something, 1: error");
  diff->add_option("-f,--filename,path", diff_flags->paths,
                   "YAML or JSON files, folders, or - for stdin")
      ->required();
  diff->add_flag("--transfer", diff_flags->transfer, "as if taking over what another owns");
  diff->callback([&chosen, diff_flags] {
    chosen = [diff_flags](Invocation& invocation) { return Apply(invocation, *diff_flags, true); };
  });

  const auto plan_flags = std::make_shared<ApplyFlags>();
  CLI::App* plan =
      app.add_subcommand("plan", "What the reconciler would do with a folder; exit codes as diff");
  plan->add_option("path", plan_flags->paths, "a folder")->required();
  plan->add_option("--source", plan_flags->source,
                   "plan as this GitSource, with its scope and prune");
  plan->callback([&chosen, plan_flags] {
    chosen = [plan_flags](Invocation& invocation) { return Apply(invocation, *plan_flags, true); };
  });

  AddValidateCommand(app, chosen);

  const auto delete_flags = std::make_shared<ApplyFlags>();
  CLI::App* remove = app.add_subcommand("delete", "Delete objects: delete vm/ci/build");
  remove->add_option("object", delete_flags->words, "kind/name, or a kind and names")->required();
  remove->add_flag("--dry-run", delete_flags->dry_run, "only say what would be done");
  AddOverrideFlags(*remove, *delete_flags);
  remove->callback([&chosen, delete_flags] {
    chosen = [delete_flags](Invocation& invocation) { return Delete(invocation, *delete_flags); };
  });
}

}  // namespace espalier::cli
