#include "reconciler/forge/github_json.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/render/safe_text.h"
#include "reconciler/forge/file_links.h"
#include "reconciler/forge/json.h"

namespace espalier::forge {
namespace {

absl::string_view StateWord(CommitStatus::State state) {
  switch (state) {
    case CommitStatus::State::kPending:
      return "pending";
    case CommitStatus::State::kSuccess:
      return "success";
    case CommitStatus::State::kFailure:
      return "failure";
    case CommitStatus::State::kError:
      return "error";
  }
  return "error";
}

}  // namespace

absl::Time ReadTime(const std::string& text) {
  absl::Time time;
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, text, &time, &error) ? time : absl::UnixEpoch();
}

PullRequest ReadGithubPull(const Node& node) {
  PullRequest pull{.number = NumberAt(node, "number"),
                   .title = TextAt(node, "title"),
                   .url = TextAt(node, "html_url"),
                   .author = TextAt(node, "user.login"),
                   .head_sha = TextAt(node, "head.sha"),
                   .head_branch = TextAt(node, "head.ref"),
                   .base_branch = TextAt(node, "base.ref"),
                   .draft = TrueAt(node, "draft"),
                   .updated_at = ReadTime(TextAt(node, "updated_at"))};
  SetFilesUrl("/pull/", "/blob/", pull);
  // The head's repository is null when its owner has deleted it.
  const std::int64_t head = NumberAt(node, "head.repo.id");
  pull.from_fork = head == 0 || head != NumberAt(node, "base.repo.id");
  // Entries of lists have the time only.
  const bool merged = TrueAt(node, "merged") || !TextAt(node, "merged_at").empty();
  if (merged) {
    pull.state = PullRequest::State::kMerged;
    // Before that it is a trial merge.
    pull.merge_sha = TextAt(node, "merge_commit_sha");
  } else if (TextAt(node, "state") != "open") {
    pull.state = PullRequest::State::kClosed;
  }
  return pull;
}

void ReadGithubComment(const Node& node, std::vector<ForgeComment>& comments) {
  const std::string created = TextAt(node, "created_at");
  comments.push_back({.id = absl::StrCat(NumberAt(node, "id")),
                      .author = TextAt(node, "user.login"),
                      .by_bot = TextAt(node, "user.type") == "Bot",
                      .body = TextAt(node, "body"),
                      .url = TextAt(node, "html_url"),
                      .created_at = ReadTime(created),
                      .edited = TextAt(node, "updated_at") != created});
}

ForgeComment OwnGithubComment(const Node& made) {
  std::vector<ForgeComment> read;
  ReadGithubComment(made, read);
  read.front().mine = true;
  return std::move(read.front());
}

std::string GithubStatus(const CommitStatus& status) {
  return Object({{"state", Quoted(StateWord(status.state))},
                 {"context", Quoted(status.context)},
                 {"description", Quoted(status.description)},
                 {"target_url", status.url.empty() ? "" : Quoted(status.url)}});
}

void ReadGithubStatus(const Node& node, std::vector<CommitStatus>& statuses) {
  CommitStatus status{.context = TextAt(node, "context"),
                      .description = TextAt(node, "description"),
                      .url = TextAt(node, "target_url")};
  const std::string word = TextAt(node, "state");
  for (const auto state : {CommitStatus::State::kPending, CommitStatus::State::kSuccess,
                           CommitStatus::State::kFailure, CommitStatus::State::kError}) {
    if (StateWord(state) == word) status.state = state;
  }
  statuses.push_back(std::move(status));
}

std::string NewGithubPull(const ProposedChange& change) {
  return Object({{"title", Quoted(change.title)},
                 {"head", Quoted(change.branch)},
                 {"base", Quoted(change.base_branch)},
                 {"body", Quoted(change.body)}});
}

void ReadGithubIssue(const Node& node, std::vector<OwnedIssue>& issues) {
  const Node* const pull = At(node, "pull_request");
  if (pull != nullptr && pull->type != Node::Type::kNull) return;
  issues.push_back({.issue = {.number = NumberAt(node, "number"),
                              .title = TextAt(node, "title"),
                              .body = TextAt(node, "body"),
                              .url = TextAt(node, "html_url"),
                              .open = TextAt(node, "state") == "open"},
                    .author = TextAt(node, "user.login")});
}

absl::StatusOr<ForgeIssue> OwnGithubIssue(const Node& made) {
  std::vector<OwnedIssue> read;
  ReadGithubIssue(made, read);
  if (read.empty()) return absl::UnavailableError("the forge made no issue");
  read.front().issue.mine = true;
  return std::move(read.front().issue);
}

std::vector<ForgeIssue> IssuesOf(const std::vector<OwnedIssue>& all, const std::string& login) {
  std::vector<ForgeIssue> issues;
  for (const OwnedIssue& one : all) {
    if (one.author != login) continue;
    issues.push_back(one.issue);
    issues.back().mine = true;
  }
  return issues;
}

bool Stands(const std::vector<StandingNote>& standing, const std::string& author,
            const LineNote& note) {
  const std::string body = NoteMarkdown(note);
  return std::any_of(standing.begin(), standing.end(), [&](const StandingNote& there) {
    return there.author == author && there.path == note.path && there.line == note.last_line &&
           there.body == body;
  });
}

std::string NoteMarkdown(const LineNote& note) {
  std::string message = MarkdownText(note.message);
  if (note.title.empty()) return message;
  return absl::StrCat("**", MarkdownText(note.title), "**\n\n", message);
}

}  // namespace espalier::forge
