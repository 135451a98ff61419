#include "reconciler/forge/testing/fake_gitea.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"
#include "reconciler/forge/testing/fake_request.h"

namespace espalier {
namespace {

ServerAnswer Page(const FakeRequest& request, const Json& all) {
  return PageAnswer(request, all, "limit", 50, 30);
}

Json User(const std::string& login) { return {{"login", login}}; }

}  // namespace

FakeGitea::FakeGitea(Threads& threads, Clock& clock, Http* http) : FakeForge(threads, clock, http) {
  Start();
}

ServerAnswer FakeGitea::Refuse(int status, absl::string_view message) {
  return JsonAnswer(status,
                    {{"message", std::string(message)}, {"url", absl::StrCat(url(), "/swagger")}});
}

ServerAnswer FakeGitea::RefuseForNow(absl::Duration wait, bool told) {
  // It has no limits of its own; a proxy in front says it.
  ServerAnswer answer{.status = 429, .body = "<html>429 Too Many Requests</html>"};
  if (told) {
    answer.headers = {{"Retry-After", absl::StrCat(absl::ToInt64Seconds(wait))}};
  }
  return answer;
}

ServerAnswer FakeGitea::Answer(const FakeRequest& request) {
  absl::string_view token = request.http->Header("Authorization");
  const auto known = absl::ConsumePrefix(&token, "token ")
                         ? project_.tokens.find(std::string(token))
                         : project_.tokens.end();
  if (known == project_.tokens.end()) return Refuse(401, "user does not exist [uid: 0, name: ]");
  const std::string login = known->second;
  if (request.Is("GET", "/user")) return JsonAnswer(200, User(login));
  const std::string project = absl::StrCat("/repos/", project_.owner, "/", project_.name);
  absl::string_view rest = request.path;
  const ForgeRole role = project_.users[login].role;
  if (!absl::ConsumePrefix(&rest, project) || role == ForgeRole::kNone) {
    return Refuse(404, "The target couldn't be found.");
  }
  if (request.method != "GET" && role < ForgeRole::kWrite) {
    return Refuse(403, "token does not have at least one of required scope(s): [write:issue]");
  }
  FakeRequest inner = request;
  inner.api_url = absl::StrCat(request.api_url, project);
  inner.path = std::string(rest);
  for (const auto part : {&FakeGitea::Pulls, &FakeGitea::Reviews, &FakeGitea::Comments,
                          &FakeGitea::Statuses, &FakeGitea::Issues, &FakeGitea::Repository}) {
    ServerAnswer answer = (this->*part)(inner, login);
    if (answer.status != 0) return answer;
  }
  return Refuse(404, "The target couldn't be found.");
}

std::string FakeGitea::PullText(const FakePull& pull) {
  const bool merged = pull.state == PullRequest::State::kMerged;
  const int head_repository = pull.head_gone ? -1 : (pull.from_fork ? 6 : 5);
  return Json{
      {"number", pull.number},
      {"title", pull.title},
      {"html_url",
       absl::StrCat(url(), "/", project_.owner, "/", project_.name, "/pulls/", pull.number)},
      {"user", User(pull.author)},
      {"head", {{"ref", pull.head_branch}, {"sha", pull.head_sha}, {"repo_id", head_repository}}},
      {"base", {{"ref", pull.base_branch}, {"sha", pull.base_sha}, {"repo_id", 5}}},
      {"merge_base", pull.base_sha},
      {"draft", pull.draft},
      {"state", pull.state == PullRequest::State::kOpen ? "open" : "closed"},
      {"merged", merged},
      {"merged_at", merged ? Json("2026-01-31T12:00:00+01:00") : Json()},
      {"merge_commit_sha", merged ? Json(pull.merge_sha) : Json()},
      {"mergeable", pull.computing == 0},
      {"updated_at", TimeText(pull.updated)}}
      .dump();
}

ServerAnswer FakeGitea::Pulls(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/pulls")) {
    Json all = Json::array();
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.state == PullRequest::State::kOpen) all.push_back(Json::parse(PullText(pull)));
    }
    const auto sort = request.query.find("sort");
    if (sort == request.query.end() || sort->second != "oldest") {
      std::reverse(all.begin(), all.end());
    }
    return Page(request, all);
  }
  if (request.Is("GET", "/pulls/{}", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "The target couldn't be found.");
    if (pull->computing > 0) --pull->computing;
    return JsonAnswer(200, Json::parse(PullText(*pull)));
  }
  if (request.Is("GET", "/commits/{}/pull", &parts)) {
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.merge_sha == parts[0]) return JsonAnswer(200, Json::parse(PullText(pull)));
    }
    return Refuse(404, "The target couldn't be found.");
  }
  if (request.Is("PATCH", "/pulls/{}", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "The target couldn't be found.");
    pull->title = request.Text("title");
    pull->body = request.Text("body");
    pull->updated = clock_.Now();
    return JsonAnswer(201, Json::parse(PullText(*pull)));
  }
  if (request.Is("GET", "/pulls/{}/files", &parts)) {
    const FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "The target couldn't be found.");
    std::set<std::string> changed;
    for (auto commit = project_.commits.find(pull->head_sha); commit != project_.commits.end();
         commit = project_.commits.find(commit->second.parent)) {
      for (const auto& [path, bytes] : commit->second.files) changed.insert(path);
    }
    Json all = Json::array();
    for (const std::string& path : changed) {
      if (FileAt(project_, pull->head_sha, path) != FileAt(project_, pull->base_sha, path)) {
        all.push_back({{"filename", path}});
      }
    }
    return Page(request, all);
  }
  if (request.Is("POST", "/pulls/{}/update", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "The target couldn't be found.");
    if (update_conflicts_) return Refuse(409, "merge failed because of conflict");
    const std::string sha = ObjectName("merge" + pull->head_sha);
    project_.commits[sha] = {
        .parent = pull->head_sha,
        .message = absl::StrCat("Merge branch '", pull->base_branch, "' into ", pull->head_branch)};
    MoveBranch(pull->head_branch, sha);
    pull->base_sha = project_.branches[pull->base_branch];
    return {.status = 200};
  }
  if (!request.Is("POST", "/pulls")) return {.status = 0};
  const auto head = project_.branches.find(request.Text("head"));
  if (head == project_.branches.end()) return Refuse(404, "head branch does not exist");
  if (OpenPullFrom(head->first) != nullptr) {
    return Refuse(409, "pull request already exists for these targets");
  }
  FakePull pull{.number = ++project_.last_number,
                .title = request.Text("title"),
                .body = request.Text("body"),
                .author = login,
                .head_branch = head->first,
                .head_sha = head->second,
                .base_branch = request.Text("base"),
                .base_sha = RootOf(head->second),
                .updated = clock_.Now()};
  project_.pulls[pull.number] = pull;
  return JsonAnswer(201, Json::parse(PullText(pull)));
}

