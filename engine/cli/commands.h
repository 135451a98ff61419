// The commands, a file per group. Each function adds its subcommands to the application; the parsed
// one leaves itself in `chosen`. To add a command: a function here, its file, a line in main.cc, a
// row in docs/cli.md.
#pragma once

#include "engine/cli/invocation.h"

namespace CLI {
class App;
}

namespace espalier::cli {

void AddReadCommands(CLI::App& app, Command& chosen);        // get list watch explain
void AddApplyCommands(CLI::App& app, Command& chosen);       // apply diff plan delete
void AddValidateCommand(CLI::App& app, Command& chosen);     // validate
void AddQuestionCommands(CLI::App& app, Command& chosen);    // status why owner drift
void AddNodeCommands(CLI::App& app, Command& chosen);        // node list|cordon|uncordon|drain
void AddImageCacheCommands(CLI::App& app, Command& chosen);  // imagecache add|info|list
void AddImageCommands(CLI::App& app, Command& chosen);       // image list|push, remote-image list
void AddVmCommands(CLI::App& app, Command& chosen);          // vm deploy|list|stop|start|delete
void AddSuspensionCommands(CLI::App& app, Command& chosen);  // suspend resume confirm
void AddAuditCommands(CLI::App& app, Command& chosen);       // audit
void AddTokenCommands(CLI::App& app, Command& chosen);       // token create|list|revoke

}  // namespace espalier::cli
