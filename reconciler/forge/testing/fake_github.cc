#include "reconciler/forge/testing/fake_github.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"
#include "reconciler/forge/testing/fake_request.h"
#include "reconciler/forge/testing/rsa_key.h"

namespace espalier {
namespace {

constexpr char kBot[] = "espalier[bot]";
constexpr int kInstallation = 77;
constexpr std::size_t kCommentCharacters = 65536;
constexpr std::size_t kDescriptionCharacters = 140;
constexpr int kStatusesOfAContext = 1000;
constexpr std::size_t kAnnotations = 50;
constexpr std::size_t kWritesPerMinute = 80;

ServerAnswer Validation(const std::string& message) {
  return JsonAnswer(
      422, {{"message", "Validation Failed"}, {"errors", Json::array({{{"message", message}}})}});
}

std::size_t Characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](unsigned char c) { return (c & 0xc0) != 0x80; });
}

Json UserJson(const std::string& login) {
  return {{"login", login}, {"type", absl::EndsWith(login, "[bot]") ? "Bot" : "User"}};
}

bool IsSha(const std::string& text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

FakeGithub::FakeGithub(Threads& threads, Clock& clock, Http* http)
    : FakeForge(threads, clock, http) {
  Start();
}

std::string FakeGithub::InstallApp(const std::string& app_id) {
  const RsaKey& key = TestRsaKey();
  SetUser(kBot, ForgeRole::kWrite, /*bot=*/true);
  MutexLock lock(mu_);
  app_id_ = app_id;
  app_public_key_ = key.public_key;
  return key.private_key;
}

void FakeGithub::ExpireAppTokens() {
  MutexLock lock(mu_);
  app_tokens_.clear();
}

void FakeGithub::RevokeToken(const std::string& token) {
  FakeForge::RevokeToken(token);
  MutexLock lock(mu_);
  app_tokens_.erase(token);
  if (token != app_id_) return;
  app_public_key_.clear();
  app_tokens_.clear();
}

int FakeGithub::app_tokens() const {
  MutexLock lock(mu_);
  return tokens_made_;
}

ServerAnswer FakeGithub::Refuse(int status, absl::string_view message) {
  return JsonAnswer(status, {{"message", std::string(message)},
                             {"documentation_url", "https://docs.github.com/rest"}});
}

ServerAnswer FakeGithub::RefuseForNow(absl::Duration wait, bool told) {
  ServerAnswer answer =
      Refuse(403,
             "You have exceeded a secondary rate limit. Please wait a few minutes "
             "before you try again.");
  if (told) {
    answer.headers.emplace_back("Retry-After", absl::StrCat(absl::ToInt64Seconds(wait)));
  }
  return answer;
}

std::optional<FakeGithub::Asker> FakeGithub::Authenticate(const FakeRequest& request) {
  absl::string_view token = request.http->Header("Authorization");
  if (!absl::ConsumePrefix(&token, "Bearer ") && !absl::ConsumePrefix(&token, "token ")) {
    return std::nullopt;
  }
  const auto app = app_tokens_.find(std::string(token));
  if (app != app_tokens_.end()) {
    if (clock_.Now() >= app->second) return std::nullopt;
    return Asker{.login = kBot, .app = true};
  }
  const auto user = project_.tokens.find(std::string(token));
  if (user != project_.tokens.end()) return Asker{.login = user->second};
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  std::string claims;
  std::string signature;
  if (parts.size() != 3 || !absl::WebSafeBase64Unescape(parts[1], &claims) ||
      !absl::WebSafeBase64Unescape(parts[2], &signature) ||
      !IsSignedBy(app_public_key_, absl::StrCat(parts[0], ".", parts[1]), signature)) {
    return std::nullopt;
  }
  const Json read = Json::parse(claims, nullptr, false);
  const std::int64_t now = absl::ToUnixSeconds(clock_.Now());
  if (read.is_discarded() || read.value("iss", "") != app_id_ || read.value("iat", now + 1) > now ||
      read.value("exp", now) <= now || read.value("exp", now) > now + 600) {
    return std::nullopt;
  }
  return Asker{.login = kBot, .app = true, .signature = true};
}

ServerAnswer FakeGithub::Answer(const FakeRequest& request) {
  if (request.http->Header("User-Agent").empty()) {
    return {.status = 403, .body = "Request forbidden by administrative rules."};
  }
  if (!absl::StrContains(request.http->Header("Accept"), "application/vnd.github+json")) {
    return Refuse(415, "Must accept 'application/json'");
  }
  const std::optional<Asker> asker = Authenticate(request);
  if (!asker.has_value()) return Refuse(401, "Bad credentials");
  const absl::Time now = clock_.Now();
  if (now >= reset_) {
    remaining_ = 5000;
    reset_ = now + absl::Hours(1);
  }
  const bool used_up = remaining_ <= 0;
  if (!used_up) --remaining_;
  ServerAnswer answer;
  const absl::Duration elapsed = clock_.Elapsed();
  std::erase_if(writes_, [&](absl::Duration at) { return at <= elapsed - absl::Minutes(1); });
  if (used_up) {
    answer = Refuse(403, "API rate limit exceeded");
  } else if (request.method != "GET" && writes_.size() >= kWritesPerMinute) {
    answer = RefuseForNow(absl::Seconds(60), true);
  } else {
    if (request.method != "GET" && !asker->signature) writes_.push_back(elapsed);
    answer = Route(request, *asker);
  }
  answer.headers.emplace_back("x-ratelimit-limit", "5000");
  answer.headers.emplace_back("x-ratelimit-remaining", absl::StrCat(remaining_));
  answer.headers.emplace_back("x-ratelimit-used", absl::StrCat(5000 - remaining_));
  answer.headers.emplace_back("x-ratelimit-reset", absl::StrCat(absl::ToUnixSeconds(reset_)));
  answer.headers.emplace_back("x-ratelimit-resource", "core");
  return answer;
}

ServerAnswer FakeGithub::Route(const FakeRequest& request, const Asker& asker) {
  if (asker.signature) return RouteApp(request);
  if (request.Is("GET", "/user")) {
    if (asker.app) return Refuse(403, "Resource not accessible by integration");
    return JsonAnswer(200, UserJson(asker.login));
  }
  const std::string old = absl::StrCat("/repos/", project_.owner, "/", renamed_from_);
  if (!renamed_from_.empty() && absl::StartsWith(request.path, old + "/")) {
    ServerAnswer moved = Refuse(301, "Moved Permanently");
    std::string query = request.http->query.empty() ? "" : "?" + request.http->query;
    moved.headers.emplace_back("Location", absl::StrCat(request.api_url, "/repositories/5",
                                                        request.path.substr(old.size()), query));
    return moved;
  }
  FakeRequest inner = request;
  absl::string_view rest = request.path;
  if (!absl::ConsumePrefix(&rest, absl::StrCat("/repos/", project_.owner, "/", project_.name)) &&
      !absl::ConsumePrefix(&rest, "/repositories/5")) {
    return Refuse(404, "Not Found");
  }
  // What may not be seen is not there.
  const auto user = project_.users.find(asker.login);
  if (user == project_.users.end() || user->second.role == ForgeRole::kNone) {
    return Refuse(404, "Not Found");
  }
  // Links lead to the whole path, patterns are matched with what follows the project.
  inner.api_url =
      absl::StrCat(request.api_url, request.path.substr(0, request.path.size() - rest.size()));
  inner.path = std::string(rest);
  if (request.method != "GET" && !MayWrite(asker.login)) {
    ServerAnswer answer = Refuse(403, "Resource not accessible by personal access token");
    answer.headers.emplace_back("X-Accepted-GitHub-Permissions",
                                "issues=write; pull_requests=write");
    return answer;
  }
  for (const auto part :
       {&FakeGithub::Pulls, &FakeGithub::Reviews, &FakeGithub::Issues, &FakeGithub::Comments,
        &FakeGithub::Statuses, &FakeGithub::CheckRuns, &FakeGithub::Git}) {
    ServerAnswer answer = (this->*part)(inner, asker);
    if (answer.status != 0) return answer;
  }
  return Refuse(404, "Not Found");
}

ServerAnswer FakeGithub::RouteApp(const FakeRequest& request) {
  if (request.Is("GET", "/app")) {
    return JsonAnswer(200, {{"id", 123}, {"slug", "espalier"}, {"name", "Espalier"}});
  }
  if (request.Is("GET",
                 absl::StrCat("/repos/", project_.owner, "/", project_.name, "/installation"))) {
    return JsonAnswer(200, {{"id", kInstallation}, {"app_slug", "espalier"}});
  }
  if (request.Is("POST", absl::StrCat("/app/installations/", kInstallation, "/access_tokens"))) {
    if (const std::string odd = request.Unknown({"repositories", "repository_ids", "permissions"});
        !odd.empty()) {
      return Validation(absl::StrCat("unknown field ", odd));
    }
    const std::string token =
        absl::StrCat("ghs_", Sha256Hex(absl::StrCat("app", ++tokens_made_)).substr(0, 36));
    const absl::Time expires = clock_.Now() + absl::Hours(1);
    app_tokens_[token] = expires;
    return JsonAnswer(201, {{"token", token},
                            {"expires_at", TimeText(expires)},
                            {"repositories", request.body.value("repositories", Json::array())}});
  }
  return Refuse(404, "Not Found");
}

std::string FakeGithub::PullText(const FakePull& pull, bool whole) {
  const bool merged = pull.state == PullRequest::State::kMerged;
  Json head = {{"ref", pull.head_branch}, {"sha", pull.head_sha}};
  head["repo"] = pull.head_gone ? Json() : Json{{"id", pull.from_fork ? 6 : 5}};
  const std::string url = absl::StrCat(this->url(), "/", project_.owner, "/", project_.name);
  Json json = {{"number", pull.number},
               {"title", pull.title},
               {"html_url", absl::StrCat(url, "/pull/", pull.number)},
               {"user", UserJson(pull.author)},
               {"state", pull.state == PullRequest::State::kOpen ? "open" : "closed"},
               {"draft", pull.draft},
               {"updated_at", TimeText(pull.updated)},
               {"head", head},
               {"base", {{"ref", pull.base_branch}, {"sha", pull.base_sha}, {"repo", {{"id", 5}}}}},
               {"merged_at", merged ? Json("2026-01-31T12:00:00Z") : Json()},
               {"merge_commit_sha",
                merged ? Json(pull.merge_sha) : Json(ObjectName("trial" + pull.head_sha))}};
  if (whole) {
    json["merged"] = merged;
    json["mergeable"] = pull.computing > 0 ? Json() : Json(true);
  }
  return json.dump();
}

ServerAnswer FakeGithub::Pulls(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/pulls")) {
    Json all = Json::array();
    const auto base = request.query.find("base");
    const auto head = request.query.find("head");
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.state != PullRequest::State::kOpen) continue;
      if (base != request.query.end() && Unescaped(base->second) != pull.base_branch) continue;
      const std::string from =
          absl::StrCat(pull.from_fork ? "somebody" : project_.owner, ":", pull.head_branch);
      if (head != request.query.end() && Unescaped(head->second) != from) continue;
      all.push_back(Json::parse(PullText(pull, false)));
    }
    const auto direction = request.query.find("direction");
    // Newest first is what one gets unasked.
    if (direction == request.query.end() || direction->second != "asc") {
      std::reverse(all.begin(), all.end());
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  if (request.Is("GET", "/pulls/{}", &parts)) {
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "Not Found");
    const std::string text = PullText(*pull, true);
    if (pull->computing > 0) --pull->computing;
    return JsonAnswer(200, Json::parse(text));
  }
  if (request.Is("GET", "/commits/{}/pulls", &parts)) {
    Json all = Json::array();
    for (const auto& [number, pull] : project_.pulls) {
      if (pull.merge_sha == parts[0] || pull.head_sha == parts[0]) {
        all.push_back(Json::parse(PullText(pull, false)));
      }
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  if (request.Is("PATCH", "/pulls/{}", &parts)) {
    if (const std::string odd = request.Unknown({"title", "body", "state", "base"}); !odd.empty()) {
      return Validation(absl::StrCat("unknown field ", odd));
    }
    FakePull* const pull = FindPull(parts[0]);
    if (pull == nullptr) return Refuse(404, "Not Found");
    pull->title = request.Text("title");
    pull->body = request.Text("body");
    pull->updated = clock_.Now();
    return JsonAnswer(200, Json::parse(PullText(*pull, true)));
  }
  if (request.Is("POST", "/pulls")) {
    if (const std::string odd = request.Unknown({"title", "head", "base", "body", "draft"});
        !odd.empty()) {
      return Validation(absl::StrCat("unknown field ", odd));
    }
    const auto head = project_.branches.find(request.Text("head"));
    if (head == project_.branches.end() || request.Text("title").empty()) {
      return Validation("head is invalid");
    }
    if (OpenPullFrom(head->first) != nullptr) {
      return Validation(absl::StrCat("A pull request already exists for ", project_.owner, ":",
                                     head->first, "."));
    }
    FakePull pull{.number = ++project_.last_number,
                  .title = request.Text("title"),
                  .body = request.Text("body"),
                  .author = asker.login,
                  .head_branch = head->first,
                  .head_sha = head->second,
                  .base_branch = request.Text("base"),
                  .updated = clock_.Now()};
    project_.pulls[pull.number] = pull;
    return JsonAnswer(201, Json::parse(PullText(pull, true)));
  }
  return {.status = 0};
}

ServerAnswer FakeGithub::Reviews(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/pulls/{}/comments", &parts)) {
    Json all = Json::array();
    for (const FakeNote& note : project_.notes) {
      if (absl::StrCat(note.number) != parts[0]) continue;
      // The line is null once a push has changed it.
      const auto pull = project_.pulls.find(note.number);
      const bool outdated = pull != project_.pulls.end() && pull->second.head_sha != note.commit;
      all.push_back({{"id", note.id},
                     {"user", UserJson(note.author)},
                     {"path", note.path},
                     {"line", outdated ? Json() : Json(note.line)},
                     {"original_line", note.line},
                     {"body", note.body}});
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  if (!request.Is("POST", "/pulls/{}/reviews", &parts)) return {.status = 0};
  const FakePull* const pull = FindPull(parts[0]);
  if (pull == nullptr) return Refuse(404, "Not Found");
  if (const std::string odd = request.Unknown({"commit_id", "body", "event", "comments"});
      !odd.empty()) {
    return Validation(absl::StrCat("unknown field ", odd));
  }
  std::vector<FakeNote> notes;
  for (const Json& comment : request.body.value("comments", Json::array())) {
    FakeNote note{.number = pull->number,
                  .author = asker.login,
                  .path = comment.value("path", ""),
                  .line = comment.value("line", 0),
                  .commit = request.Text("commit_id"),
                  .body = comment.value("body", "")};
    note.first_line = comment.value("start_line", note.line);
    if (note.body.empty() || Characters(note.body) > kCommentCharacters) {
      return Validation("body is too long (maximum is 65536 characters)");
    }
    // One is enough to refuse them all.
    if (comment.value("side", "RIGHT") != "RIGHT" || comment.contains("position") ||
        note.first_line > note.line || !InDiff(*pull, note.path, note.first_line, note.line)) {
      return JsonAnswer(422, {{"message", "Unprocessable Entity"},
                              {"errors",
                               {"Pull request review thread line must be part of the "
                                "diff"}}});
    }
    notes.push_back(note);
  }
  const std::int64_t review = NewId();
  for (FakeNote& note : notes) {
    note.id = NewId();
    note.review = review;
    project_.notes.push_back(note);
  }
  return JsonAnswer(200, {{"id", review}, {"state", "COMMENTED"}});
}

ServerAnswer FakeGithub::Issues(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  const auto json = [&](const FakeIssue& issue) {
    Json labels = Json::array();
    for (const std::string& label : issue.labels) labels.push_back({{"name", label}});
    return Json{{"number", issue.number},
                {"title", issue.title},
                {"body", issue.body},
                {"html_url", absl::StrCat(url(), "/issues/", issue.number)},
                {"state", issue.open ? "open" : "closed"},
                {"labels", labels},
                {"user", UserJson(issue.author)}};
  };
  if (request.Is("GET", "/issues")) {
    Json all = Json::array();
    // Every pull request is an issue, too.
    for (const auto& [number, pull] : project_.pulls) {
      if (!request.query.contains("labels") && pull.state == PullRequest::State::kOpen) {
        all.push_back({{"number", number},
                       {"title", pull.title},
                       {"state", "open"},
                       {"user", UserJson(pull.author)},
                       {"pull_request", {{"url", "x"}}}});
      }
    }
    for (const auto& [number, issue] : project_.issues) {
      const auto label = request.query.find("labels");
      const bool fits =
          label == request.query.end() ||
          std::count(issue.labels.begin(), issue.labels.end(), Unescaped(label->second)) > 0;
      if (issue.open && fits) all.push_back(json(issue));
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  const bool make = request.Is("POST", "/issues");
  if (!make && !request.Is("PATCH", "/issues/{}", &parts)) return {.status = 0};
  if (const std::string odd =
          request.Unknown({"title", "body", "labels", "assignees", "state", "state_reason"});
      !odd.empty()) {
    return Validation(absl::StrCat("unknown field ", odd));
  }
  if (Characters(request.Text("body")) > kCommentCharacters) {
    return Validation("body is too long (maximum is 65536 characters)");
  }
  std::int64_t number = 0;
  if (make) {
    number = ++project_.last_number;
    project_.issues[number] = {.number = number, .author = asker.login};
  } else if (!absl::SimpleAtoi(parts[0], &number) || !project_.issues.contains(number)) {
    return Refuse(404, "Not Found");
  }
  FakeIssue& issue = project_.issues[number];
  if (request.body.contains("title")) issue.title = request.Text("title");
  if (request.body.contains("body")) issue.body = request.Text("body");
  if (request.body.contains("labels")) issue.labels = request.body["labels"];
  if (request.body.contains("state")) issue.open = request.Text("state") == "open";
  return JsonAnswer(make ? 201 : 200, json(issue));
}

ServerAnswer FakeGithub::Comments(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  const std::string web = absl::StrCat(url(), "/", project_.owner, "/", project_.name);
  const auto json = [&](const FakeComment& comment) {
    return Json{
        {"id", comment.id},
        {"node_id", absl::StrCat("IC_", comment.id)},
        {"body", comment.body},
        {"html_url", absl::StrCat(web, "/pull/", comment.number, "#issuecomment-", comment.id)},
        {"user", UserJson(comment.author)},
        {"created_at", TimeText(comment.created)},
        {"updated_at", TimeText(comment.updated)}};
  };
  const auto check = [&]() -> ServerAnswer {
    const std::string odd = request.Unknown({"body"});
    if (!odd.empty()) return Validation(absl::StrCat("unknown field ", odd));
    if (request.Text("body").empty()) return Validation("body is missing");
    if (Characters(request.Text("body")) > kCommentCharacters) {
      return Validation("body is too long (maximum is 65536 characters)");
    }
    return {.status = 0};
  };
  if (request.Is("GET", "/issues/{}/comments", &parts)) {
    Json all = Json::array();
    for (const auto& [id, comment] : project_.comments) {
      if (absl::StrCat(comment.number) == parts[0]) all.push_back(json(comment));
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  if (request.Is("POST", "/issues/{}/comments", &parts)) {
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(parts[0], &number) ||
        !(project_.pulls.contains(number) || project_.issues.contains(number))) {
      return Refuse(404, "Not Found");
    }
    if (ServerAnswer refusal = check(); refusal.status != 0) return refusal;
    return JsonAnswer(201, json(AddComment(number, asker.login, request.Text("body"))));
  }
  const bool react = request.Is("POST", "/issues/comments/{}/reactions", &parts);
  const bool edit = request.Is("PATCH", "/issues/comments/{}", &parts);
  if (!react && !edit && !request.Is("DELETE", "/issues/comments/{}", &parts)) {
    return {.status = 0};
  }
  std::int64_t id = 0;
  if (!absl::SimpleAtoi(parts[0], &id) || !project_.comments.contains(id)) {
    return Refuse(404, "Not Found");
  }
  FakeComment& comment = project_.comments[id];
  if (react) {
    comment.reactions.emplace_back(asker.login, request.Text("content"));
    return JsonAnswer(201, {{"id", NewId()}, {"content", request.Text("content")}});
  }
  if (edit) {
    if (ServerAnswer refusal = check(); refusal.status != 0) return refusal;
    Rewrite(comment, request.Text("body"));
    return JsonAnswer(200, json(comment));
  }
  project_.comments.erase(id);
  return {.status = 204};
}

ServerAnswer FakeGithub::Statuses(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/collaborators/{}/permission", &parts)) {
    const auto user = project_.users.find(parts[0]);
    if (user == project_.users.end()) return Refuse(404, absl::StrCat(parts[0], " is not a user"));
    const char* names[] = {"none", "read", "write", "admin"};
    const char* permission = names[static_cast<int>(user->second.role)];
    return JsonAnswer(200, {{"permission", permission}, {"user", UserJson(parts[0])}});
  }
  const bool combined = request.Is("GET", "/commits/{}/status", &parts);
  if (combined || request.Is("GET", "/commits/{}/statuses", &parts)) {
    Json all = Json::array();
    std::set<std::string> seen;
    for (auto status = project_.statuses.rbegin(); status != project_.statuses.rend(); ++status) {
      if (status->sha != parts[0]) continue;
      if (combined && !seen.insert(status->context).second) continue;
      all.push_back({{"id", status->id},
                     {"state", status->state},
                     {"context", status->context},
                     {"description", status->description},
                     {"target_url", status->url.empty() ? Json() : Json(status->url)}});
    }
    return PageAnswer(request, all, "per_page", 100, 30, combined ? "statuses" : "");
  }
  if (!request.Is("POST", "/statuses/{}", &parts)) return {.status = 0};
  if (const std::string odd = request.Unknown({"state", "target_url", "description", "context"});
      !odd.empty()) {
    return Validation(absl::StrCat("unknown field ", odd));
  }
  if (!IsSha(parts[0])) {
    return Validation(absl::StrCat("No commit found for SHA: ", parts[0]));
  }
  FakeStatus status{.sha = parts[0],
                    .context = request.Text("context"),
                    .state = request.Text("state"),
                    .description = request.Text("description"),
                    .url = request.Text("target_url")};
  const std::set<std::string> states = {"error", "failure", "pending", "success"};
  if (!states.contains(status.state)) return Validation("state is not included in the list");
  if (Characters(status.description) > kDescriptionCharacters) {
    return Validation("description is too long (maximum is 140 characters)");
  }
  const auto same = std::count_if(
      project_.statuses.begin(), project_.statuses.end(), [&](const FakeStatus& other) {
        return other.sha == status.sha && other.context == status.context;
      });
  if (same >= kStatusesOfAContext) {
    return Validation("This SHA and context has reached the maximum number of statuses.");
  }
  status.id = NewId();
  project_.statuses.push_back(status);
  return JsonAnswer(201, {{"id", status.id}, {"state", status.state}});
}

ServerAnswer FakeGithub::CheckRuns(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  if (request.Is("GET", "/check-runs/{}/annotations", &parts)) {
    Json all = Json::array();
    for (const auto& [id, run] : project_.check_runs) {
      if (absl::StrCat(id) != parts[0]) continue;
      for (const FakeAnnotation& note : run.annotations) {
        all.push_back({{"path", note.path},
                       {"start_line", note.first_line},
                       {"end_line", note.last_line},
                       {"annotation_level", note.level},
                       {"title", note.title},
                       {"message", note.message}});
      }
    }
    return PageAnswer(request, all, "per_page", 100, 30);
  }
  if (request.Is("GET", "/commits/{}/check-runs", &parts)) {
    Json all = Json::array();
    const auto name = request.query.find("check_name");
    for (const auto& [id, run] : project_.check_runs) {
      if (run.head_sha != parts[0]) continue;
      if (name != request.query.end() && Unescaped(name->second) != run.name) continue;
      all.push_back({{"id", id}, {"name", run.name}, {"external_id", run.external_id}});
    }
    return PageAnswer(request, all, "per_page", 100, 30, "check_runs");
  }
  const bool make = request.Is("POST", "/check-runs");
  if (!make && !request.Is("PATCH", "/check-runs/{}", &parts)) return {.status = 0};
  if (!asker.app) {
    return Refuse(403, "You must authenticate via a GitHub App.");
  }
  if (const std::string odd =
          request.Unknown({"name", "head_sha", "details_url", "external_id", "status", "started_at",
                           "conclusion", "completed_at", "output", "actions"});
      !odd.empty()) {
    return Validation(absl::StrCat("unknown field ", odd));
  }
  std::int64_t id = 0;
  if (make) {
    if (request.Text("name").empty() || !IsSha(request.Text("head_sha"))) {
      return Validation("name and head_sha are required");
    }
    id = NewId();
  } else if (!absl::SimpleAtoi(parts[0], &id) || !project_.check_runs.contains(id)) {
    return Refuse(404, "Not Found");
  }
  FakeCheckRun run = make ? FakeCheckRun{} : project_.check_runs[id];
  run.id = id;
  for (const auto& [key, field] :
       std::map<const char*, std::string*>{{"name", &run.name},
                                           {"head_sha", &run.head_sha},
                                           {"status", &run.status},
                                           {"conclusion", &run.conclusion},
                                           {"external_id", &run.external_id},
                                           {"details_url", &run.details_url}}) {
    if (request.body.contains(key)) *field = request.Text(key);
  }
  if (run.status == "completed" && run.conclusion.empty()) {
    return Validation("conclusion is required when status is completed");
  }
  if (request.body.contains("output")) {
    const Json& output = request.body["output"];
    if (!output.contains("title") || !output.contains("summary")) {
      return Validation("output needs title and summary");
    }
    run.title = output.value("title", "");
    run.summary = output.value("summary", "");
    if (Characters(run.summary) > kCommentCharacters - 1) {
      return Validation("summary exceeds a maximum bytesize of 65535");
    }
    const Json notes = output.value("annotations", Json::array());
    if (notes.size() > kAnnotations) {
      return Validation("No subschema in \"anyOf\" matched: more than 50 annotations");
    }
    // They are appended, whatever stands there.
    for (const Json& note : notes) {
      run.annotations.push_back({.path = note.value("path", ""),
                                 .first_line = note.value("start_line", 0),
                                 .last_line = note.value("end_line", 0),
                                 .level = note.value("annotation_level", ""),
                                 .title = note.value("title", ""),
                                 .message = note.value("message", "")});
    }
  }
  project_.check_runs[id] = run;
  return JsonAnswer(make ? 201 : 200, {{"id", id}, {"name", run.name}, {"status", run.status}});
}

ServerAnswer FakeGithub::Git(const FakeRequest& request, const Asker& asker) {
  std::vector<std::string> parts;
  const bool look = request.Is("GET", "/git/ref/{}", &parts);
  if (look || request.Is("DELETE", "/git/refs/{}", &parts)) {
    const auto branch = project_.branches.find(std::string(absl::StripPrefix(parts[0], "heads/")));
    if (branch == project_.branches.end()) {
      return look ? Refuse(404, "Not Found") : Validation("Reference does not exist");
    }
    if (look) {
      return JsonAnswer(200, {{"ref", "refs/" + parts[0]},
                              {"object", {{"type", "commit"}, {"sha", branch->second}}}});
    }
    RemoveBranch(branch->first);
    return {.status = 204};
  }
  if (request.Is("GET", "/git/commits/{}", &parts)) {
    if (!IsSha(parts[0])) return Refuse(404, "Not Found");
    const auto commit = project_.commits.find(parts[0]);
    const bool known = commit != project_.commits.end();
    return JsonAnswer(200, {{"sha", parts[0]},
                            {"tree", {{"sha", ObjectName("tree" + parts[0])}}},
                            {"message", known ? commit->second.message : "somebody's"}});
  }
  if (request.method != "GET" && project_.contents_denied &&
      absl::StartsWith(request.path, "/git/")) {
    ServerAnswer answer = Refuse(403, "Resource not accessible by personal access token");
    answer.headers.emplace_back("X-Accepted-GitHub-Permissions", "contents=write");
    return answer;
  }
  if (request.Is("POST", "/git/blobs")) {
    std::string bytes = request.Text("content");
    if (request.Text("encoding") == "base64" &&
        !absl::Base64Unescape(request.Text("content"), &bytes)) {
      return Validation("content is not valid base64");
    }
    const std::string sha = ObjectName("blob" + bytes);
    project_.blobs[sha] = bytes;
    return JsonAnswer(201, {{"sha", sha}});
  }
  if (request.Is("POST", "/git/trees")) {
    FakeCommit tree{.parent = request.Text("base_tree")};
    for (const Json& entry : request.body.value("tree", Json::array())) {
      if (entry.contains("sha") == entry.contains("content")) {
        return Validation("a tree entry needs content or sha");
      }
      tree.files[entry.value("path", "")] = entry.contains("sha")
                                                ? project_.blobs[entry.value("sha", "")]
                                                : entry.value("content", "");
    }
    const std::string sha = ObjectName(request.body.dump());
    project_.trees[sha] = tree;
    return JsonAnswer(201, {{"sha", sha}});
  }
  if (request.Is("POST", "/git/commits")) {
    const auto tree = project_.trees.find(request.Text("tree"));
    if (tree == project_.trees.end()) return Validation("Tree SHA does not exist");
    const std::string sha = ObjectName("commit" + request.body.dump());
    project_.commits[sha] = {.parent = request.body.at("parents").at(0),
                             .message = request.Text("message"),
                             .files = tree->second.files};
    return JsonAnswer(201, {{"sha", sha}});
  }
  if (request.Is("POST", "/git/refs")) {
    std::string name = request.Text("ref");
    absl::string_view branch = name;
    if (!absl::ConsumePrefix(&branch, "refs/heads/")) {
      return Validation("Reference name must start with 'refs/'.");
    }
    if (project_.branches.contains(std::string(branch))) {
      return Validation("Reference already exists");
    }
    if (project_.protected_branches.contains(std::string(branch))) {
      return Validation(
          "Repository rule violations found: Cannot create ref due to creations being restricted.");
    }
    MoveBranch(std::string(branch), request.Text("sha"));
    return JsonAnswer(201, {{"ref", name}});
  }
  if (request.Is("PATCH", "/git/refs/{}", &parts)) {
    const std::string branch(absl::StripPrefix(parts[0], "heads/"));
    const auto known = project_.branches.find(branch);
    if (known == project_.branches.end()) return Validation("Reference does not exist");
    if (project_.protected_branches.contains(branch)) {
      return Validation("Cannot force-push to this branch");
    }
    const auto commit = project_.commits.find(request.Text("sha"));
    if (commit == project_.commits.end()) return Validation("Object does not exist");
    if (commit->second.parent != known->second && !request.body.value("force", false)) {
      return Validation("Update is not a fast forward");
    }
    MoveBranch(branch, request.Text("sha"));
    return JsonAnswer(200, {{"ref", "refs/" + parts[0]}});
  }
  return {.status = 0};
}

FakeForge::Webhook FakeGithub::PullEvent(const FakePull& pull, absl::string_view action) {
  return {.headers = {{"X-GitHub-Event", "pull_request"},
                      {"X-GitHub-Delivery", absl::StrCat("delivery-", NewId())}},
          .body = Json{{"action", std::string(action)},
                       {"number", pull.number},
                       {"pull_request", Json::parse(PullText(pull, true))},
                       {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
                      .dump()};
}

FakeForge::Webhook FakeGithub::CommentEvent(const FakeComment& comment) {
  return {
      .headers = {{"X-GitHub-Event", "issue_comment"},
                  {"X-GitHub-Delivery", absl::StrCat("delivery-", NewId())}},
      .body =
          Json{{"action", "created"},
               {"issue", {{"number", comment.number}, {"pull_request", {{"url", "x"}}}}},
               {"comment",
                {{"id", comment.id}, {"body", comment.body}, {"user", UserJson(comment.author)}}},
               {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
              .dump(-1, ' ', false, Json::error_handler_t::replace)};
}

FakeForge::Webhook FakeGithub::PushEvent(const std::string& branch, const std::string& before,
                                         const std::string& after) {
  return {.headers = {{"X-GitHub-Event", "push"},
                      {"X-GitHub-Delivery", absl::StrCat("delivery-", NewId())}},
          .body = Json{{"ref", "refs/heads/" + branch},
                       {"before", before},
                       {"after", after},
                       {"repository", {{"full_name", project_.owner + "/" + project_.name}}}}
                      .dump()};
}

HttpHeaders FakeGithub::Sign(absl::string_view body, const std::string& secret) {
  return {{"X-Hub-Signature-256", absl::StrCat("sha256=", HmacSha256Hex(secret, body))}};
}

}  // namespace espalier
