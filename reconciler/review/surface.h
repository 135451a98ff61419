// Surface: what shall stand on a forge about one pull request, as a value: decided by the loop over
// sources, kept in the outbox, and brought about by whoever talks to the forge, as often as it
// takes. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/forge/forge.h"

namespace espalier {

// A status, and the commit under which it stands.
struct PlacedStatus {
  std::string sha;
  CommitStatus status;
};

// The part of a plan that a merge is held to.
struct ShownPlan {
  // The head that it was made of, merged into what the base was then.
  std::string commit;
  // Empty: there was no plan to see.
  std::string digest;
  // What it destroys: "vm ci/build", sorted.
  std::vector<std::string> destroys;
};

struct Surface {
  std::int64_t number = 0;
  // The commit that it is about: the head.
  std::string commit;
  // The engine's when it was found out, by which another reconciler tells which of two comments
  // about one commit is newer.
  std::int64_t revision = 0;
  // Says only that the commit is being read.
  bool reading = false;
  std::vector<PlacedStatus> statuses;
  // The one comment, marker and all. Empty: none.
  std::string comment;
  // Where the forge has check runs, they stand beside the status of the plan.
  CheckRun check;
  bool with_check = false;
  // For lines of the diff, where there are no check runs.
  std::vector<LineNote> notes;
  // The plan in it.
  ShownPlan plan;
  // The pull request has ended: when all this stands, it can be forgotten.
  bool final = false;

  // Whether people would see no difference: the comment's marker, which tells ages, aside.
  bool SaysTheSameAs(const Surface& other) const;
};

// What is known to stand there already, so that nothing is written twice and nothing is asked for
// that is known. Losing it costs calls, never a second comment.
struct Posted {
  // Keyed by commit and context: hash of state, description and URL.
  std::map<std::pair<std::string, std::string>, std::string> statuses;
  std::string comment_id;
  std::string comment_hash;
  // The first line of the comment as we wrote it.
  std::string marker;
  // The comment that was left out because another reconciler's is newer. Not kept on the disk.
  std::string late_hash;
  std::string check_id;
  std::string check_commit;
  std::string check_hash;
  // The forge does not let us make check runs.
  bool no_checks = false;
  std::string notes_hash;
  // Comments whose command was answered.
  std::vector<std::string> answered;
  // The plan that stands there for people to read.
  ShownPlan shown;

  bool IsAnswered(const std::string& comment) const;
};

// What the outbox keeps about one pull request.
struct OutboxEntry {
  Surface surface;
  // Answers to commands: by the id of the comment that gave them.
  std::map<std::string, std::string> replies;
  Posted posted;
  // Comments up to this time were looked at for commands, in microseconds since 1970.
  std::int64_t comments_until = 0;
};

}  // namespace espalier
