// Invocation: what one run of the command line works with: where the engine is, how to print, whom
// to ask. Built by main, lent to the chosen command. One thread.
#pragma once

#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "engine/render/table.h"

namespace espalier::cli {

// Exit codes that scripts may rely on; docs/cli.md lists them.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kChanges = 2;  // diff, plan: there is something to do; drift: there is drift
inline constexpr int kUsage = 64;

enum class Output { kTable, kWide, kJson, kYaml, kMarkdown };

// Flags that every command has.
struct Globals {
  RemoteOptions remote;
  std::string ns;
  bool all_namespaces = false;
  Output output = Output::kTable;
};

class Invocation {
 public:
  // All borrowed. `ask` prints a question and returns what was typed; null: nobody can be asked.
  Invocation(Clock& clock, Threads& threads, Random& random, Io& io, std::istream& in,
             std::ostream& out, std::ostream& err)
      : clock(clock), threads(threads), random(random), io(io), in(in), out(out), err(err) {}

  // The engine; the first call makes the connection.
  absl::StatusOr<Remote*> Engine();
  absl::StatusOr<Resources*> ResourcesOfEngine();
  CallContext Context() const;

  // The namespace to work in: the flag's, else the configuration's, else "default".
  std::string Namespace() const { return globals.ns.empty() ? "default" : globals.ns; }

  // All objects that match, page by page.
  absl::StatusOr<std::vector<Resource>> ListAll(Query query);
  // Every object of one kind.
  absl::StatusOr<std::vector<Resource>> ListKind(Kind kind);

  Clock& clock;
  Threads& threads;
  Random& random;
  Io& io;
  // Declarations, where a command is given "-" for a file.
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  Globals globals;
  // Whether a person looks at `out`.
  bool color = false;

 private:
  std::unique_ptr<Remote> remote_;
};

// What the chosen command does; its exit code, or an error that main prints.
using Command = std::function<absl::StatusOr<int>(Invocation&)>;

// "vm/ci/build", or a kind and names as separate words: "vm build", "vms". Names without a
// namespace are in `ns`.
absl::StatusOr<std::vector<Ref>> RefsFromWords(const std::vector<std::string>& words,
                                               const std::string& ns);

// "k=v" pairs. INVALID_ARGUMENT naming the one that is none.
absl::StatusOr<std::map<std::string, std::string>> PairsFromWords(
    const std::vector<std::string>& words);

// Prints objects in the chosen form. `nothing` is said, on err, where there are none to tabulate:
// "no vms".
void PrintObjects(Invocation& invocation, const std::vector<Resource>& objects, bool single,
                  const std::string& nothing = "no objects");
// Prints a table; `nothing` is said below one that is empty.
void PrintTable(Invocation& invocation, const Table& table, const std::string& nothing);

// Prints problems to err; kFailure if one is an error.
int PrintProblems(Invocation& invocation, const std::vector<v1::Problem>& problems);
// Prints plan and problems; kFailure if one is an error.
int PrintPlan(Invocation& invocation, const ApplyResult& result);
// Prints the answer of an apply: problems, then one line per action.
int PrintApplied(Invocation& invocation, const ApplyResult& result);

}  // namespace espalier::cli
