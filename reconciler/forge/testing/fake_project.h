// FakeProject: what a forge knows of one project, in memory, in no forge's own words. The fakes of
// GitHub, GitLab and Gitea serve it each in its own. Guarded by FakeForge.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "reconciler/forge/forge.h"

namespace espalier {

struct FakeUser {
  std::int64_t id = 0;
  std::string login;
  ForgeRole role = ForgeRole::kNone;
  bool bot = false;
};

// Lines of the new file, from 1, both inclusive.
using FakeHunk = std::pair<int, int>;

struct FakePull {
  std::int64_t number = 0;
  std::string title = "change";
  std::string body;
  std::string author = "ana";
  std::string head_branch = "change";
  std::string head_sha;
  std::string base_branch = "main";
  std::string base_sha;
  bool from_fork = false;
  // Its repository was deleted.
  bool head_gone = false;
  bool draft = false;
  PullRequest::State state = PullRequest::State::kOpen;
  std::string merge_sha;
  // When anything about it changed last.
  absl::Time updated;
  // Lines that can be remarked on, by path. Nothing: all lines of all files.
  std::optional<std::map<std::string, std::vector<FakeHunk>>> diff;
  // The forge still computes for so many more questions.
  int computing = 1;
};

struct FakeComment {
  std::int64_t id = 0;
  // Of the pull request or issue.
  std::int64_t number = 0;
  std::string author;
  std::string body;
  absl::Time created;
  absl::Time updated;
  // Written by the forge itself.
  bool system = false;
  // By whom and with what.
  std::vector<std::pair<std::string, std::string>> reactions;
};

// A remark on a line of a diff.
struct FakeNote {
  std::int64_t id = 0;
  std::int64_t review = 0;
  std::int64_t number = 0;
  std::string author;
  std::string path;
  int first_line = 0;
  int line = 0;
  int old_line = 0;
  std::string commit;
  std::string body;
};

struct FakeStatus {
  std::int64_t id = 0;
  std::string sha;
  std::string context;
  // As the forge calls it.
  std::string state;
  std::string description;
  std::string url;
};

struct FakeAnnotation {
  std::string path;
  int first_line = 0;
  int last_line = 0;
  std::string level;
  std::string title;
  std::string message;
};

struct FakeCheckRun {
  std::int64_t id = 0;
  std::string name;
  std::string head_sha;
  std::string status = "queued";
  std::string conclusion;
  std::string external_id;
  std::string details_url;
  std::string title;
  std::string summary;
  std::vector<FakeAnnotation> annotations;
};

struct FakeIssue {
  std::int64_t number = 0;
  std::string author;
  std::string title;
  std::string body;
  std::vector<std::string> labels;
  bool open = true;
};

// A commit made through the API: what it changes, and on what.
struct FakeCommit {
  std::string parent;
  std::string message;
  std::map<std::string, std::string> files;
};

struct FakeProject {
  std::string owner = "acme";
  std::string name = "fleet";
  std::map<std::string, FakeUser> users;
  // Whose token it is.
  std::map<std::string, std::string> tokens;
  std::map<std::int64_t, FakePull> pulls;
  std::map<std::int64_t, FakeComment> comments;
  std::vector<FakeNote> notes;
  std::vector<FakeStatus> statuses;
  std::map<std::int64_t, FakeCheckRun> check_runs;
  std::map<std::int64_t, FakeIssue> issues;
  // Heads by name.
  std::map<std::string, std::string> branches;
  std::map<std::string, FakeCommit> commits;
  // Trees and blobs by name: what they add to which tree.
  std::map<std::string, FakeCommit> trees;
  std::map<std::string, std::string> blobs;
  // Files of the base branch, for forges that ask whether one is there.
  std::map<std::string, std::string> files;
  // Branches that nobody may push to, and whether the token may not change contents at all.
  std::set<std::string> protected_branches;
  bool contents_denied = false;
  // Pull requests and issues share their numbers where the forge says so.
  std::int64_t last_number = 0;
  std::int64_t last_id = 1000;
};

// The bytes of a file at a branch or commit; nothing: it is not there. Commits that nobody made
// through the API have the files of the base branch.
std::optional<std::string> FileAt(const FakeProject& project, const std::string& ref,
                                  const std::string& path);

}  // namespace espalier
