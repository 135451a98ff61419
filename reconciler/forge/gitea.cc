#include "reconciler/forge/gitea.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "reconciler/forge/file_links.h"
#include "reconciler/forge/forge_api.h"
#include "reconciler/forge/github_json.h"
#include "reconciler/forge/json.h"
#include "reconciler/forge/login.h"
#include "reconciler/forge/proposed_commit.h"

namespace espalier::forge {
namespace {

// The colour of our label, which Gitea asks for.
constexpr char kLabelColor[] = "#6f9e4c";

// GitHub's fields, but for where the head lies.
void ReadPull(const Node& node, std::vector<PullRequest>& pulls) {
  PullRequest pull = ReadGithubPull(node);
  SetFilesUrl("/pulls/", "/src/commit/", pull);
  // 0 or -1 when the fork is gone.
  pull.from_fork = NumberAt(node, "head.repo_id") != NumberAt(node, "base.repo_id");
  pulls.push_back(std::move(pull));
}

struct Review {
  std::int64_t id = 0;
  std::string author;
};

void ReadReview(const Node& node, std::vector<Review>& reviews) {
  reviews.push_back({NumberAt(node, "id"), TextAt(node, "user.login")});
}

void ReadReviewComment(const Node& node, std::vector<StandingNote>& notes) {
  notes.push_back({.author = TextAt(node, "user.login"),
                   .path = TextAt(node, "path"),
                   .line = NumberAt(node, "position"),
                   .body = TextAt(node, "body")});
}

void ReadPath(const Node& node, std::vector<std::string>& paths) {
  paths.push_back(TextAt(node, "filename"));
}

struct Label {
  std::int64_t id = 0;
  std::string name;
};

void ReadLabel(const Node& node, std::vector<Label>& labels) {
  labels.push_back({NumberAt(node, "id"), TextAt(node, "name")});
}

class GiteaClient final : public Forge {
 public:
  GiteaClient(Http& http, const GiteaOptions& options, std::unique_ptr<AccessToken> token,
              std::shared_ptr<Pace> pace)
      : project_(absl::StrCat("/repos/", PathEscape(options.owner), "/", PathEscape(options.name))),
        token_(std::move(token)),
        api_(http, *token_, std::move(pace),
             {.base = options.base,
              .project = project_,
              .token_header = "Authorization",
              .token_prefix = "token ",
              .headers = {{"Accept", "application/json"}},
              .route = options.route}),
        login_(*token_, api_, "login") {
    traits_.comment_bytes = 60000;
    traits_.status_bytes = 255;
    traits_.head_ref_prefix = "refs/pull/";
  }

  const ForgeTraits& traits() const override { return traits_; }

  absl::StatusOr<std::vector<PullRequest>> OpenPullRequests(
      const std::string& base_branch) override {
    // Gitea clamps the page to what its administrator set, 50 unless changed.
    ESPALIER_ASSIGN_OR_RETURN(
        std::vector<PullRequest> pulls,
        api_.List(Project("/pulls?state=open&sort=oldest&limit=50"), &ReadPull));
    std::erase_if(pulls, [&](const PullRequest& pull) { return pull.base_branch != base_branch; });
    std::sort(pulls.begin(), pulls.end(),
              [](const PullRequest& a, const PullRequest& b) { return a.number < b.number; });
    return pulls;
  }

  absl::StatusOr<PullRequest> GetPullRequest(std::int64_t number) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node answer, api_.Get(Project("/pulls/", number)));
    return PullOf(answer);
  }

  absl::StatusOr<std::optional<PullRequest>> PullRequestOf(
      const std::string& commit, const std::string& base_branch) override {
    const absl::StatusOr<Node> answer = api_.Get(Project("/commits/", PathEscape(commit), "/pull"));
    if (absl::IsNotFound(answer.status())) return std::nullopt;
    if (!answer.ok()) return answer.status();
    PullRequest pull = PullOf(*answer);
    if (pull.state != PullRequest::State::kMerged || pull.base_branch != base_branch) {
      return std::nullopt;
    }
    return pull;
  }

  absl::Status SetStatus(const std::string& sha, const CommitStatus& status) override {
    return api_.Send("POST", Project("/statuses/", PathEscape(sha)), GithubStatus(status)).status();
  }

  absl::StatusOr<std::vector<ForgeComment>> Comments(std::int64_t number) override {
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(
        std::vector<ForgeComment> comments,
        api_.List(Project("/issues/", number, "/comments"), &ReadGithubComment));
    for (ForgeComment& comment : comments) comment.mine = comment.author == login;
    return comments;
  }

