#include "reconciler/forge/gitlab.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/retry_after.h"
#include "engine/base/status.h"
#include "reconciler/forge/file_links.h"
#include "reconciler/forge/forge_api.h"
#include "reconciler/forge/github_json.h"
#include "reconciler/forge/json.h"
#include "reconciler/forge/login.h"
#include "reconciler/forge/proposed_commit.h"

namespace espalier::forge {
namespace {

// How long GitLab is given to compute the diff of a push.
constexpr absl::Duration kComputing = absl::Seconds(5);

constexpr int kReporter = 10;
constexpr int kDeveloper = 30;
constexpr int kMaintainer = 40;

void ReadPull(const Node& node, std::vector<PullRequest>& pulls) {
  PullRequest pull{
      .number = NumberAt(node, "iid"),
      .title = TextAt(node, "title"),
      .url = TextAt(node, "web_url"),
      .author = TextAt(node, "author.username"),
      .head_sha = TextAt(node, "sha"),
      .head_branch = TextAt(node, "source_branch"),
      .base_branch = TextAt(node, "target_branch"),
      // Null when the fork is gone.
      .from_fork = NumberAt(node, "source_project_id") != NumberAt(node, "target_project_id"),
      .draft = TrueAt(node, "draft"),
      .updated_at = ReadTime(TextAt(node, "updated_at"))};
  SetFilesUrl("/-/merge_requests/", "/-/blob/", pull);
  const std::string state = TextAt(node, "state");
  if (state == "merged") {
    pull.state = PullRequest::State::kMerged;
    // Fast-forwarded there is neither: the head itself came to the branch.
    for (const char* field : {"merge_commit_sha", "squash_commit_sha", "sha"}) {
      if (pull.merge_sha.empty()) pull.merge_sha = TextAt(node, field);
    }
  } else if (state != "opened") {
    pull.state = PullRequest::State::kClosed;
  }
  pulls.push_back(std::move(pull));
}

// A comment, or a remark on a line: GitLab lists both as notes.
struct GitlabNote {
  ForgeComment comment;
  bool on_line = false;
  StandingNote standing;
};

bool IsBot(const std::string& username) {
  // Users of project and group tokens: "project_42_bot_1a2b".
  return (absl::StartsWith(username, "project_") || absl::StartsWith(username, "group_")) &&
         absl::StrContains(username, "_bot");
}

void ReadNote(const Node& node, std::vector<GitlabNote>& notes) {
  if (TrueAt(node, "system")) return;
  const std::string author = TextAt(node, "author.username");
  const std::string created = TextAt(node, "created_at");
  notes.push_back({.comment = {.id = absl::StrCat(NumberAt(node, "id")),
                               .author = author,
                               .by_bot = IsBot(author),
                               .body = TextAt(node, "body"),
                               .created_at = ReadTime(created),
                               .edited = TextAt(node, "updated_at") != created},
                   .on_line = TextAt(node, "type") == "DiffNote",
                   .standing = {.author = author,
                                .path = TextAt(node, "position.new_path"),
                                .line = NumberAt(node, "position.new_line"),
                                .body = TextAt(node, "body")}});
}

void ReadIssue(const Node& node, std::vector<OwnedIssue>& issues) {
  issues.push_back({.issue = {.number = NumberAt(node, "iid"),
                              .title = TextAt(node, "title"),
                              .body = TextAt(node, "description"),
                              .url = TextAt(node, "web_url"),
                              .open = TextAt(node, "state") == "opened"},
                    .author = TextAt(node, "author.username")});
}

absl::string_view StateWord(CommitStatus::State state) {
  switch (state) {
    case CommitStatus::State::kPending:
      return "pending";
    case CommitStatus::State::kSuccess:
      return "success";
    case CommitStatus::State::kFailure:
    case CommitStatus::State::kError:
      return "failed";
  }
  return "failed";
}

class GitlabClient final : public Forge {
 public:
  GitlabClient(Http& http, const GitlabOptions& options, std::unique_ptr<AccessToken> token,
               std::shared_ptr<Pace> pace)
      : project_(absl::StrCat("/projects/", PathEscape(options.project))),
        web_(WebOf(options)),
        token_(std::move(token)),
        api_(http, *token_, std::move(pace),
             {.base = options.base,
              .project = project_,
              .token_header = "PRIVATE-TOKEN",
              .headers = {{"Accept", "application/json"}},
              .route = options.route}),
        login_(*token_, api_, "username") {
    traits_.comment_bytes = 250000;
    traits_.status_bytes = 255;
    traits_.head_ref_prefix = "refs/merge-requests/";
  }

