#include "reconciler/forge/testing/fake_gitlab.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "engine/base/sha256.h"
#include "reconciler/forge/testing/fake_request.h"

namespace espalier {
namespace {

constexpr std::size_t kNoteBytes = 1'000'000;
constexpr std::size_t kDescriptionBytes = 255;

ServerAnswer Page(const FakeRequest& request, const Json& all) {
  ServerAnswer answer = PageAnswer(request, all, "per_page", 100, 20);
  const std::int64_t page = std::max<std::int64_t>(1, request.Number("page", 1));
  const bool more = std::any_of(answer.headers.begin(), answer.headers.end(), [](const auto& h) {
    return h.first == "Link" && absl::StrContains(h.second, "rel=\"next\"");
  });
  answer.headers.emplace_back("x-next-page", more ? absl::StrCat(page + 1) : "");
  return answer;
}

Json User(const std::string& login) { return {{"username", login}}; }

}  // namespace

FakeGitlab::FakeGitlab(Threads& threads, Clock& clock, Http* http)
    : FakeForge(threads, clock, http) {
  Start();
}

ServerAnswer FakeGitlab::Refuse(int status, absl::string_view message) {
  return JsonAnswer(status, {{"message", absl::StrCat(status, " ", message)}});
}

ServerAnswer FakeGitlab::RefuseForNow(absl::Duration wait, bool told) {
  ServerAnswer answer{.status = 429, .body = "Retry later\n"};
  if (told) {
    const std::int64_t seconds = absl::ToInt64Seconds(wait);
    answer.headers = {{"Retry-After", absl::StrCat(seconds)},
                      {"RateLimit-Limit", "300"},
                      {"RateLimit-Remaining", "0"},
                      {"RateLimit-Reset", absl::StrCat(absl::ToUnixSeconds(clock_.Now() + wait))}};
  }
  return answer;
}

ServerAnswer FakeGitlab::Answer(const FakeRequest& request) {
  absl::string_view token = request.http->Header("PRIVATE-TOKEN");
  if (token.empty()) {
    token = request.http->Header("Authorization");
    absl::ConsumePrefix(&token, "Bearer ");
  }
  const auto known = project_.tokens.find(std::string(token));
  if (known == project_.tokens.end()) return Refuse(401, "Unauthorized");
  const std::string login = known->second;
  if (request.Is("GET", "/user")) return JsonAnswer(200, User(login));
  if (request.Is("GET", "/users")) {
    const auto wanted = request.query.find("username");
    Json found = Json::array();
    if (wanted != request.query.end()) {
      const auto user = project_.users.find(Unescaped(wanted->second));
      if (user != project_.users.end()) {
        found.push_back({{"id", user->second.id}, {"username", user->first}, {"state", "active"}});
      }
    }
    return JsonAnswer(200, found);
  }
  const std::string name = absl::StrCat(project_.owner, "/", project_.name);
  absl::string_view rest = request.path;
  if (!absl::ConsumePrefix(&rest, "/projects/")) return Refuse(404, "Not Found");
  const std::size_t slash = rest.find('/');
  if (slash == absl::string_view::npos) return Refuse(404, "Not Found");
  const std::string id = Unescaped(rest.substr(0, slash));
  const ForgeRole role = project_.users[login].role;
  if ((id != name && id != "5") || role == ForgeRole::kNone) {
    return Refuse(404, "Project Not Found");
  }
  if (request.method != "GET" && role < ForgeRole::kWrite) return Refuse(403, "Forbidden");
  FakeRequest inner = request;
  inner.api_url = absl::StrCat(request.api_url, "/projects/", rest.substr(0, slash));
  inner.path = std::string(rest.substr(slash));
  for (const auto part : {&FakeGitlab::Pulls, &FakeGitlab::Notes, &FakeGitlab::Discussions,
                          &FakeGitlab::Statuses, &FakeGitlab::Issues, &FakeGitlab::Repository}) {
    ServerAnswer answer = (this->*part)(inner, login);
    if (answer.status != 0) return answer;
  }
  return Refuse(404, "Not Found");
}

std::string FakeGitlab::PullText(const FakePull& pull) {
  const bool merged = pull.state == PullRequest::State::kMerged;
  const bool open = pull.state == PullRequest::State::kOpen;
  return Json{{"iid", pull.number},
              {"title", pull.title},
              {"web_url", absl::StrCat(url(), "/", project_.owner, "/", project_.name,
                                       "/-/merge_requests/", pull.number)},
              {"author", User(pull.author)},
              {"sha", pull.head_sha},
              {"source_branch", pull.head_branch},
              {"target_branch", pull.base_branch},
              {"source_project_id", pull.head_gone ? Json() : Json(pull.from_fork ? 6 : 5)},
              {"target_project_id", 5},
              {"draft", pull.draft},
              {"state", merged ? "merged" : (open ? "opened" : "closed")},
              {"merge_commit_sha", merged ? Json(pull.merge_sha) : Json()},
              {"squash_commit_sha", Json()},
              // Empty until the diff is computed.
              {"changes_count", pull.computing > 0 ? "" : "3"},
              {"updated_at", TimeText(pull.updated)}}
      .dump();
}

ServerAnswer FakeGitlab::Pulls(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/merge_requests")) {
    Json all = Json::array();
    const auto target = request.query.find("target_branch");
    const auto source = request.query.find("source_branch");
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.state != PullRequest::State::kOpen) continue;
      if (source != request.query.end() && Unescaped(source->second) != pull.head_branch) continue;
      if (target != request.query.end() && Unescaped(target->second) != pull.base_branch) continue;
      all.push_back(Json::parse(PullText(pull)));
    }
    const auto sort = request.query.find("sort");
    if (sort == request.query.end() || sort->second != "asc") std::reverse(all.begin(), all.end());
    return Page(request, all);
  }
  if (request.Is("GET", "/merge_requests/{}", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "Not found");
    const std::string text = PullText(*pull);
    if (pull->computing > 0) --pull->computing;
    return JsonAnswer(200, Json::parse(text));
  }
  if (request.Is("GET", "/merge_requests/{}/versions", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "Not found");
    Json versions = Json::array();
    if (pull->computing == 0) {
      versions.push_back({{"id", 1},
                          {"head_commit_sha", pull->head_sha},
                          {"base_commit_sha", pull->base_sha},
                          {"start_commit_sha", pull->base_sha}});
    } else {
      --pull->computing;
    }
    return JsonAnswer(200, versions);
  }
  if (request.Is("GET", "/repository/commits/{}/merge_requests", &parts)) {
    Json all = Json::array();
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.merge_sha == parts[0] || pull.head_sha == parts[0]) {
        all.push_back(Json::parse(PullText(pull)));
      }
    }
    // A commit that the project does not have.
    if (all.empty()) return Refuse(404, "Commit Not Found");
    return Page(request, all);
  }
  if (request.Is("PUT", "/merge_requests/{}", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "Not found");
    pull->title = request.Text("title");
    pull->body = request.Text("description");
    pull->updated = clock_.Now();
    return JsonAnswer(200, Json::parse(PullText(*pull)));
  }
  if (!request.Is("POST", "/merge_requests")) return {.status = 0};
  const auto head = project_.branches.find(request.Text("source_branch"));
  if (head == project_.branches.end()) return Refuse(400, "source_branch does not exist");
  if (const FakePull* const other = OpenPullFrom(head->first)) {
    return JsonAnswer(
        409,
        {{"message", Json::array({absl::StrCat("Another open merge request already exists for this "
                                               "source branch: !",
                                               other->number)})}});
  }
  FakePull pull{.number = ++project_.last_number,
                .title = request.Text("title"),
                .body = request.Text("description"),
                .author = login,
                .head_branch = head->first,
                .head_sha = head->second,
                .base_branch = request.Text("target_branch"),
                .updated = clock_.Now()};
  project_.pulls[pull.number] = pull;
  return JsonAnswer(201, Json::parse(PullText(pull)));
}