ServerAnswer FakeGitea::Reviews(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/pulls/{}/reviews", &parts)) {
    Json all = Json::array();
    std::set<std::int64_t> seen;
    for (const FakeNote& note : project_.notes) {
      if (absl::StrCat(note.number) != parts[0] || !seen.insert(note.review).second) continue;
      all.push_back({{"id", note.review}, {"user", User(note.author)}, {"state", "COMMENT"}});
    }
    return Page(request, all);
  }
  if (request.Is("GET", "/pulls/{}/reviews/{}/comments", &parts)) {
    Json all = Json::array();
    for (const FakeNote& note : project_.notes) {
      if (absl::StrCat(note.review) != parts[1]) continue;
      all.push_back({{"id", note.id},
                     {"user", User(note.author)},
                     {"path", note.path},
                     {"position", note.line},
                     {"original_position", note.old_line},
                     {"body", note.body}});
    }
    return JsonAnswer(200, all);
  }
  if (!request.Is("POST", "/pulls/{}/reviews", &parts)) return {.status = 0};
  const FakePull* const pull = FindPull(parts[0]);
  if (pull == nullptr) return Refuse(404, "The target couldn't be found.");
  if (request.Text("event") != "COMMENT") return Refuse(422, "event is not COMMENT");
  const std::int64_t review = NewId();
  for (const Json& comment : request.body.value("comments", Json::array())) {
    FakeNote note{.id = NewId(),
                  .review = review,
                  .number = pull->number,
                  .author = login,
                  .path = comment.value("path", ""),
                  .line = comment.value("new_position", 0),
                  .old_line = comment.value("old_position", 0),
                  .commit = request.Text("commit_id"),
                  .body = comment.value("body", "")};
    note.first_line = note.line;
    if (!InDiff(*pull, note.path, note.line, note.line)) {
      // It takes the remark, and shows it to nobody.
      continue;
    }
    project_.notes.push_back(note);
  }
  return JsonAnswer(200, {{"id", review}, {"state", "COMMENT"}});
}

