// Commands that people type into pull requests: "/espalier confirm 4f2a91". Pure; who typed them
// and whether they may is not looked at here.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace espalier {

struct Command {
  enum class Verb {
    // Plan (again); with a commit: of a pull request that is not planned by itself.
    kPlan,
    // The plan of this digest may destroy what it destroys.
    kConfirm,
    // Nothing of the source is applied until it is resumed: "pause 4h disk swap".
    kPause,
    kResume,
    // The source takes over objects that it declares and another owns.
    kAdopt,
    // The branch shall declare what has drifted as it is live.
    kAcceptDrift,
    // Anything else: what can be typed.
    kHelp,
  };
  Verb verb = Verb::kHelp;
  // What follows the verb, word by word.
  std::vector<std::string> words;
};

// The commands of a comment: lines that begin with "/espalier", outside of quotes, code and HTML
// comments. At most kCommands: who types more is answered to the first.
inline constexpr std::size_t kCommands = 5;
std::vector<Command> ParseCommands(absl::string_view comment);

// What can be typed, as Markdown.
std::string CommandHelp();

}  // namespace espalier