ServerAnswer FakeGitlab::Notes(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  const auto json = [&](const FakeComment& comment) {
    return Json{{"id", comment.id},
                {"type", Json()},
                {"body", comment.body},
                {"author", User(comment.author)},
                {"system", comment.system},
                {"created_at", TimeText(comment.created)},
                {"updated_at", TimeText(comment.updated)}};
  };
  // Issues have numbers of their own: what is said about them is kept below zero.
  const bool on_issue = absl::StartsWith(request.path, "/issues/");
  const std::string list = on_issue ? "/issues/{}" : "/merge_requests/{}";
  const auto number_of = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) -> std::int64_t {
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(parts[0], &number)) return 0;
    if (!on_issue) return FindPull(parts[0]) == nullptr ? 0 : number;
    return project_.issues.contains(number) ? IssueKey(number) : 0;
  };
  if (request.Is("GET", list + "/notes", &parts)) {
    const std::int64_t number = number_of();
    if (number == 0) return Refuse(404, "Not found");
    std::map<std::int64_t, Json> sorted;
    for (const auto& [id, comment] : project_.comments) {
      if (comment.number == number) sorted[id] = json(comment);
    }
    for (const FakeNote& note : project_.notes) {
      if (note.number != number) continue;
      sorted[note.id] = {
          {"id", note.id},     {"type", "DiffNote"},
          {"body", note.body}, {"author", User(note.author)},
          {"system", false},   {"position", {{"new_path", note.path}, {"new_line", note.line}}}};
    }
    Json all = Json::array();
    for (const auto& [id, note] : sorted) all.push_back(note);
    const auto sort = request.query.find("sort");
    if (sort == request.query.end() || sort->second != "asc") std::reverse(all.begin(), all.end());
    return Page(request, all);
  }
  if (request.Is("POST", list + "/notes", &parts)) {
    const std::int64_t number = number_of();
    if (number == 0) return Refuse(404, "Not found");
    if (request.Text("body").empty() || request.Text("body").size() > kNoteBytes) {
      return Refuse(400, "Note is too long (maximum is 1000000 characters)");
    }
    return JsonAnswer(201, json(AddComment(number, login, request.Text("body"))));
  }
  const bool react = request.Is("POST", list + "/notes/{}/award_emoji", &parts);
  const bool edit = request.Is("PUT", "/merge_requests/{}/notes/{}", &parts);
  if (!react && !edit && !request.Is("DELETE", "/merge_requests/{}/notes/{}", &parts)) {
    return {.status = 0};
  }
  std::int64_t id = 0;
  if (!absl::SimpleAtoi(parts[1], &id) || !project_.comments.contains(id)) {
    return Refuse(404, "Not found");
  }
  FakeComment& comment = project_.comments[id];
  if (react) {
    const std::pair<std::string, std::string> award = {login, request.Text("name")};
    if (std::count(comment.reactions.begin(), comment.reactions.end(), award) > 0) {
      return Refuse(404, "Award Emoji Name has already been taken");
    }
    comment.reactions.push_back(award);
    return JsonAnswer(201, {{"name", request.Text("name")}});
  }
  if (edit) {
    Rewrite(comment, request.Text("body"));
    return JsonAnswer(200, json(comment));
  }
  project_.comments.erase(id);
  return {.status = 204};
}

