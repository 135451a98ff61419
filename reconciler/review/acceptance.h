// Acceptances: `/espalier accept-drift`, from the command to the pull request that makes the branch
// declare what is live.
//
//   asked --> drift read anew --> files patched at the applied commit --> proposed --> answered
//                  ^                        |
//                  +---- read again <-------+ the branch has moved meanwhile
//
// Nothing of it is kept: a command that was not answered is told again after a restart, and
// proposing the same again changes nothing. Belongs to the loop over sources, as the desk does;
// none of it waits.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "reconciler/reads.h"
#include "reconciler/review/drift_choice.h"
#include "reconciler/review/forges.h"
#include "reconciler/source_set.h"

namespace espalier {

// The branch that the drift of a source is accepted in.
std::string AcceptanceBranch(const std::string& source);

// What a turn of the source knows.
struct AcceptanceNow {
  const Resource& source;
  // The commit that the branch was at when it was read last, the one that is applied, and what
  // shall stand; as SourceNow.
  const std::string& target;
  const std::string& applied;
  const LoadedSet* wanted = nullptr;
};

class Acceptances {
 public:
  // All borrowed.
  Acceptances(Clock& clock, Log& log, Resources& resources, Reads& reads, Forges& forges);

  // Somebody who may asks for it. None asked for: all of the source's drift.
  void Ask(const std::string& source, const GivenCommand& given, const std::set<Ref>& objects);
  // What the forge makes of the last proposal.
  void Take(const std::string& source, const absl::StatusOr<PullRequest>& proposed);
  // The source's turn. Errors are the engine's: the turn is to be repeated.
  absl::Status Work(const AcceptanceNow& now, const CallContext& call);
  // The branch has moved: it is to be read soon.
  bool WantsRead(const std::string& source) const;
  void Forget(const std::string& source) { states_.erase(source); }

 private:
  struct Asked {
    GivenCommand given;
    std::set<Ref> objects;
  };
  enum class Stage { kAsked, kMoved, kPatching, kProposing };
  struct State {
    // The first is under way.
    std::deque<Asked> asked;
    Stage stage = Stage::kAsked;
    // How often the branch has moved meanwhile.
    int moves = 0;
    // In kMoved: when to wait no longer for the new commit to be followed, in Clock::Elapsed().
    absl::Duration give_up;
    std::string commit;
    DriftChoice choice;
    // What the answer says beside the pull request.
    std::string summary;
  };

  absl::Status Begin(const AcceptanceNow& now, const CallContext& call, State& state);
  void TakePatch(const AcceptanceNow& now, State& state, PatchResult result);
  // Answers the command under way; the next one may begin.
  void Answer(const std::string& source, State& state, const std::string& text);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  Reads& reads_;
  Forges& forges_;
  std::map<std::string, State> states_;
};

}  // namespace espalier
