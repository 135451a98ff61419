// GithubClient: how github.cc makes a Forge of GitHub's calls. Its check runs and remarks are in
// github_notes.cc, its proposals in github_proposals.cc. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/forge/github.h"
#include "reconciler/forge/login.h"

namespace espalier::forge {

class GithubClient final : public Forge {
 public:
  // `app` is `token`, or null.
  GithubClient(Http& http, const GithubOptions& options, std::shared_ptr<AccessToken> token,
               GithubApp* app, std::shared_ptr<Pace> pace);

  const ForgeTraits& traits() const override { return traits_; }
  absl::StatusOr<std::vector<PullRequest>> OpenPullRequests(
      const std::string& base_branch) override;
  absl::StatusOr<PullRequest> GetPullRequest(std::int64_t number) override;
  absl::StatusOr<std::optional<PullRequest>> PullRequestOf(const std::string& commit,
                                                           const std::string& base_branch) override;
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
  absl::StatusOr<PullRequest> Propose(const ProposedChange& change) override;

 private:
  // The name that our credentials write under.
  absl::StatusOr<std::string> MyLogin();
  // "/repos/acme/fleet" and what follows.
  std::string Project(absl::string_view rest) const;
  // Whether the newest status of that context says the same.
  absl::StatusOr<bool> HasStatus(const std::string& sha, const CommitStatus& status);
  // The id of the check run that is this one; empty: none.
  absl::StatusOr<std::string> FindCheckRun(const CheckRun& run);
  // Those of `notes` that the check run does not show yet.
  absl::StatusOr<std::vector<LineNote>> MissingNotes(const std::string& id,
                                                     const std::vector<LineNote>& notes);
  // Of github_proposals.cc. What the branch of the change points at, and says; nothing: there is no
  // such branch.
  struct BranchHead {
    std::string sha;
    std::string message;
  };
  absl::StatusOr<std::optional<BranchHead>> HeadOf(const ProposedChange& change);
  // The open pull request of the change; nothing: there is none.
  absl::StatusOr<std::optional<PullRequest>> OpenPullOf(const ProposedChange& change);
  // The commit of the change, which no branch has yet.
  absl::StatusOr<std::string> MakeCommit(const ProposedChange& change, Write write);

  const std::string owner_;
  const std::string project_;
  const std::shared_ptr<AccessToken> token_;
  GithubApp* const app_;
  ForgeTraits traits_;
  ForgeApi api_;
  // Of `app_` it is not asked.
  Login login_;
};

}  // namespace espalier::forge