ServerAnswer FakeGitea::Comments(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  const std::string web = absl::StrCat(url(), "/", project_.owner, "/", project_.name);
  const auto json = [&](const FakeComment& comment) {
    return Json{
        {"id", comment.id},
        {"body", comment.body},
        {"html_url", absl::StrCat(web, "/pulls/", comment.number, "#issuecomment-", comment.id)},
        {"user", User(comment.author)},
        {"created_at", TimeText(comment.created)},
        {"updated_at", TimeText(comment.updated)}};
  };
  if (request.Is("GET", "/issues/{}/comments", &parts)) {
    Json all = Json::array();
    for (const auto& [id, comment] : project_.comments) {
      if (absl::StrCat(comment.number) == parts[0]) all.push_back(json(comment));
    }
    // All of them at once, whatever page one asks for.
    ServerAnswer answer = JsonAnswer(200, all);
    answer.headers.emplace_back("X-Total-Count", absl::StrCat(all.size()));
    return answer;
  }
  if (request.Is("POST", "/issues/{}/comments", &parts)) {
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(parts[0], &number) ||
        !(project_.pulls.contains(number) || project_.issues.contains(number))) {
      return Refuse(404, "issue does not exist");
    }
    return JsonAnswer(201, json(AddComment(number, login, request.Text("body"))));
  }
  const bool react = request.Is("POST", "/issues/comments/{}/reactions", &parts);
  const bool edit = request.Is("PATCH", "/issues/comments/{}", &parts);
  if (!react && !edit && !request.Is("DELETE", "/issues/comments/{}", &parts)) {
    return {.status = 0};
  }
  std::int64_t id = 0;
  if (!absl::SimpleAtoi(parts[0], &id) || !project_.comments.contains(id)) {
    return Refuse(404, "comment does not exist");
  }
  FakeComment& comment = project_.comments[id];
  if (react) {
    comment.reactions.emplace_back(login, request.Text("content"));
    return JsonAnswer(201, {{"content", request.Text("content")}});
  }
  if (edit) {
    Rewrite(comment, request.Text("body"));
    return JsonAnswer(200, json(comment));
  }
  project_.comments.erase(id);
  return {.status = 204};
}

ServerAnswer FakeGitea::Statuses(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/collaborators/{}/permission", &parts)) {
    if (parts[0] != login && project_.users[login].role != ForgeRole::kAdmin) {
      return Refuse(403,
                    "Only admins can query all permissions, repo admins can query all repo "
                    "permissions, collaborators can query only their own");
    }
    const auto user = project_.users.find(parts[0]);
    if (user == project_.users.end()) return Refuse(404, "user does not exist");
    const char* names[] = {"none", "read", "write", "admin"};
    return JsonAnswer(200, {{"permission", names[static_cast<int>(user->second.role)]},
                            {"user", User(parts[0])}});
  }
  if (!request.Is("POST", "/statuses/{}", &parts)) return {.status = 0};
  FakeStatus status{.id = NewId(),
                    .sha = parts[0],
                    .context = request.Text("context"),
                    // The answer's name for it is "status", and it is not read.
                    .state = request.Text("state"),
                    .description = request.Text("description"),
                    .url = request.Text("target_url")};
  const std::set<std::string> states = {"pending", "success", "error", "failure", "warning"};
  if (!states.contains(status.state)) return Refuse(422, "state is no state");
  project_.statuses.push_back(status);
  return JsonAnswer(201, {{"id", status.id}, {"status", status.state}});
}

