// Forge: one project (repository) on GitHub, GitLab or Gitea, as pull requests need it. It carries
// out single calls and decides nothing: what shall stand on a pull request is decided and converged
// by reconciler/review. What forges call a merge request is a pull request here.
//
// How to add a forge:
//   1. A value in Forge.Type (schemas/espalier/v1/forge.proto).
//   2. A class beside the others in this folder, over ForgeApi, which knows limits and pages.
//   3. A server that plays it in testing/, with the ugly parts of the real one; both run in
//      forge_conformance_test.
//   4. Its line in make_forge.cc, and how its webhooks are proven in reconciler/webhook.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace espalier {

// What differs between forges in ways that callers have to know.
struct ForgeTraits {
  // Longest body of a comment, in bytes, that is surely taken.
  std::size_t comment_bytes = 60000;
  // Longest description of a status, in bytes.
  std::size_t status_bytes = 140;
  // Whether PutCheckRun may be called.
  bool check_runs = false;
  // The ref of a pull request's head is this, its number, and "/head": "refs/pull/".
  std::string head_ref_prefix;
};

struct PullRequest {
  std::int64_t number = 0;
  std::string title;
  std::string url;
  // Where its project shows files: a commit, "/" and the path follow (file_links.h). Empty:
  // unknown.
  std::string files_url;
  // Login of who opened it.
  std::string author;
  std::string head_sha;
  // The branch that it comes from, without "refs/heads/".
  std::string head_branch;
  // The branch that it shall go into, without "refs/heads/".
  std::string base_branch;
  // The head lies in another repository, or in one that is gone.
  bool from_fork = false;
  bool draft = false;
  enum class State { kOpen, kClosed, kMerged };
  State state = State::kOpen;
  // The commit on the base branch that brought it, if it is merged (merge, squash or last rebased).
  std::string merge_sha;
  // When anything about it changed last, comments included.
  absl::Time updated_at;
};

struct ForgeComment {
  std::string id;
  // Login of who wrote it.
  std::string author;
  // Written by whom our credentials speak for.
  bool mine = false;
  // Written by a program, where the forge says so.
  bool by_bot = false;
  std::string body;
  std::string url;
  absl::Time created_at;
  // The body was changed after it was written, where the forge says so.
  bool edited = false;
};

struct CommitStatus {
  enum class State { kPending, kSuccess, kFailure, kError };
  State state = State::kPending;
  // "espalier/plan/prod".
  std::string context;
  std::string description;
  // Empty: none.
  std::string url;
};

// A remark about lines of a file of the head commit.
struct LineNote {
  enum class Level { kNotice, kWarning, kFailure };
  Level level = Level::kFailure;
  std::string path;
  // From 1, both inclusive.
  std::int32_t first_line = 0;
  std::int32_t last_line = 0;
  // Plain text: it is made inert where a forge would read it as markup.
  std::string title;
  std::string message;
  // What the last line was before the change, if it is in the diff as context; 0 for an added one.
  // GitLab wants both.
  std::int32_t old_line = 0;
  // What the file was called before the change; empty: the same.
  std::string old_path;
};

struct CheckRun {
  std::string name;
  std::string head_sha;
  enum class Conclusion { kNone, kSuccess, kFailure, kNeutral, kActionRequired };
  // kNone: it is still under way.
  Conclusion conclusion = Conclusion::kNone;
  std::string title;
  std::string summary;
  std::string details_url;
  // Names what it is about, so that it is found again: the plan's digest.
  std::string external_id;
  // Any lines of any files.
  std::vector<LineNote> notes;
};

struct ForgeIssue {
  std::int64_t number = 0;
  std::string title;
  std::string body;
  std::string url;
  bool open = true;
  bool mine = false;
};

// One file of a change that we propose.
struct FileChange {
  std::string path;
  std::string bytes;
};

struct ProposedChange {
  // Ours alone.
  std::string branch;
  // The commit that the files are changed against, and the branch that it is on.
  std::string base_sha;
  std::string base_branch;
  std::vector<FileChange> files;
  // Of the pull request and of the commit, which is known again by it: always the same for one
  // branch.
  std::string title;
  std::string body;
};

// What a user may do in the project.
enum class ForgeRole { kNone, kRead, kWrite, kAdmin };

