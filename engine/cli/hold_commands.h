// Commands that put holds on objects or take them away: the words differ by kind, the rest is the
// same.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/invocation.h"

namespace CLI {
class App;
}

namespace espalier::cli {

struct HoldCommand {
  const char* name;
  const char* help;
  std::vector<std::string> holds;
  bool clear = false;
  // What is said of an object that was changed, and of one that was so already.
  const char* done;
  const char* was;
};

// Adds the command below `parent`, with `--reason` and `--for` where it puts holds. Its arguments
// name objects of the kind, which people call `noun`.
void AddHoldCommand(CLI::App& parent, Command& chosen, Kind kind, const std::string& noun,
                    const HoldCommand& hold);

}  // namespace espalier::cli