ServerAnswer FakeGitea::Issues(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  const auto json = [&](const FakeIssue& issue) {
    return Json{{"number", issue.number},
                {"title", issue.title},
                {"body", issue.body},
                {"html_url", absl::StrCat(url(), "/issues/", issue.number)},
                {"state", issue.open ? "open" : "closed"},
                {"pull_request", Json()},
                {"user", User(issue.author)}};
  };
  if (request.Is("GET", "/labels")) {
    Json all = Json::array();
    for (const auto& [id, name] : labels_) all.push_back({{"id", id}, {"name", name}});
    return Page(request, all);
  }
  if (request.Is("POST", "/labels")) {
    if (request.Text("name").empty() || request.Text("color").empty()) {
      return Refuse(422, "[Color]: Required");
    }
    const std::int64_t id = NewId();
    labels_[id] = request.Text("name");
    return JsonAnswer(201, {{"id", id}, {"name", request.Text("name")}});
  }
  if (request.Is("GET", "/issues")) {
    Json all = Json::array();
    const auto label = request.query.find("labels");
    for (auto issue = project_.issues.rbegin(); issue != project_.issues.rend(); ++issue) {
      const auto& labels = issue->second.labels;
      const bool fits = label == request.query.end() ||
                        std::count(labels.begin(), labels.end(), Unescaped(label->second)) > 0;
      if (issue->second.open && fits) all.push_back(json(issue->second));
    }
    return Page(request, all);
  }
  const bool make = request.Is("POST", "/issues");
  if (!make && !request.Is("PATCH", "/issues/{}", &parts)) return {.status = 0};
  std::int64_t number = 0;
  if (make) {
    FakeIssue issue{.author = login};
    for (const Json& label : request.body.value("labels", Json::array())) {
      // Names are refused, as its decoder of JSON does.
      if (!label.is_number()) return Refuse(422, "json: cannot unmarshal string into int64");
      issue.labels.push_back(labels_[label.get<std::int64_t>()]);
    }
    number = issue.number = ++project_.last_number;
    project_.issues[number] = issue;
  } else if (!absl::SimpleAtoi(parts[0], &number) || !project_.issues.contains(number)) {
    return Refuse(404, "issue does not exist");
  }
  FakeIssue& issue = project_.issues[number];
  if (request.body.contains("title")) issue.title = request.Text("title");
  if (request.body.contains("body")) issue.body = request.Text("body");
  if (request.body.contains("state")) issue.open = request.Text("state") == "open";
  return JsonAnswer(make ? 201 : 200, json(issue));
}

// Where what was made through the API begins.
std::string FakeGitea::RootOf(const std::string& sha) const {
  std::string root = sha;
  for (auto commit = project_.commits.find(root); commit != project_.commits.end();
       commit = project_.commits.find(root)) {
    root = commit->second.parent;
  }
  return root;
}

void FakeGitea::ConflictUpdates() {
  MutexLock lock(mu_);
  update_conflicts_ = true;
}

