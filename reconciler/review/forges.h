// Forges: how the loop over sources has pull requests looked at and written to without waiting for
// forges, which may take seconds, or be down for an hour. Its methods belong to the loop's thread;
// none waits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reconciler/forge/forge.h"
#include "reconciler/review/command.h"
#include "reconciler/review/surface.h"

namespace espalier {

// A pull request, and what its author may do in the project.
struct SeenPullRequest {
  PullRequest facts;
  ForgeRole author_role = ForgeRole::kNone;
};

// A pull request that brought a commit, or that is not open any more, and the plan that people
// could read in it.
struct EndedPullRequest {
  PullRequest facts;
  ShownPlan shown;
};

// A command of somebody whose rights were looked up when it was read. It is told again until it is
// answered.
struct GivenCommand {
  // Of the pull request, or of the source's issue.
  std::int64_t number = 0;
  bool on_issue = false;
  std::string comment_id;
  std::string author;
  ForgeRole role = ForgeRole::kNone;
  Command command;
};

// What has become known since the last time.
struct ForgeNews {
  // How the last calls went: the first error that stands.
  absl::Status status;
  ForgeTraits traits;
  // All pull requests that are open, if they were listed, and which call of Look that answers.
  std::optional<std::vector<SeenPullRequest>> open;
  std::int64_t look = 0;
  // Of those that something was posted to.
  std::vector<EndedPullRequest> ended;
  // With the first list: nothing is known of what was posted before.
  bool forgot = false;
  std::vector<GivenCommand> commands;
  // Answers to AskWhoBrought: by commit, the pull request, if one did.
  std::map<std::string, std::optional<EndedPullRequest>> brought;
  // What became of the last proposal: its pull request, or what the forge has against it.
  std::optional<absl::StatusOr<PullRequest>> proposed;
};

// The issue of a source: there while `body` is not empty.
struct Notice {
  std::string title;
  std::string body;

  bool operator==(const Notice&) const = default;
};

class Forges {
 public:
  virtual ~Forges() = default;

  // The source has a forge: from now on its pull requests are listed by its poll. Again: nothing.
  virtual void Follow(const std::string& source) = 0;
  // List them soon, and look for commands in what changed. A ForgeNews with `open` whose `look` is
  // the returned number or more is of a list that was begun after this call.
  virtual std::int64_t Look(const std::string& source) = 0;
  // Look for commands in this one soon.
  virtual void LookAt(const std::string& source, std::int64_t number) = 0;
  virtual void AskWhoBrought(const std::string& source, const std::string& commit) = 0;
  // This shall stand from now on.
  virtual void Post(const std::string& source, const Surface& surface) = 0;
  // Answers the command of a comment.
  virtual void Reply(const std::string& source, const GivenCommand& given,
                     const std::string& text) = 0;
  virtual void PostNotice(const std::string& source, const Notice& notice) = 0;
  // Proposes the change, into the branch that the source follows, in place of one that still waits.
  // A forge that is down or out of patience is asked again; what it refuses is told.
  virtual void Propose(const std::string& source, const ProposedChange& change) = 0;
  // What has become known, once; nothing if nothing has. The loop is woken when there is some.
  virtual std::optional<ForgeNews> Take(const std::string& source) = 0;
  // The source is gone, or has no forge any more: what waits to be posted is dropped.
  virtual void Leave(const std::string& source) = 0;
};

}  // namespace espalier
