// MemoryForge: a Forge of plain data, for tests of what uses one. It behaves as forge.h says and
// no more; the ugly parts of real forges are played by the servers beside it. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"
#include "reconciler/forge/forge.h"

namespace espalier {

class MemoryForge final : public Forge {
 public:
  struct Posted {
    std::vector<ForgeComment> comments;
    std::vector<LineNote> notes;
    std::vector<std::string> acknowledged;
  };

  // What a test sets up.
  void SetTraits(const ForgeTraits& traits);
  void SetPullRequest(const PullRequest& pull_request);
  void SetRole(const std::string& user, ForgeRole role);
  // Somebody's comment; returns its id.
  std::string Say(std::int64_t number, const std::string& author, const std::string& body,
                  bool edited = false);
  // The comment of an account that is a program, and not ours.
  std::string SayAsBot(std::int64_t number, const std::string& author, const std::string& body);
  // From now on everything happens in one second.
  void StopClock();
  // The same about an issue, whose comments are kept with those of pull requests.
  std::string SayOnIssue(std::int64_t number, const std::string& author, const std::string& body) {
    return Say(-number, author, body);
  }
  // Propose fails with this from now on; OK: it does not.
  void FailProposals(const absl::Status& status);
  // Another program of ours writes.
  std::string SayAsUs(std::int64_t number, const std::string& body);
  // Every call fails with this from now on; OK: none.
  void Fail(const absl::Status& status);
  // The call after `calls` more fails once.
  void FailAfter(int calls, const absl::Status& status);

  // Called at the beginning of every call, on its thread: it may wait, and the call fails with what
  // it returns. Set while nobody calls.
  void BeforeCalls(std::function<absl::Status()> before);

  // What a test looks at.
  int calls() const;
  Posted Of(std::int64_t number) const;
  // The newest status of a commit under a context.
  std::optional<CommitStatus> StatusOf(const std::string& sha, const std::string& context) const;
  std::size_t statuses_set() const;
  // New ones of ours, and changes.
  std::size_t comments_written() const;
  std::vector<ForgeIssue> issues() const;
  std::vector<CheckRun> checks() const;
  // What was proposed last under each branch.
  std::map<std::string, ProposedChange> proposals() const;

  const ForgeTraits& traits() const override { return traits_; }
  absl::StatusOr<std::vector<PullRequest>> OpenPullRequests(const std::string& base) override;
  absl::StatusOr<PullRequest> GetPullRequest(std::int64_t number) override;
  absl::StatusOr<std::optional<PullRequest>> PullRequestOf(const std::string& commit,
                                                           const std::string& base) override;
  absl::Status SetStatus(const std::string& sha, const CommitStatus& status) override;
  absl::StatusOr<std::vector<ForgeComment>> Comments(std::int64_t number) override;
  absl::StatusOr<ForgeComment> AddComment(std::int64_t number, const std::string& body) override;
  absl::Status EditComment(std::int64_t number, const std::string& id,
                           const std::string& body) override;
  absl::Status DeleteComment(std::int64_t number, const std::string& id) override;
  absl::Status Acknowledge(std::int64_t number, const std::string& id) override;
  absl::StatusOr<std::string> PutCheckRun(const std::string& id, const CheckRun& run) override;
  absl::Status AddLineNotes(const PullRequest& pull_request,
                            const std::vector<LineNote>& notes) override;
  absl::StatusOr<ForgeRole> RoleOf(const std::string& user) override;
  absl::StatusOr<std::vector<ForgeIssue>> OpenIssues(const std::string& label) override;
  absl::StatusOr<ForgeIssue> AddIssue(const std::string& title, const std::string& body,
                                      const std::string& label) override;
  absl::Status EditIssue(std::int64_t number, const std::string& title,
                         const std::string& body) override;
  absl::Status CloseIssue(std::int64_t number) override;
  absl::StatusOr<std::vector<ForgeComment>> IssueComments(std::int64_t number) override {
    return Comments(-number);
  }
  absl::StatusOr<ForgeComment> AddIssueComment(std::int64_t number,
                                               const std::string& body) override {
    return AddComment(-number, body);
  }
  absl::Status AcknowledgeOnIssue(std::int64_t number, const std::string& id) override {
    return Acknowledge(-number, id);
  }
  absl::StatusOr<PullRequest> Propose(const ProposedChange& change) override;

 private:
  absl::Status Pause();
  absl::Status Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string Add(std::int64_t number, ForgeComment comment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ForgeTraits traits_;
  std::function<absl::Status()> before_;
  mutable Mutex mu_;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  int fail_at_ ABSL_GUARDED_BY(mu_) = -1;
  absl::Status failure_once_ ABSL_GUARDED_BY(mu_);
  std::int64_t next_ ABSL_GUARDED_BY(mu_) = 1;
  // The second in which everything happens; 0: one after the other.
  std::int64_t stopped_at_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::int64_t, PullRequest> pull_requests_ ABSL_GUARDED_BY(mu_);
  std::map<std::int64_t, Posted> posted_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, ForgeRole> roles_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<std::string, CommitStatus>> statuses_ ABSL_GUARDED_BY(mu_);
  std::size_t comments_written_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<CheckRun> checks_ ABSL_GUARDED_BY(mu_);
  std::vector<ForgeIssue> issues_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, ProposedChange> proposals_ ABSL_GUARDED_BY(mu_);
  absl::Status proposals_fail_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