  absl::StatusOr<ForgeComment> AddComment(std::int64_t number, const std::string& body) override {
    ESPALIER_ASSIGN_OR_RETURN(const Node made,
                              api_.Send("POST", Project("/issues/", number, "/comments"),
                                        Object({{"body", Quoted(body)}})));
    return OwnGithubComment(made);
  }

  absl::Status EditComment(std::int64_t, const std::string& id, const std::string& body) override {
    return api_.Send("PATCH", CommentPath(id), Object({{"body", Quoted(body)}})).status();
  }

  absl::Status DeleteComment(std::int64_t, const std::string& id) override {
    const absl::Status status = api_.Send("DELETE", CommentPath(id), "").status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

  absl::Status Acknowledge(std::int64_t, const std::string& id) override {
    return api_
        .Send("POST", absl::StrCat(CommentPath(id), "/reactions"),
              Object({{"content", Quoted("eyes")}}))
        .status();
  }

  absl::StatusOr<std::string> PutCheckRun(const std::string&, const CheckRun&) override {
    return absl::FailedPreconditionError("Gitea has no check runs");
  }

  absl::Status AddLineNotes(const PullRequest& pull, const std::vector<LineNote>& notes) override {
    if (notes.empty()) return absl::OkStatus();
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<StandingNote> standing,
                              Standing(pull.number, login));
    std::vector<std::string> comments;
    for (const LineNote& note : notes) {
      if (comments.size() == limits::kForgeNotes) break;
      if (Stands(standing, login, note)) continue;
      comments.push_back(Object({{"path", Quoted(note.path)},
                                 {"body", Quoted(NoteMarkdown(note))},
                                 {"new_position", absl::StrCat(note.last_line)},
                                 {"old_position", "0"}}));
    }
    if (comments.empty()) return absl::OkStatus();
    return api_
        .Send("POST", Project("/pulls/", pull.number, "/reviews"),
              Object({{"event", Quoted("COMMENT")},
                      {"commit_id", Quoted(pull.head_sha)},
                      {"comments", List(comments)}}))
        .status();
  }

  absl::StatusOr<ForgeRole> RoleOf(const std::string& user) override {
    const absl::StatusOr<Node> answer =
        api_.Get(Project("/collaborators/", PathEscape(user), "/permission"));
    if (absl::IsNotFound(answer.status())) return ForgeRole::kNone;
    if (!answer.ok()) return answer.status();
    const std::string permission = TextAt(*answer, "permission");
    if (permission == "admin" || permission == "owner") return ForgeRole::kAdmin;
    if (permission == "write") return ForgeRole::kWrite;
    return permission == "read" ? ForgeRole::kRead : ForgeRole::kNone;
  }

  absl::StatusOr<std::vector<ForgeIssue>> OpenIssues(const std::string& label) override {
    ESPALIER_ASSIGN_OR_RETURN(const std::string login, login_.Get());
    ESPALIER_ASSIGN_OR_RETURN(
        const std::vector<OwnedIssue> all,
        api_.List(Project("/issues?state=open&type=issues&limit=50&labels=", PathEscape(label)),
                  &ReadGithubIssue));
    return IssuesOf(all, login);
  }