ServerAnswer FakeGitlab::Discussions(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (!request.Is("POST", "/merge_requests/{}/discussions", &parts)) return {.status = 0};
  const FakePull* const pull = FindPull(parts[0]);
  if (pull == nullptr) return Refuse(404, "Not found");
  const Json position = request.body.value("position", Json::object());
  const auto text = [&](const char* key) { return position.value(key, ""); };
  FakeNote note{.id = NewId(),
                .number = pull->number,
                .author = login,
                .path = text("new_path"),
                .line = position.value("new_line", 0),
                .old_line = position.value("old_line", 0),
                .commit = text("head_sha"),
                .body = request.Text("body")};
  note.first_line = note.line;
  if (text("position_type") != "text" || note.commit != pull->head_sha ||
      text("base_sha") != pull->base_sha || text("start_sha") != pull->base_sha ||
      text("old_path").empty() || !InDiff(*pull, note.path, note.line, note.line)) {
    return JsonAnswer(400, {{"message",
                             "400 Bad request - Note {:line_code=>[\"can't be blank\", \"must be a "
                             "valid line code\"]}"}});
  }
  project_.notes.push_back(note);
  return JsonAnswer(201, {{"id", absl::StrCat("d", note.id)}});
}

ServerAnswer FakeGitlab::Statuses(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/members/all/{}", &parts)) {
    const int levels[] = {0, 20, 30, 40};
    for (const auto& [name, user] : project_.users) {
      if (absl::StrCat(user.id) != parts[0] || user.role == ForgeRole::kNone) continue;
      return JsonAnswer(200, {{"id", user.id},
                              {"username", name},
                              {"access_level", levels[static_cast<int>(user.role)]}});
    }
    return Refuse(404, "Not found");
  }
  if (request.Is("GET", "/repository/commits/{}", &parts)) {
    const auto pipeline = pipelines_.find(parts[0]);
    return JsonAnswer(200,
                      {{"id", parts[0]},
                       {"last_pipeline",
                        pipeline == pipelines_.end() ? Json() : Json{{"id", pipeline->second}}}});
  }
  if (!request.Is("POST", "/statuses/{}", &parts)) return {.status = 0};
  FakeStatus status{.sha = parts[0],
                    .context = request.Text("name"),
                    .state = request.Text("state"),
                    .description = request.Text("description"),
                    .url = request.Text("target_url")};
  if (status.context.empty()) status.context = request.Text("context");
  const char* states[] = {"pending", "running", "success", "failed", "canceled", "skipped"};
  if (std::find(std::begin(states), std::end(states), status.state) == std::end(states)) {
    return JsonAnswer(400, {{"error", "state does not have a valid value"}});
  }
  if (status.description.size() > kDescriptionBytes) {
    return JsonAnswer(
        400, {{"message", {{"description", {"is too long (maximum is 255 characters)"}}}}});
  }
  // It lands on another pipeline otherwise, and the merge request waits for ever.
  const auto pipeline = pipelines_.find(status.sha);
  if (pipeline != pipelines_.end() &&
      request.body.value("pipeline_id", std::int64_t{0}) != pipeline->second) {
    return Refuse(404, "Pipeline Not Found");
  }
  const auto last = std::find_if(
      project_.statuses.rbegin(), project_.statuses.rend(), [&](const FakeStatus& other) {
        return other.sha == status.sha && other.context == status.context;
      });
  const bool under_way = status.state == "pending" || status.state == "running";
  if (last != project_.statuses.rend() && last->state == status.state && under_way) {
    const char* event = status.state == "pending" ? "enqueue" : "run";
    return JsonAnswer(400, {{"message", absl::StrCat("Cannot transition status via :", event,
                                                     " from :", status.state)}});
  }
  if (pipeline == pipelines_.end()) pipelines_[status.sha] = NewId();
  status.id = NewId();
  project_.statuses.push_back(status);
  return JsonAnswer(201, {{"id", status.id}, {"status", status.state}});
}

