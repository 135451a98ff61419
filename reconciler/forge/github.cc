#include "reconciler/forge/github.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "reconciler/forge/github_client.h"
#include "reconciler/forge/github_json.h"
#include "reconciler/forge/json.h"

namespace espalier::forge {
namespace {

void ReadPull(const Node& node, std::vector<PullRequest>& pulls) {
  pulls.push_back(ReadGithubPull(node));
}

}  // namespace

ForgeApiOptions GithubApiOptions(const Url& base, const std::string& owner, const std::string& name,
                                 const HttpRoute& route) {
  return {.base = base,
          .project = absl::StrCat("/repos/", PathEscape(owner), "/", PathEscape(name)),
          .token_header = "Authorization",
          .token_prefix = "Bearer ",
          .headers = {{"Accept", "application/vnd.github+json"},
                      {"X-GitHub-Api-Version", "2022-11-28"},
                      {"User-Agent", "espalier"}},
          .route = route};
}

GithubClient::GithubClient(Http& http, const GithubOptions& options,
                           std::shared_ptr<AccessToken> token, GithubApp* app,
                           std::shared_ptr<Pace> pace)
    : owner_(options.owner),
      project_(absl::StrCat("/repos/", PathEscape(options.owner), "/", PathEscape(options.name))),
      token_(std::move(token)),
      app_(app),
      traits_{.comment_bytes = 60000,
              .status_bytes = 140,
              .check_runs = app != nullptr,
              .head_ref_prefix = "refs/pull/"},
      api_(http, *token_, std::move(pace),
           GithubApiOptions(options.base, options.owner, options.name, options.route)),
      login_(*token_, api_, "login") {}

std::string GithubClient::Project(absl::string_view rest) const {
  return absl::StrCat(project_, rest);
}

absl::StatusOr<std::string> GithubClient::MyLogin() {
  return app_ != nullptr ? app_->Login() : login_.Get();
}

absl::StatusOr<std::vector<PullRequest>> GithubClient::OpenPullRequests(
    const std::string& base_branch) {
  return api_.List(Project(absl::StrCat("/pulls?state=open&base=", PathEscape(base_branch),
                                        "&sort=created&direction=asc&per_page=100")),
                   &ReadPull);
}

absl::StatusOr<PullRequest> GithubClient::GetPullRequest(std::int64_t number) {
  ESPALIER_ASSIGN_OR_RETURN(const Node pull, api_.Get(Project(absl::StrCat("/pulls/", number))));
  return ReadGithubPull(pull);
}

absl::StatusOr<std::optional<PullRequest>> GithubClient::PullRequestOf(
    const std::string& commit, const std::string& base_branch) {
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<PullRequest> pulls,
      api_.List(Project(absl::StrCat("/commits/", PathEscape(commit), "/pulls?per_page=100")),
                &ReadPull));
  std::optional<PullRequest> found;
  for (const PullRequest& pull : pulls) {
    if (pull.state != PullRequest::State::kMerged || pull.base_branch != base_branch) continue;
    // One that was merged into another which was then merged is listed as well.
    if (pull.merge_sha == commit) return pull;
    if (!found.has_value()) found = pull;
  }
  return found;
}

absl::Status GithubClient::SetStatus(const std::string& sha, const CommitStatus& status) {
  const absl::Status set =
      api_.Send("POST", Project(absl::StrCat("/statuses/", PathEscape(sha))), GithubStatus(status))
          .status();
  if (!absl::IsInvalidArgument(set)) return set;
  // A commit takes a thousand statuses of one context, and then none, not even the same again.
  const absl::StatusOr<bool> there = HasStatus(sha, status);
  return there.ok() && *there ? absl::OkStatus() : set;
}

absl::StatusOr<bool> GithubClient::HasStatus(const std::string& sha, const CommitStatus& status) {
  // Newest first, and the newest of each context only.
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<CommitStatus> statuses,
      api_.List(Project(absl::StrCat("/commits/", PathEscape(sha), "/status?per_page=100")),
                &ReadGithubStatus, "statuses"));
  for (const CommitStatus& there : statuses) {
    if (there.context != status.context) continue;
    return there.state == status.state && there.description == status.description;
  }
  return false;
}