  const ForgeTraits& traits() const override { return traits_; }

  absl::StatusOr<std::vector<PullRequest>> OpenPullRequests(
      const std::string& base_branch) override {
    return api_.List(
        absl::StrCat(project_, "/merge_requests?state=opened&target_branch=",
                     PathEscape(base_branch), "&order_by=created_at&sort=asc&per_page=100"),
        &ReadPull);
  }

  absl::StatusOr<PullRequest> GetPullRequest(std::int64_t number) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node answer, api_.Get(Pull(number, "")));
    return One<PullRequest>(answer, &ReadPull);
  }

  absl::StatusOr<std::optional<PullRequest>> PullRequestOf(
      const std::string& commit, const std::string& base_branch) override {
    const absl::StatusOr<std::vector<PullRequest>> pulls =
        api_.List(absl::StrCat(Commit(commit), "/merge_requests?per_page=100"), &ReadPull);
    if (absl::IsNotFound(pulls.status())) return std::nullopt;
    if (!pulls.ok()) return pulls.status();
    for (const PullRequest& pull : *pulls) {
      if (pull.state == PullRequest::State::kMerged && pull.base_branch == base_branch) return pull;
    }
    return std::nullopt;
  }

  absl::Status SetStatus(const std::string& sha, const CommitStatus& status) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node commit, api_.Get(Commit(sha)));
    // Without the pipeline it would land on another, or make one.
    const std::int64_t pipeline = NumberAt(commit, "last_pipeline.id");
    absl::Status set =
        api_.Send("POST", absl::StrCat(project_, "/statuses/", PathEscape(sha)),
                  Object({{"state", Quoted(StateWord(status.state))},
                          {"name", Quoted(status.context)},
                          {"description", Quoted(status.description)},
                          {"target_url", status.url.empty() ? "" : Quoted(status.url)},
                          {"pipeline_id", pipeline == 0 ? "" : absl::StrCat(pipeline)}}))
            .status();
    // It is in that state already.
    if (absl::IsInvalidArgument(set) &&
        absl::StrContains(set.message(), "Cannot transition status")) {
      return absl::OkStatus();
    }
    return set;
  }

  absl::StatusOr<std::vector<ForgeComment>> Comments(std::int64_t number) override {
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<GitlabNote> notes, Notes(number));
    std::vector<ForgeComment> comments;
    for (const GitlabNote& note : notes) {
      if (!note.on_line)
        comments.push_back(Finished("merge_requests", number, note.comment, login));
    }
    return comments;
  }

  absl::StatusOr<ForgeComment> AddComment(std::int64_t number, const std::string& body) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node made, api_.Send("POST", Pull(number, "/notes"),
                                                         Object({{"body", Quoted(body)}})));
    ESPALIER_ASSIGN_OR_RETURN(const GitlabNote note, One<GitlabNote>(made, &ReadNote));
    return Finished("merge_requests", number, note.comment, note.comment.author);
  }

  absl::Status EditComment(std::int64_t number, const std::string& id,
                           const std::string& body) override {
    return api_.Send("PUT", Note(number, id), Object({{"body", Quoted(body)}})).status();
  }

  absl::Status DeleteComment(std::int64_t number, const std::string& id) override {
    const absl::Status status = api_.Send("DELETE", Note(number, id), "").status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  absl::Status Acknowledge(std::int64_t number, const std::string& id) override {
    return Award(Note(number, id));
  }

  absl::StatusOr<std::string> PutCheckRun(const std::string&, const CheckRun&) override {
    return absl::FailedPreconditionError("GitLab has no check runs");
  }

  absl::Status AddLineNotes(const PullRequest& pull, const std::vector<LineNote>& notes) override {
    if (notes.empty()) return absl::OkStatus();
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<GitlabNote> there, Notes(pull.number));
    std::vector<StandingNote> standing;
    standing.reserve(there.size());
    for (const GitlabNote& note : there) standing.push_back(note.standing);
    // Newest first.
    ESPALIER_ASSIGN_OR_RETURN(const Node versions, api_.Get(Pull(pull.number, "/versions")));
    if (versions.items.empty() ||
        TextAt(versions.items.front(), "head_commit_sha") != pull.head_sha) {
      return WithRetryAfter(absl::UnavailableError("GitLab still computes the diff"), kComputing);
    }
    std::size_t made = 0;
    for (const LineNote& note : notes) {
      if (Stands(standing, login, note)) continue;
      if (made == limits::kForgeNotes) break;
      ESPALIER_RETURN_IF_ERROR(api_.Send("POST", Pull(pull.number, "/discussions"),
                                         Discussion(versions.items.front(), note),
                                         made++ == 0 ? Write::kFirst : Write::kLater)
                                   .status());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ForgeRole> RoleOf(const std::string& user) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node users,
                              api_.Get(absl::StrCat("/users?username=", PathEscape(user))));
    if (users.items.empty()) return ForgeRole::kNone;
    const Node& found = users.items.front();
    if (TextAt(found, "username") != user || TextAt(found, "state") != "active") {
      return ForgeRole::kNone;
    }
    const absl::StatusOr<Node> member =
        api_.Get(absl::StrCat(project_, "/members/all/", NumberAt(found, "id")));
    if (absl::IsNotFound(member.status())) return ForgeRole::kNone;
    if (!member.ok()) return member.status();
    const std::int64_t level = NumberAt(*member, "access_level");
    if (level >= kMaintainer) return ForgeRole::kAdmin;
    if (level >= kDeveloper) return ForgeRole::kWrite;
    return level >= kReporter ? ForgeRole::kRead : ForgeRole::kNone;
  }

  absl::StatusOr<std::vector<ForgeIssue>> OpenIssues(const std::string& label) override {
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(
        const std::vector<OwnedIssue> all,
        api_.List(absl::StrCat(project_, "/issues?state=opened&labels=", PathEscape(label),
                               "&order_by=created_at&sort=asc&per_page=100"),
                  &ReadIssue));
    return IssuesOf(all, login);
  }

  absl::StatusOr<ForgeIssue> AddIssue(const std::string& title, const std::string& body,
                                      const std::string& label) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node made, api_.Send("POST", absl::StrCat(project_, "/issues"),
                                                         Object({{"title", Quoted(title)},
                                                                 {"description", Quoted(body)},
                                                                 {"labels", Quoted(label)}})));
    ESPALIER_ASSIGN_OR_RETURN(OwnedIssue issue, One<OwnedIssue>(made, &ReadIssue));
    issue.issue.mine = true;
    return issue.issue;
  }

  absl::Status EditIssue(std::int64_t number, const std::string& title,
                         const std::string& body) override {
    return api_
        .Send("PUT", absl::StrCat(project_, "/issues/", number),
              Object({{"title", Quoted(title)}, {"description", Quoted(body)}}))
        .status();
  }

  absl::Status CloseIssue(std::int64_t number) override {
    return api_
        .Send("PUT", absl::StrCat(project_, "/issues/", number),
              Object({{"state_event", Quoted("close")}}))
        .status();
  }

  absl::StatusOr<std::vector<ForgeComment>> IssueComments(std::int64_t number) override {
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(
        const std::vector<GitlabNote> notes,
        api_.List(Issue(number, "/notes?sort=asc&order_by=created_at&per_page=100"), &ReadNote));
    std::vector<ForgeComment> comments;
    comments.reserve(notes.size());
    for (const GitlabNote& note : notes) {
      comments.push_back(Finished("issues", number, note.comment, login));
    }
    return comments;
  }

  absl::StatusOr<ForgeComment> AddIssueComment(std::int64_t number,
                                               const std::string& body) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node made, api_.Send("POST", Issue(number, "/notes"),
                                                         Object({{"body", Quoted(body)}})));
    ESPALIER_ASSIGN_OR_RETURN(const GitlabNote note, One<GitlabNote>(made, &ReadNote));
    return Finished("issues", number, note.comment, note.comment.author);
  }

  absl::Status AcknowledgeOnIssue(std::int64_t number, const std::string& id) override {
    return Award(Issue(number, absl::StrCat("/notes/", PathEscape(id))));
  }

  absl::StatusOr<PullRequest> Propose(const ProposedChange& change) override {
    const std::string branch =
        absl::StrCat(project_, "/repository/branches/", PathEscape(change.branch));
    const absl::StatusOr<Node> head = api_.Get(branch);
    if (!head.ok() && !absl::IsNotFound(head.status())) return head.status();
    const StandingCommit standing =
        head.ok() ? StandingOf(TextAt(*head, "commit.message"), change) : StandingCommit::kOurs;
    if (standing == StandingCommit::kForeign) return HasForeignCommits(change);
    ESPALIER_ASSIGN_OR_RETURN(std::optional<PullRequest> pull, OpenPullOf(change));
    if (standing == StandingCommit::kSame && pull.has_value()) return *std::move(pull);
    Write write = Write::kFirst;
    // The words first: a branch that holds the change says that they are right, too.
    if (pull.has_value()) {
      ESPALIER_RETURN_IF_ERROR(
          api_.Send("PUT", Pull(pull->number, ""),
                    Object({{"title", Quoted(change.title)}, {"description", Quoted(change.body)}}),
                    write)
              .status());
      write = Write::kLater;
    }
    if (standing != StandingCommit::kSame) {
      ESPALIER_ASSIGN_OR_RETURN(const std::string commit, MakeCommit(change, head.ok(), write));
      if (pull.has_value()) pull->head_sha = commit;
      write = Write::kLater;
    }
    if (pull.has_value()) return *std::move(pull);
    const absl::StatusOr<Node> made =
        api_.Send("POST", absl::StrCat(project_, "/merge_requests"),
                  Object({{"source_branch", Quoted(change.branch)},
                          {"target_branch", Quoted(change.base_branch)},
                          {"title", Quoted(change.title)},
                          {"description", Quoted(change.body)},
                          {"remove_source_branch", "true"}}),
                  write);
    if (made.ok()) return One<PullRequest>(*made, &ReadPull);
    absl::Status why = UnlessOvertaken(made.status());
    if (!head.ok() && why == made.status()) (void)api_.Send("DELETE", branch, "", Write::kLater);
    return why;
  }

 private:
  // Where people see the project.
  static std::string WebOf(const GitlabOptions& options) {
    Url web = options.base;
    web.target = absl::StrCat(absl::StripSuffix(web.target, "/api/v4"), "/", options.project);
    return web.ToString();
  }

  // What an answer that is one entry holds.
  template <typename T>
  static absl::StatusOr<T> One(const Node& answer, void (*read)(const Node&, std::vector<T>&)) {
    std::vector<T> read_ones;
    read(answer, read_ones);
    if (read_ones.empty()) return absl::UnavailableError("GitLab's answer is something else");
    return std::move(read_ones.front());
  }

  std::string Pull(std::int64_t number, absl::string_view rest) const {
    return absl::StrCat(project_, "/merge_requests/", number, rest);
  }
  std::string Note(std::int64_t number, const std::string& id) const {
    return Pull(number, absl::StrCat("/notes/", PathEscape(id)));
  }
  std::string Issue(std::int64_t number, absl::string_view rest) const {
    return absl::StrCat(project_, "/issues/", number, rest);
  }

  absl::Status Award(const std::string& note) {
    const absl::Status status =
        api_.Send("POST", absl::StrCat(note, "/award_emoji"), Object({{"name", Quoted("eyes")}}))
            .status();
    // So it answers to a second one as well.
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  std::string Commit(const std::string& sha) const {
    return absl::StrCat(project_, "/repository/commits/", PathEscape(sha));
  }

  absl::StatusOr<std::vector<GitlabNote>> Notes(std::int64_t number) {
    // Newest first is what one gets unasked.
    return api_.List(Pull(number, "/notes?sort=asc&order_by=created_at&per_page=100"), &ReadNote);
  }

  // `list`: "merge_requests" or "issues".
  ForgeComment Finished(const char* list, std::int64_t number, ForgeComment comment,
                        const std::string& login) const {
    comment.mine = comment.author == login;
    comment.url = absl::StrCat(web_, "/-/", list, "/", number, "#note_", comment.id);
    return comment;
  }

  static std::string Discussion(const Node& version, const LineNote& note) {
    const auto quoted = [&](const char* field) { return Quoted(TextAt(version, field)); };
    return Object(
        {{"body", Quoted(NoteMarkdown(note))},
         {"position",
          Object({{"position_type", Quoted("text")},
                  {"base_sha", quoted("base_commit_sha")},
                  {"start_sha", quoted("start_commit_sha")},
                  {"head_sha", quoted("head_commit_sha")},
                  {"old_path", Quoted(note.old_path.empty() ? note.path : note.old_path)},
                  {"new_path", Quoted(note.path)},
                  // A line that was there before needs both, an added one must not have the old.
                  {"old_line", note.old_line == 0 ? "" : absl::StrCat(note.old_line)},
                  {"new_line", absl::StrCat(note.last_line)}})}});
  }

  // The open merge request of the change; nothing: there is none.
  absl::StatusOr<std::optional<PullRequest>> OpenPullOf(const ProposedChange& change) {
    ESPALIER_ASSIGN_OR_RETURN(
        const std::vector<PullRequest> pulls,
        api_.List(absl::StrCat(project_, "/merge_requests?state=opened&source_branch=",
                               PathEscape(change.branch),
                               "&target_branch=", PathEscape(change.base_branch), "&per_page=100"),
                  &ReadPull));
    for (const PullRequest& pull : pulls) {
      if (pull.head_branch == change.branch && !pull.from_fork) return std::optional(pull);
    }
    return std::optional<PullRequest>();
  }

  // Puts the commit on the branch, in place of what stands there. Its id.
  absl::StatusOr<std::string> MakeCommit(const ProposedChange& change, bool exists, Write write) {
    std::vector<std::string> actions;
    actions.reserve(change.files.size());
    for (const FileChange& file : change.files) {
      absl::Status there =
          api_.Get(absl::StrCat(project_, "/repository/files/", PathEscape(file.path),
                                "?ref=", PathEscape(change.base_sha)))
              .status();
      if (!there.ok() && !absl::IsNotFound(there)) return there;
      actions.push_back(Object({{"action", Quoted(there.ok() ? "update" : "create")},
                                {"file_path", Quoted(file.path)},
                                {"encoding", Quoted("base64")},
                                {"content", Quoted(absl::Base64Escape(file.bytes))}}));
    }
    const absl::StatusOr<Node> made =
        api_.Send("POST", absl::StrCat(project_, "/repository/commits"),
                  Object({{"branch", Quoted(change.branch)},
                          {"start_sha", Quoted(change.base_sha)},
                          {"force", exists ? "true" : ""},
                          {"commit_message", Quoted(CommitMessageOf(change))},
                          {"actions", List(actions)}}),
                  write);
    if (!made.ok()) return UnlessOvertaken(made.status());
    return TextAt(*made, "id");
  }

  const std::string project_;
  const std::string web_;
  const std::unique_ptr<AccessToken> token_;
  ForgeTraits traits_;
  ForgeApi api_;
  Login login_;
};

}  // namespace

std::unique_ptr<Forge> MakeGitlab(Http& http, const GitlabOptions& options,
                                  std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace) {
  return std::make_unique<GitlabClient>(http, options, std::move(token), std::move(pace));
}

}  // namespace espalier::forge