ServerAnswer FakeGitlab::Issues(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  const auto json = [&](const FakeIssue& issue) {
    return Json{{"iid", issue.number},
                {"title", issue.title},
                {"description", issue.body},
                {"web_url", absl::StrCat(url(), "/-/issues/", issue.number)},
                {"state", issue.open ? "opened" : "closed"},
                {"labels", issue.labels},
                {"author", User(issue.author)}};
  };
  if (request.Is("GET", "/issues")) {
    Json all = Json::array();
    const auto label = request.query.find("labels");
    for (const auto& [number, issue] : project_.issues) {
      const bool fits =
          label == request.query.end() ||
          std::count(issue.labels.begin(), issue.labels.end(), Unescaped(label->second)) > 0;
      if (issue.open && fits) all.push_back(json(issue));
    }
    return Page(request, all);
  }
  const bool make = request.Is("POST", "/issues");
  if (!make && !request.Is("PUT", "/issues/{}", &parts)) return {.status = 0};
  std::int64_t number = 0;
  if (make) {
    // Issues have numbers of their own here.
    number = static_cast<std::int64_t>(project_.issues.size()) + 1;
    project_.issues[number] = {
        .number = number, .author = login, .labels = {request.Text("labels")}};
  } else if (!absl::SimpleAtoi(parts[0], &number) || !project_.issues.contains(number)) {
    return Refuse(404, "Not found");
  }
  FakeIssue& issue = project_.issues[number];
  if (request.body.contains("title")) issue.title = request.Text("title");
  if (request.body.contains("description")) issue.body = request.Text("description");
  if (request.Text("state_event") == "close") issue.open = false;
  return JsonAnswer(make ? 201 : 200, json(issue));
}