// Thread-safe; calls block, bounded by a timeout for each request that they make. A call that has
// to wait because of a limit does not: it is RESOURCE_EXHAUSTED, also when we are about to write
// faster than forges want programs to. Only between the writes of one call (the pages of a check
// run, the steps of a proposal) that second is waited out. Nothing is tried twice. Errors of every
// call: UNAUTHENTICATED and PERMISSION_DENIED (the token is wrong, or lacks a permission, which the
// message names where the forge tells), NOT_FOUND, RESOURCE_EXHAUSTED (a limit of the forge:
// RetryAfter says how long), UNAVAILABLE (no answer, 5xx: try again), DEADLINE_EXCEEDED,
// INVALID_ARGUMENT (the forge refuses the content). Messages hold no token.
class Forge {
 public:
  virtual ~Forge() = default;

  virtual const ForgeTraits& traits() const = 0;

  // All open pull requests into `base_branch`, oldest first. Costs nothing of the forge's limit
  // while nothing changed, where the forge has conditional requests.
  virtual absl::StatusOr<std::vector<PullRequest>> OpenPullRequests(
      const std::string& base_branch) = 0;
  virtual absl::StatusOr<PullRequest> GetPullRequest(std::int64_t number) = 0;
  // The merged pull request that brought `commit` to `base_branch`; nothing if none did. The same
  // commit may have come to other branches by others.
  virtual absl::StatusOr<std::optional<PullRequest>> PullRequestOf(
      const std::string& commit, const std::string& base_branch) = 0;

  // Sets the status of a commit under its context. Repeating the same is a success.
  virtual absl::Status SetStatus(const std::string& sha, const CommitStatus& status) = 0;

  // All comments of the conversation, oldest first, without those of the forge itself.
  virtual absl::StatusOr<std::vector<ForgeComment>> Comments(std::int64_t number) = 0;
  virtual absl::StatusOr<ForgeComment> AddComment(std::int64_t number, const std::string& body) = 0;
  // NOT_FOUND: somebody deleted it.
  virtual absl::Status EditComment(std::int64_t number, const std::string& id,
                                   const std::string& body) = 0;
  // OK if it is gone already.
  virtual absl::Status DeleteComment(std::int64_t number, const std::string& id) = 0;
  // Shows the writer of a comment that it was seen.
  virtual absl::Status Acknowledge(std::int64_t number, const std::string& id) = 0;

  // Makes the check run, or changes the one of `id` (empty: ours with this name, head and
  // external_id, if there is one). Returns its id. At most limits::kForgeNotes notes are shown;
  // those that it has already are left alone, and none is ever taken away. FAILED_PRECONDITION: the
  // credentials may not (only Apps may on GitHub). REQUIRES: traits().check_runs.
  virtual absl::StatusOr<std::string> PutCheckRun(const std::string& id, const CheckRun& run) = 0;
  // Remarks on lines that are part of the pull request's diff, which is the caller's to know. Each
  // is made once: those of ours that stand there already with the same text are left alone. At most
  // limits::kForgeNotes. INVALID_ARGUMENT: a line is not part of the diff; others may have been
  // made. Forges that do not look put such a remark where nobody sees it.
  virtual absl::Status AddLineNotes(const PullRequest& pull_request,
                                    const std::vector<LineNote>& notes) = 0;

  // What a user may do; kNone for one who is unknown.
  virtual absl::StatusOr<ForgeRole> RoleOf(const std::string& user) = 0;

  // Open issues of ours with this label.
  virtual absl::StatusOr<std::vector<ForgeIssue>> OpenIssues(const std::string& label) = 0;
  virtual absl::StatusOr<ForgeIssue> AddIssue(const std::string& title, const std::string& body,
                                              const std::string& label) = 0;
  virtual absl::Status EditIssue(std::int64_t number, const std::string& title,
                                 const std::string& body) = 0;
  virtual absl::Status CloseIssue(std::int64_t number) = 0;
  // The conversation of an issue. Unless overridden it is that of the pull request of this number
  // above: on most forges a pull request is an issue, only GitLab counts them apart.
  virtual absl::StatusOr<std::vector<ForgeComment>> IssueComments(std::int64_t number);
  virtual absl::StatusOr<ForgeComment> AddIssueComment(std::int64_t number,
                                                       const std::string& body);
  virtual absl::Status AcknowledgeOnIssue(std::int64_t number, const std::string& id);

  // From now on the branch holds these files changed, and one open pull request asks for them: what
  // is there already is brought up to date, and repeating a call changes nothing. On forges that
  // can move a branch it is one commit on `base_sha`; elsewhere commits are added.
  // FAILED_PRECONDITION: somebody else has pushed to the branch, or what stands on it does not go
  // together with the base any more. A new branch whose pull request cannot be made is taken away
  // again, as far as the forge still answers.
  virtual absl::StatusOr<PullRequest> Propose(const ProposedChange& change) = 0;
};

}  // namespace espalier
