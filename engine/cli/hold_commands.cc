#include "engine/cli/hold_commands.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/model/duration_text.h"
#include "engine/model/hold.h"

namespace espalier::cli {
namespace {

struct HoldFlags {
  std::vector<std::string> names;
  std::string reason;
  std::string seconds;
};

// Places or takes away the command's holds on objects, each with what people call it.
absl::StatusOr<int> ChangeHolds(Invocation& invocation, const HoldFlags& flags,
                                const std::vector<std::pair<Ref, std::string>>& objects,
                                const HoldCommand& command) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t seconds, SecondsFromText(flags.seconds));
  for (const auto& [ref, title] : objects) {
    for (const std::string& hold : command.holds) {
      v1::HoldChange& change = *request.add_holds();
      *change.mutable_ref() = ToProto(ref);
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
  for (const auto& [ref, title] : objects) {
    const v1::Ref name = ToProto(ref);
    const bool changed = std::any_of(
        result.plan().actions().begin(), result.plan().actions().end(), [&](const auto& action) {
          return action.ref().kind() == name.kind() &&
                 action.ref().namespace_() == name.namespace_() &&
                 action.ref().name() == name.name() && action.verb() != v1::Action::NOOP;
        });
    invocation.out << title << " " << (changed ? command.done : command.was) << "\n";
  }
  return kSuccess;
}

absl::StatusOr<int> ChangeHoldsOfKind(Invocation& invocation, const HoldFlags& flags, Kind kind,
                                      const std::string& noun, const HoldCommand& command) {
  const std::string ns = InfoOf(kind).namespaced ? invocation.Namespace() : "";
  std::vector<std::pair<Ref, std::string>> objects;
  for (const std::string& name : flags.names) {
    objects.emplace_back(Ref{kind, ns, name}, absl::StrCat(noun, " ", name));
  }
  return ChangeHolds(invocation, flags, objects, command);
}

absl::StatusOr<int> ChangeHoldsOfAny(Invocation& invocation, const HoldFlags& flags,
                                     const HoldCommand& command) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                            RefsFromWords(flags.names, invocation.Namespace()));
  std::vector<std::pair<Ref, std::string>> objects;
  for (const Ref& ref : refs) {
    if (ref.name.empty()) return absl::InvalidArgumentError("name an object, as kind/name");
    objects.emplace_back(ref, ToHuman(ref));
  }
  return ChangeHolds(invocation, flags, objects, command);
}

void AddHoldFlags(CLI::App& command, HoldFlags& flags) {
  command.add_option("--reason", flags.reason, "why, for everybody who asks")->required();
  command.add_option("--for", flags.seconds, "ends by itself after this long: 2h");
}

}  // namespace

void AddHoldCommand(CLI::App& parent, Command& chosen, Kind kind, const std::string& noun,
                    const HoldCommand& hold) {
  const auto flags = std::make_shared<HoldFlags>();
  CLI::App* command = parent.add_subcommand(hold.name, hold.help);
  command->add_option(noun, flags->names, noun + "s")->required();
  if (!hold.clear) AddHoldFlags(*command, *flags);
  command->callback([&chosen, flags, kind, noun, hold] {
    chosen = [flags, kind, noun, hold](Invocation& invocation) {
      return ChangeHoldsOfKind(invocation, *flags, kind, noun, hold);
    };
  });
}

void AddSuspensionCommands(CLI::App& app, Command& chosen) {
  const HoldCommand commands[] = {
      {.name = "suspend",
       .help =
           "What declares an object waits: suspend vm/ci/build; of a git_source all of it waits",
       .holds = {kSuspendHold},
       .done = "is suspended: what its owner declares waits",
       .was = "is suspended already"},
      {.name = "resume",
       .help = "End the suspension of an object",
       .holds = {kSuspendHold},
       .clear = true,
       .done = "follows its owner again",
       .was = "was not suspended"},
  };
  for (const HoldCommand& hold : commands) {
    const auto flags = std::make_shared<HoldFlags>();
    CLI::App* command = app.add_subcommand(hold.name, hold.help);
    command->add_option("object", flags->names, "kind/name, or a kind and names")->required();
    if (!hold.clear) AddHoldFlags(*command, *flags);
    command->callback([&chosen, flags, hold] {
      chosen = [flags, hold](Invocation& invocation) {
        return ChangeHoldsOfAny(invocation, *flags, hold);
      };
    });
  }

  const HoldCommand confirm = {
      .name = "confirm",
      .help = "Agree to one plan of a source, or to a commit of a rewritten history",
      .holds = {kConfirmHold},
      .done = "may do what was confirmed, once",
      .was = "was confirmed already"};
  const auto flags = std::make_shared<HoldFlags>();
  const auto source = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(confirm.name, confirm.help);
  command->add_option("source", *source, "git_source/name")->required();
  command->add_option("digest", flags->reason, "the plan's digest, or the commit")->required();
  command->add_option("--for", flags->seconds, "ends by itself after this long: 2h");
  command->callback([&chosen, flags, source, confirm] {
    chosen = [flags, source, confirm](Invocation& invocation) {
      flags->names = {*source};
      return ChangeHoldsOfAny(invocation, *flags, confirm);
    };
  });
}

}  // namespace espalier::cli
