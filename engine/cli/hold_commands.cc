#include "engine/cli/hold_commands.h"

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "engine/base/status.h"

namespace espalier::cli {
namespace {

struct HoldFlags {
  std::vector<std::string> names;
  std::string reason;
  std::string seconds;
};

absl::StatusOr<int> ChangeHold(Invocation& invocation, const HoldFlags& flags, Kind kind,
                               const std::string& noun, const HoldCommand& command) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t seconds, SecondsFromText(flags.seconds));
  const std::string ns = InfoOf(kind).namespaced ? invocation.Namespace() : "";
  for (const std::string& name : flags.names) {
    for (const std::string& hold : command.holds) {
      v1::HoldChange& change = *request.add_holds();
      *change.mutable_ref() = ToProto(Ref{kind, ns, name});
      change.set_hold(hold);
      change.set_why(flags.reason);
      change.set_seconds(seconds);
      change.set_clear(command.clear);
    }
  }
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  ESPALIER_ASSIGN_OR_RETURN(const ApplyResult result,
                            resources->Apply(invocation.Context(), request));
  if (const int code =
          PrintProblems(invocation, {result.problems().begin(), result.problems().end()});
      code != kSuccess) {
    return code;
  }
  for (const std::string& name : flags.names) {
    const bool changed = std::any_of(
        result.plan().actions().begin(), result.plan().actions().end(), [&](const auto& action) {
          return action.ref().name() == name && action.verb() != v1::Action::NOOP;
        });
    invocation.out << noun << " " << name << " " << (changed ? command.done : command.was) << "\n";
  }
  return kSuccess;
}

}  // namespace

void AddHoldCommand(CLI::App& parent, Command& chosen, Kind kind, const std::string& noun,
                    const HoldCommand& hold) {
  const auto flags = std::make_shared<HoldFlags>();
  CLI::App* command = parent.add_subcommand(hold.name, hold.help);
  command->add_option(noun, flags->names, noun + "s")->required();
  if (!hold.clear) {
    command->add_option("--reason", flags->reason, "why, for everybody who asks")->required();
    command->add_option("--for", flags->seconds, "ends by itself after this long: 2h");
  }
  command->callback([&chosen, flags, kind, noun, hold] {
    chosen = [flags, kind, noun, hold](Invocation& invocation) {
      return ChangeHold(invocation, *flags, kind, noun, hold);
    };
  });
}

}  // namespace espalier::cli
