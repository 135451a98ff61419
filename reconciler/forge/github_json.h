// GitHub's JSON as our own words, and the other way round. Also Gitea's, where it copies GitHub's
// fields. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/node.h"
#include "reconciler/forge/forge.h"

namespace espalier::forge {

// An entry of a list, or the whole of one. ForgeComment::mine and ForgeIssue::mine are left to who
// knows the login.
PullRequest ReadGithubPull(const Node& node);
void ReadGithubComment(const Node& node, std::vector<ForgeComment>& comments);
// The comment that we have just made.
ForgeComment OwnGithubComment(const Node& made);

// What sets a status.
std::string GithubStatus(const CommitStatus& status);
void ReadGithubStatus(const Node& node, std::vector<CommitStatus>& statuses);

// What opens the pull request of a change.
std::string NewGithubPull(const ProposedChange& change);

struct OwnedIssue {
  ForgeIssue issue;
  std::string author;
};
// The author as well; what is no issue but a pull request is left out.
void ReadGithubIssue(const Node& node, std::vector<OwnedIssue>& issues);

// The issue that we have just made. UNAVAILABLE: it is none.
absl::StatusOr<ForgeIssue> OwnGithubIssue(const Node& made);

// Those of `login`.
std::vector<ForgeIssue> IssuesOf(const std::vector<OwnedIssue>& all, const std::string& login);

// A remark on a line, as it stands there.
struct StandingNote {
  std::string author;
  std::string path;
  // 0: the line is not there any more.
  std::int64_t line = 0;
  std::string body;
};
// Whether `note` stands there already, by `author`.
bool Stands(const std::vector<StandingNote>& standing, const std::string& author,
            const LineNote& note);

// The text of a remark as Markdown, with nothing alive in it.
std::string NoteMarkdown(const LineNote& note);

// RFC 3339; the beginning of time for what is none.
absl::Time ReadTime(const std::string& text);

}  // namespace espalier::forge
