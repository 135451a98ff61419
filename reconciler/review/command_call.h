// A command from a pull request, carried out: who may, on what, and what is answered. One thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "engine/model/ref.h"
#include "reconciler/pacing.h"
#include "reconciler/review/forges.h"
#include "reconciler/source_set.h"

namespace espalier {

struct CommandContext {
  const GivenCommand& given;
  const Resource& source;
  // The commit of the branch that is followed, and what shall stand; null while nothing was read.
  const std::string& target;
  const LoadedSet* wanted = nullptr;
  // Whether the source may apply now.
  const Pace& pace;
  // The pull request's head as it is known now; empty if it is not open.
  std::string head;
  // Of the plans that may be confirmed from here.
  std::vector<std::string> digests;
};

struct CommandAnswer {
  // For whoever gave the command, as Markdown.
  std::string text;
  // The head may be planned although its author may not write.
  bool plan_head = false;
  // The pull request is to be looked at anew.
  bool plan_again = false;
  // The drift of these (none: of all) is to be accepted; whoever does it answers.
  std::optional<std::set<Ref>> accept;
};

// Does what the command says, if its author may write to the project and it is about what stands
// there now. What the engine refuses is in the answer.
CommandAnswer CarryOutCommand(Resources& resources, const CallContext& call,
                              const CommandContext& context);

}  // namespace espalier
