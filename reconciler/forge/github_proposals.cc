// Changes that we propose: one commit on a branch of ours, made of the parts that git has.
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/utf8.h"
#include "reconciler/forge/github_client.h"
#include "reconciler/forge/github_json.h"
#include "reconciler/forge/json.h"
#include "reconciler/forge/proposed_commit.h"

namespace espalier::forge {
namespace {

void ReadPull(const Node& node, std::vector<PullRequest>& pulls) {
  pulls.push_back(ReadGithubPull(node));
}

// One part of a path, slashes and all.
std::string RefPart(const ProposedChange& change) {
  return PathEscape(absl::StrCat("heads/", change.branch));
}

}  // namespace

absl::StatusOr<std::optional<GithubClient::BranchHead>> GithubClient::HeadOf(
    const ProposedChange& change) {
  const absl::StatusOr<Node> ref = api_.Get(Project(absl::StrCat("/git/ref/", RefPart(change))));
  if (absl::IsNotFound(ref.status())) return std::optional<BranchHead>();
  if (!ref.ok()) return ref.status();
  BranchHead head{.sha = TextAt(*ref, "object.sha")};
  ESPALIER_ASSIGN_OR_RETURN(const Node commit,
                            api_.Get(Project(absl::StrCat("/git/commits/", PathEscape(head.sha)))));
  head.message = TextAt(commit, "message");
  return std::optional<BranchHead>(std::move(head));
}

absl::StatusOr<std::optional<PullRequest>> GithubClient::OpenPullOf(const ProposedChange& change) {
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<PullRequest> pulls,
      api_.List(Project(absl::StrCat("/pulls?state=open&base=", PathEscape(change.base_branch),
                                     "&head=", PathEscape(absl::StrCat(owner_, ":", change.branch)),
                                     "&per_page=100")),
                &ReadPull));
  for (const PullRequest& pull : pulls) {
    if (pull.head_branch == change.branch && !pull.from_fork) return std::optional(pull);
  }
  return std::optional<PullRequest>();
}

absl::StatusOr<PullRequest> GithubClient::Propose(const ProposedChange& change) {
  ESPALIER_ASSIGN_OR_RETURN(const std::optional<BranchHead> head, HeadOf(change));
  ESPALIER_ASSIGN_OR_RETURN(std::optional<PullRequest> pull, OpenPullOf(change));
  const StandingCommit standing =
      head.has_value() ? StandingOf(head->message, change) : StandingCommit::kOurs;
  if (standing == StandingCommit::kForeign) return HasForeignCommits(change);
  if (standing == StandingCommit::kSame && pull.has_value()) return *std::move(pull);
  Write write = Write::kFirst;
  // The words first: a branch that holds the change says that they are right, too.
  if (pull.has_value()) {
    ESPALIER_RETURN_IF_ERROR(
        api_.Send("PATCH", Project(absl::StrCat("/pulls/", pull->number)),
                  Object({{"title", Quoted(change.title)}, {"body", Quoted(change.body)}}), write)
            .status());
    write = Write::kLater;
  }
  if (standing != StandingCommit::kSame) {
    ESPALIER_ASSIGN_OR_RETURN(const std::string commit, MakeCommit(change, write));
    const absl::Status moved =
        head.has_value()
            ? api_.Send("PATCH", Project(absl::StrCat("/git/refs/", RefPart(change))),
                        Object({{"sha", Quoted(commit)}, {"force", "true"}}), Write::kLater)
                  .status()
            : api_.Send("POST", Project("/git/refs"),
                        Object({{"ref", Quoted(absl::StrCat("refs/heads/", change.branch))},
                                {"sha", Quoted(commit)}}),
                        Write::kLater)
                  .status();
    if (!moved.ok()) return UnlessOvertaken(moved);
    if (pull.has_value()) pull->head_sha = commit;
    write = Write::kLater;
  }
  if (pull.has_value()) return *std::move(pull);
  const absl::StatusOr<Node> made =
      api_.Send("POST", Project("/pulls"), NewGithubPull(change), write);
  if (made.ok()) return ReadGithubPull(*made);
  // Without a pull request nobody would look at the branch.
  const absl::Status why = UnlessOvertaken(made.status());
  if (!head.has_value() && why == made.status()) {
    (void)api_.Send("DELETE", Project(absl::StrCat("/git/refs/", RefPart(change))), "",
                    Write::kLater);
  }
  return why;
}

absl::StatusOr<std::string> GithubClient::MakeCommit(const ProposedChange& change, Write write) {
  ESPALIER_ASSIGN_OR_RETURN(
      const Node base,
      api_.Get(Project(absl::StrCat("/git/commits/", PathEscape(change.base_sha)))));
  std::vector<std::string> entries;
  entries.reserve(change.files.size());
  for (const FileChange& file : change.files) {
    std::string blob;
    if (FindInvalidUtf8(file.bytes) != absl::string_view::npos) {
      ESPALIER_ASSIGN_OR_RETURN(
          const Node made, api_.Send("POST", Project("/git/blobs"),
                                     Object({{"content", Quoted(absl::Base64Escape(file.bytes))},
                                             {"encoding", Quoted("base64")}}),
                                     write));
      blob = TextAt(made, "sha");
      write = Write::kLater;
    }
    entries.push_back(
        Object({{"path", Quoted(file.path)},
                {"mode", Quoted("100644")},
                {"type", Quoted("blob")},
                {blob.empty() ? "content" : "sha", Quoted(blob.empty() ? file.bytes : blob)}}));
  }
  ESPALIER_ASSIGN_OR_RETURN(
      const Node tree,
      api_.Send("POST", Project("/git/trees"),
                Object({{"base_tree", Quoted(TextAt(base, "tree.sha"))}, {"tree", List(entries)}}),
                write));
  ESPALIER_ASSIGN_OR_RETURN(const Node commit,
                            api_.Send("POST", Project("/git/commits"),
                                      Object({{"message", Quoted(CommitMessageOf(change))},
                                              {"tree", Quoted(TextAt(tree, "sha"))},
                                              {"parents", List({Quoted(change.base_sha)})}}),
                                      Write::kLater));
  std::string sha = TextAt(commit, "sha");
  if (sha.empty()) return absl::UnavailableError("GitHub made no commit");
  return sha;
}

}  // namespace espalier::forge