  absl::StatusOr<ForgeIssue> AddIssue(const std::string& title, const std::string& body,
                                      const std::string& label) override {
    Write write = Write::kFirst;
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t label_id, LabelId(label, write));
    ESPALIER_ASSIGN_OR_RETURN(const Node made,
                              api_.Send("POST", Project("/issues"),
                                        Object({{"title", Quoted(title)},
                                                {"body", Quoted(body)},
                                                {"labels", List({absl::StrCat(label_id)})}}),
                                        write));
    return OwnGithubIssue(made);
  }

  absl::Status EditIssue(std::int64_t number, const std::string& title,
                         const std::string& body) override {
    return api_
        .Send("PATCH", Project("/issues/", number),
              Object({{"title", Quoted(title)}, {"body", Quoted(body)}}))
        .status();
  }

  absl::Status CloseIssue(std::int64_t number) override {
    return api_.Send("PATCH", Project("/issues/", number), Object({{"state", Quoted("closed")}}))
        .status();
  }

  // Its branches cannot be moved, and one that is deleted closes its pull request: where there is a
  // pull request already, commits are added.
  absl::StatusOr<PullRequest> Propose(const ProposedChange& change) override {
    // Slashes in names of branches stay: the rest of the path is the name.
    const std::string branch = Project("/branches/", QueryEscape(change.branch));
    const absl::StatusOr<Node> head = api_.Get(branch);
    if (!head.ok() && !absl::IsNotFound(head.status())) return head.status();
    ESPALIER_ASSIGN_OR_RETURN(std::optional<PullRequest> pull, OpenPullOf(change));
    const StandingCommit standing =
        head.ok() ? StandingOnBranch(*head, change) : StandingCommit::kOurs;
    if (standing == StandingCommit::kForeign) return HasForeignCommits(change);
    if (pull.has_value()) {
      if (standing == StandingCommit::kSame) return *std::move(pull);
      return Update(change, *pull);
    }
    Write write = Write::kFirst;
    if (head.ok() && standing != StandingCommit::kSame) {
      // What is left of a pull request that is closed.
      ESPALIER_RETURN_IF_ERROR(api_.Send("DELETE", branch, "", write).status());
      write = Write::kLater;
    }
    absl::Status done;
    if (standing != StandingCommit::kSame) {
      ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                                Operations(change.files, change.base_sha));
      done = api_.Send("POST", Project("/branches"),
                       Object({{"new_branch_name", Quoted(change.branch)},
                               {"old_ref_name", Quoted(change.base_sha)}}),
                       write)
                 .status();
      if (!done.ok()) return UnlessOvertaken(done);
      done = Commit(change, files, Write::kLater);
      write = Write::kLater;
    }
    if (done.ok()) {
      const absl::StatusOr<Node> made =
          api_.Send("POST", Project("/pulls"), NewGithubPull(change), write);
      if (made.ok()) return PullOf(*made);
      done = made.status();
    }
    if (standing != StandingCommit::kSame) (void)api_.Send("DELETE", branch, "", Write::kLater);
    return done;
  }

 private:
  template <typename... Parts>
  std::string Project(const Parts&... parts) const {
    return absl::StrCat(project_, parts...);
  }
  std::string CommentPath(const std::string& id) const {
    return Project("/issues/comments/", PathEscape(id));
  }

  static PullRequest PullOf(const Node& node) {
    std::vector<PullRequest> read;
    ReadPull(node, read);
    return std::move(read.front());
  }

  // Our remarks, review by review: there is no list of all.
  absl::StatusOr<std::vector<StandingNote>> Standing(std::int64_t number,
                                                     const std::string& login) {
    ESPALIER_ASSIGN_OR_RETURN(
        const std::vector<Review> reviews,
        api_.List(Project("/pulls/", number, "/reviews?limit=50"), &ReadReview));
    std::vector<StandingNote> all;
    for (const Review& review : reviews) {
      if (review.author != login) continue;
      ESPALIER_ASSIGN_OR_RETURN(
          const std::vector<StandingNote> notes,
          api_.List(Project("/pulls/", number, "/reviews/", review.id, "/comments"),
                    &ReadReviewComment));
      all.insert(all.end(), notes.begin(), notes.end());
    }
    return all;
  }

  // The label, made if there is none; `write` is then the next one's.
  absl::StatusOr<std::int64_t> LabelId(const std::string& name, Write& write) {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<Label> labels,
                              api_.List(Project("/labels?limit=50"), &ReadLabel));
    for (const Label& label : labels) {
      if (label.name == name) return label.id;
    }
    ESPALIER_ASSIGN_OR_RETURN(
        const Node made,
        api_.Send("POST", Project("/labels"),
                  Object({{"name", Quoted(name)}, {"color", Quoted(kLabelColor)}})));
    write = Write::kLater;
    return NumberAt(made, "id");
  }

  // Our own commit, or one that only brings the base branch in: nothing of either is lost when a
  // commit is added.
  static StandingCommit StandingOnBranch(const Node& branch, const ProposedChange& change) {
    const std::string message = TextAt(branch, "commit.message");
    const std::string merge = absl::StrCat("Merge branch '", change.base_branch, "'");
    return absl::StartsWith(message, merge) ? StandingCommit::kOurs : StandingOf(message, change);
  }

  // The open pull request of the change; nothing: there is none.
  absl::StatusOr<std::optional<PullRequest>> OpenPullOf(const ProposedChange& change) {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<PullRequest> pulls,
                              OpenPullRequests(change.base_branch));
    for (const PullRequest& pull : pulls) {
      if (pull.head_branch == change.branch && !pull.from_fork) return std::optional(pull);
    }
    return std::optional<PullRequest>();
  }

  absl::StatusOr<PullRequest> Update(const ProposedChange& change, const PullRequest& pull) {
    const std::string path = Project("/pulls/", pull.number);
    ESPALIER_RETURN_IF_ERROR(
        api_.Send("PATCH", path,
                  Object({{"title", Quoted(change.title)}, {"body", Quoted(change.body)}}))
            .status());
    ESPALIER_RETURN_IF_ERROR(BringBaseIn(change, path));
    // What an earlier change made of other files is taken back.
    std::vector<FileChange> files = change.files;
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> changed,
                              api_.List(absl::StrCat(path, "/files?limit=50"), &ReadPath));
    for (const std::string& name : changed) {
      const bool wanted = std::any_of(change.files.begin(), change.files.end(),
                                      [&](const FileChange& file) { return file.path == name; });
      if (wanted) continue;
      ESPALIER_ASSIGN_OR_RETURN(const Node base, Contents(name, change.base_sha));
      FileChange file{.path = name};
      if (!absl::Base64Unescape(TextAt(base, "content"), &file.bytes)) {
        return absl::UnavailableError("Gitea did not send the file");
      }
      files.push_back(std::move(file));
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> operations,
                              Operations(files, change.branch));
    if (!operations.empty()) {
      ESPALIER_RETURN_IF_ERROR(Commit(change, operations, Write::kLater));
    }
    return GetPullRequest(pull.number);
  }

  // Files are written as a whole: the branch has to go from the very commit that they were changed
  // against, or what came to the base since would be undone.
  absl::Status BringBaseIn(const ProposedChange& change, const std::string& path) {
    const auto base_of = [&]() -> absl::StatusOr<std::string> {
      ESPALIER_ASSIGN_OR_RETURN(const Node pull, api_.Get(path));
      return TextAt(pull, "merge_base");
    };
    ESPALIER_ASSIGN_OR_RETURN(std::string base, base_of());
    if (base == change.base_sha) return absl::OkStatus();
    absl::Status brought =
        api_.Send("POST", absl::StrCat(path, "/update"), "", Write::kLater).status();
    if (!brought.ok() && !absl::IsUnavailable(brought)) return brought;
    ESPALIER_ASSIGN_OR_RETURN(base, base_of());
    if (base == change.base_sha) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the branch ", change.branch, " does not go together with ",
                     change.base_branch, " any more: merge or close its pull request first"));
  }

  absl::Status Commit(const ProposedChange& change, const std::vector<std::string>& operations,
                      Write write) {
    return api_
        .Send("POST", Project("/contents"),
              Object({{"branch", Quoted(change.branch)},
                      {"message", Quoted(CommitMessageOf(change))},
                      {"files", List(operations)}}),
              write)
        .status();
  }

  absl::StatusOr<Node> Contents(const std::string& path, const std::string& ref) {
    return api_.Get(Project("/contents/", QueryEscape(path), "?ref=", PathEscape(ref)));
  }

  // What becomes of each file that is different at `ref`; one that is there must be named with what
  // it is.
  absl::StatusOr<std::vector<std::string>> Operations(const std::vector<FileChange>& wanted,
                                                      const std::string& ref) {
    std::vector<std::string> files;
    files.reserve(wanted.size());
    for (const FileChange& file : wanted) {
      const absl::StatusOr<Node> there = Contents(file.path, ref);
      if (!there.ok() && !absl::IsNotFound(there.status())) return there.status();
      const std::string content = absl::Base64Escape(file.bytes);
      if (there.ok() && TextAt(*there, "content") == content) continue;
      files.push_back(Object({{"operation", Quoted(there.ok() ? "update" : "create")},
                              {"path", Quoted(file.path)},
                              {"sha", there.ok() ? Quoted(TextAt(*there, "sha")) : ""},
                              {"content", Quoted(content)}}));
    }
    return files;
  }

  const std::string project_;
  const std::unique_ptr<AccessToken> token_;
  ForgeTraits traits_;
  ForgeApi api_;
  Login login_;
};

}  // namespace

std::unique_ptr<Forge> MakeGitea(Http& http, const GiteaOptions& options,
                                 std::unique_ptr<AccessToken> token, std::shared_ptr<Pace> pace) {
  return std::make_unique<GiteaClient>(http, options, std::move(token), std::move(pace));
}

}  // namespace espalier::forge