ServerAnswer FakeGitlab::Repository(const FakeRequest& request, const std::string& login) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/repository/branches/{}", &parts)) {
    const auto branch = project_.branches.find(parts[0]);
    if (branch == project_.branches.end()) return Refuse(404, "Branch Not Found");
    const auto commit = project_.commits.find(branch->second);
    const bool known = commit != project_.commits.end();
    return JsonAnswer(
        200,
        {{"name", parts[0]},
         {"commit",
          {{"id", branch->second}, {"message", known ? commit->second.message : "somebody's"}}}});
  }
  if (request.Is("DELETE", "/repository/branches/{}", &parts)) {
    if (!project_.branches.contains(parts[0])) return Refuse(404, "Branch Not Found");
    RemoveBranch(parts[0]);
    return {.status = 204};
  }
  if (request.Is("GET", "/repository/files/{}", &parts)) {
    const auto file = project_.files.find(parts[0]);
    if (file == project_.files.end()) return Refuse(404, "File Not Found");
    return JsonAnswer(200,
                      {{"file_path", parts[0]}, {"content", absl::Base64Escape(file->second)}});
  }
  if (!request.Is("POST", "/repository/commits")) return {.status = 0};
  if (project_.contents_denied) return Refuse(403, "Forbidden");
  if (project_.protected_branches.contains(request.Text("branch"))) {
    return Refuse(400, "You are not allowed to push into this branch");
  }
  if (project_.branches.contains(request.Text("branch")) && !request.body.value("force", false)) {
    return Refuse(400,
                  absl::StrCat("A branch called '", request.Text("branch"), "' already exists."));
  }
  FakeCommit commit{.parent = request.Text("start_sha"), .message = request.Text("commit_message")};
  for (const Json& action : request.body.value("actions", Json::array())) {
    const std::string path = action.value("file_path", "");
    const bool there = project_.files.contains(path);
    if (action.value("action", "") != (there ? "update" : "create")) {
      return Refuse(400, there ? "A file with this name already exists"
                               : "A file with this name doesn't exist");
    }
    std::string bytes = action.value("content", "");
    if (action.value("encoding", "text") == "base64" &&
        !absl::Base64Unescape(std::string(bytes), &bytes)) {
      return Refuse(400, "content is no base64");
    }
    commit.files[path] = bytes;
  }
  const std::string sha = ObjectName("commit" + request.http->body);
  project_.commits[sha] = commit;
  MoveBranch(request.Text("branch"), sha);
  return JsonAnswer(201, {{"id", sha}});
}

FakeForge::Webhook FakeGitlab::PullEvent(const FakePull& pull, absl::string_view action) {
  return {
      .headers = {{"X-Gitlab-Event", "Merge Request Hook"},
                  {"X-Gitlab-Event-UUID", absl::StrCat("event-", NewId())}},
      .body = Json{{"object_kind", "merge_request"},
                   {"object_attributes", {{"iid", pull.number}, {"action", std::string(action)}}},
                   {"project", {{"path_with_namespace", project_.owner + "/" + project_.name}}}}
                  .dump()};
}

FakeForge::Webhook FakeGitlab::CommentEvent(const FakeComment& comment) {
  return {.headers = {{"X-Gitlab-Event", "Note Hook"},
                      {"X-Gitlab-Event-UUID", absl::StrCat("event-", NewId())}},
          .body = Json{{"object_kind", "note"},
                       {"object_attributes", {{"id", comment.id}, {"note", comment.body}}},
                       {comment.number < 0 ? "issue" : "merge_request",
                        {{"iid", std::abs(comment.number)}}},
                       {"project", {{"path_with_namespace", project_.owner + "/" + project_.name}}}}
                      .dump(-1, ' ', false, Json::error_handler_t::replace)};
}

FakeForge::Webhook FakeGitlab::PushEvent(const std::string& branch, const std::string& before,
                                         const std::string& after) {
  return {.headers = {{"X-Gitlab-Event", "Push Hook"},
                      {"X-Gitlab-Event-UUID", absl::StrCat("event-", NewId())}},
          .body = Json{{"object_kind", "push"},
                       {"ref", "refs/heads/" + branch},
                       {"before", before},
                       {"after", after},
                       {"project", {{"path_with_namespace", project_.owner + "/" + project_.name}}}}
                      .dump()};
}

// A signing token signs, any other secret is sent as it is.
HttpHeaders FakeGitlab::Sign(absl::string_view body, const std::string& secret) {
  absl::string_view base64 = secret;
  std::string key;
  if (!absl::ConsumePrefix(&base64, "whsec_") || !absl::Base64Unescape(base64, &key)) {
    return {{"X-Gitlab-Token", secret}};
  }
  const std::string id = absl::StrCat("delivery-", ++deliveries_);
  const std::string time = absl::StrCat(absl::ToUnixSeconds(clock_.Now()));
  const std::string hex = HmacSha256Hex(key, absl::StrCat(id, ".", time, ".", body));
  return {
      {"webhook-id", id},
      {"webhook-timestamp", time},
      {"webhook-signature", absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(hex)))}};
}

}  // namespace espalier