absl::StatusOr<std::vector<ForgeComment>> GithubClient::Comments(std::int64_t number) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string login, MyLogin());
  ESPALIER_ASSIGN_OR_RETURN(
      std::vector<ForgeComment> comments,
      api_.List(Project(absl::StrCat("/issues/", number, "/comments?per_page=100")),
                &ReadGithubComment));
  for (ForgeComment& comment : comments) comment.mine = comment.author == login;
  return comments;
}

absl::StatusOr<ForgeComment> GithubClient::AddComment(std::int64_t number,
                                                      const std::string& body) {
  ESPALIER_ASSIGN_OR_RETURN(
      const Node made, api_.Send("POST", Project(absl::StrCat("/issues/", number, "/comments")),
                                 Object({{"body", Quoted(body)}})));
  return OwnGithubComment(made);
}

absl::Status GithubClient::EditComment(std::int64_t, const std::string& id,
                                       const std::string& body) {
  return api_
      .Send("PATCH", Project(absl::StrCat("/issues/comments/", PathEscape(id))),
            Object({{"body", Quoted(body)}}))
      .status();
}

absl::Status GithubClient::DeleteComment(std::int64_t, const std::string& id) {
  const absl::Status status =
      api_.Send("DELETE", Project(absl::StrCat("/issues/comments/", PathEscape(id))), "").status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status GithubClient::Acknowledge(std::int64_t, const std::string& id) {
  return api_
      .Send("POST", Project(absl::StrCat("/issues/comments/", PathEscape(id), "/reactions")),
            Object({{"content", Quoted("eyes")}}))
      .status();
}

absl::StatusOr<ForgeRole> GithubClient::RoleOf(const std::string& user) {
  const absl::StatusOr<Node> answer =
      api_.Get(Project(absl::StrCat("/collaborators/", PathEscape(user), "/permission")));
  if (absl::IsNotFound(answer.status())) return ForgeRole::kNone;
  if (!answer.ok()) return answer.status();
  // Finer roles ("maintain", "triage", an organisation's own) are told here by what they hold.
  const std::string permission = TextAt(*answer, "permission");
  if (permission == "admin") return ForgeRole::kAdmin;
  if (permission == "write") return ForgeRole::kWrite;
  return permission == "read" ? ForgeRole::kRead : ForgeRole::kNone;
}

absl::StatusOr<std::vector<ForgeIssue>> GithubClient::OpenIssues(const std::string& label) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string login, MyLogin());
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<OwnedIssue> all,
      api_.List(Project(absl::StrCat("/issues?state=open&labels=", PathEscape(label),
                                     "&sort=created&direction=asc&per_page=100")),
                &ReadGithubIssue));
  return IssuesOf(all, login);
}

absl::StatusOr<ForgeIssue> GithubClient::AddIssue(const std::string& title, const std::string& body,
                                                  const std::string& label) {
  ESPALIER_ASSIGN_OR_RETURN(const Node made,
                            api_.Send("POST", Project("/issues"),
                                      Object({{"title", Quoted(title)},
                                              {"body", Quoted(body)},
                                              {"labels", List({Quoted(label)})}})));
  return OwnGithubIssue(made);
}

absl::Status GithubClient::EditIssue(std::int64_t number, const std::string& title,
                                     const std::string& body) {
  return api_
      .Send("PATCH", Project(absl::StrCat("/issues/", number)),
            Object({{"title", Quoted(title)}, {"body", Quoted(body)}}))
      .status();
}

absl::Status GithubClient::CloseIssue(std::int64_t number) {
  return api_
      .Send("PATCH", Project(absl::StrCat("/issues/", number)),
            Object({{"state", Quoted("closed")}, {"state_reason", Quoted("completed")}}))
      .status();
}

std::unique_ptr<Forge> MakeGithub(Http& http, const GithubOptions& options,
                                  std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace) {
  return std::make_unique<GithubClient>(http, options, std::move(token), nullptr, std::move(pace));
}

std::unique_ptr<Forge> MakeGithub(Http& http, const GithubOptions& options,
                                  std::shared_ptr<GithubApp> app, std::shared_ptr<Pace> pace) {
  GithubApp* const borrowed = app.get();
  return std::make_unique<GithubClient>(http, options, std::move(app), borrowed, std::move(pace));
}

}  // namespace espalier::forge