ServerAnswer FakeGitea::Repository(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/branches/{*}", &parts)) {
    const auto branch = project_.branches.find(parts[0]);
    if (branch == project_.branches.end()) return Refuse(404, "branch does not exist");
    const auto commit = project_.commits.find(branch->second);
    const bool known = commit != project_.commits.end();
    return JsonAnswer(200, {{"name", parts[0]},
                            {"commit",
                             {{"id", branch->second},
                              // With a line end that nobody sent.
                              {"message", known ? commit->second.message + "\n" : "somebody's"}}}});
  }
  if (request.method != "GET" && project_.contents_denied) {
    return Refuse(403, "token does not have at least one of required scope(s): [write:repository]");
  }
  if (request.Is("DELETE", "/branches/{*}", &parts)) {
    if (!project_.branches.contains(parts[0])) return Refuse(404, "branch does not exist");
    RemoveBranch(parts[0]);
    return {.status = 204};
  }
  if (request.Is("POST", "/branches")) {
    const std::string name = request.Text("new_branch_name");
    if (project_.branches.contains(name)) return Refuse(409, "The branch already exists.");
    if (project_.protected_branches.contains(name)) return Refuse(403, "branch is protected");
    project_.branches[name] = request.Text("old_ref_name");
    return JsonAnswer(201, {{"name", name}});
  }
  if (request.Is("GET", "/contents/{*}", &parts)) {
    const auto ref = request.query.find("ref");
    const std::optional<std::string> file =
        FileAt(project_, ref == request.query.end() ? "" : Unescaped(ref->second), parts[0]);
    if (!file.has_value()) return Refuse(404, "object does not exist");
    return JsonAnswer(200, {{"path", parts[0]},
                            {"sha", ObjectName("blob" + *file)},
                            {"encoding", "base64"},
                            {"content", absl::Base64Escape(*file)}});
  }
  if (!request.Is("POST", "/contents")) return {.status = 0};
  const auto branch = project_.branches.find(request.Text("branch"));
  if (branch == project_.branches.end()) return Refuse(404, "branch does not exist");
  FakeCommit commit{.parent = branch->second, .message = request.Text("message")};
  for (const Json& file : request.body.value("files", Json::array())) {
    const std::string path = file.value("path", "");
    const std::optional<std::string> there = FileAt(project_, branch->first, path);
    if (file.value("operation", "") != (there.has_value() ? "update" : "create")) {
      return Refuse(422, "repository file already exists");
    }
    if (there.has_value() && file.value("sha", "") != ObjectName("blob" + *there)) {
      return Refuse(422, "sha does not match");
    }
    std::string bytes;
    if (!absl::Base64Unescape(file.value("content", ""), &bytes)) {
      return Refuse(422, "content is no base64");
    }
    commit.files[path] = bytes;
  }
  if (commit.files.empty()) return Refuse(422, "nothing to commit");
  const std::string sha = ObjectName("commit" + branch->second + request.http->body);
  project_.commits[sha] = commit;
  MoveBranch(branch->first, sha);
  return JsonAnswer(201, {{"commit", {{"sha", sha}}}});
}

HttpHeaders FakeGitea::EventHeaders(const std::string& event) {
  // The copies that make it look like Gogs and GitHub as well.
  const std::string delivery = absl::StrCat("delivery-", NewId());
  return {{"X-Gitea-Event", event},     {"X-Gitea-Delivery", delivery},
          {"X-Gogs-Event", event},      {"X-Gogs-Delivery", delivery},
          {"X-GitHub-Event", event},    {"X-GitHub-Delivery", delivery},
          {"X-Gitea-Event-Type", event}};
}

FakeForge::Webhook FakeGitea::PullEvent(const FakePull& pull, absl::string_view action) {
  return {.headers = EventHeaders("pull_request"),
          .body = Json{{"action", std::string(action)},
                       {"number", pull.number},
                       {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
                      .dump()};
}

FakeForge::Webhook FakeGitea::CommentEvent(const FakeComment& comment) {
  return {.headers = EventHeaders("issue_comment"),
          .body = Json{{"action", "created"},
                       {"issue", {{"number", comment.number}}},
                       {"comment", {{"id", comment.id}, {"body", comment.body}}},
                       {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
                      .dump(-1, ' ', false, Json::error_handler_t::replace)};
}

FakeForge::Webhook FakeGitea::PushEvent(const std::string& branch, const std::string& before,
                                        const std::string& after) {
  return {.headers = EventHeaders("push"),
          .body = Json{{"ref", "refs/heads/" + branch},
                       {"before", before},
                       {"after", after},
                       {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
                      .dump()};
}

HttpHeaders FakeGitea::Sign(absl::string_view body, const std::string& secret) {
  const std::string signature = HmacSha256Hex(secret, body);
  return {{"X-Gitea-Signature", signature},
          {"X-Gogs-Signature", signature},
          {"X-Hub-Signature-256", absl::StrCat("sha256=", signature)}};
}

}  // namespace espalier
