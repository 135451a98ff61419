#include "reconciler/forge/testing/fake_forge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"
#include "reconciler/forge/testing/fake_request.h"

namespace espalier {
namespace {

bool IsRead(const ServerRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

FakeForge::FakeForge(Threads& threads, Clock& clock, Http* http)
    : clock_(clock), threads_(threads), http_(http) {
  MutexLock lock(mu_);
  reset_ = clock_.Now() + absl::Hours(1);
}

FakeForge::~FakeForge() { ESPALIER_CHECK(server_ == nullptr); }

void FakeForge::Start() {
  server_ = std::make_unique<TestHttpServer>(
      threads_, [this](const ServerRequest& request) { return Handle(request); });
  url_ = server_->url();
}

void FakeForge::Stop() {
  Hold(false);
  server_.reset();
}

std::string FakeForge::api_url() const { return absl::StrCat(url(), prefix()); }

std::string FakeForge::project() const {
  MutexLock lock(mu_);
  return absl::StrCat(project_.owner, "/", project_.name);
}

void FakeForge::SetProject(const std::string& project) {
  const std::size_t slash = project.rfind('/');
  MutexLock lock(mu_);
  project_.owner = project.substr(0, slash);
  project_.name = project.substr(slash + 1);
}

std::string FakeForge::SetUser(const std::string& login, ForgeRole role, bool bot) {
  MutexLock lock(mu_);
  FakeUser& user = project_.users[login];
  if (user.id == 0) user.id = NewId();
  user.login = login;
  user.role = role;
  user.bot = bot;
  for (const auto& [token, whose] : project_.tokens) {
    if (whose == login) return token;
  }
  const std::string token = absl::StrCat("tok_", Sha256Hex(login).substr(0, 32));
  project_.tokens[token] = login;
  return token;
}

void FakeForge::RevokeToken(const std::string& token) {
  MutexLock lock(mu_);
  project_.tokens.erase(token);
}

std::int64_t FakeForge::Open(FakePull pull) {
  std::optional<Webhook> event;
  {
    MutexLock lock(mu_);
    pull.number = ++project_.last_number;
    if (pull.base_sha.empty()) pull.base_sha = ObjectName(pull.base_branch);
    if (pull.head_sha.empty()) pull.head_sha = ObjectName(absl::StrCat("head", pull.number));
    pull.updated = clock_.Now();
    project_.pulls[pull.number] = pull;
    event = PullEvent(pull, "opened");
  }
  Deliver(event);
  return pull.number;
}

void FakeForge::Change(std::int64_t number, absl::string_view action,
                       absl::FunctionRef<void(FakePull&)> change) {
  std::optional<Webhook> event;
  {
    MutexLock lock(mu_);
    const auto pull = project_.pulls.find(number);
    if (pull == project_.pulls.end()) return;
    change(pull->second);
    pull->second.updated = clock_.Now();
    event = PullEvent(pull->second, action);
  }
  Deliver(event);
}

void FakeForge::PushHead(std::int64_t number, const std::string& sha) {
  Change(number, "synchronize", [&](FakePull& pull) {
    pull.head_sha = sha;
    pull.computing = 1;
  });
}

void FakeForge::Merge(std::int64_t number, const std::string& sha) {
  Change(number, "closed", [&](FakePull& pull) {
    pull.state = PullRequest::State::kMerged;
    pull.merge_sha = sha;
  });
}

void FakeForge::SetState(std::int64_t number, PullRequest::State state) {
  Change(number, state == PullRequest::State::kOpen ? "reopened" : "closed",
         [&](FakePull& pull) { pull.state = state; });
}

std::string FakeForge::Comment(std::int64_t number, const std::string& author,
                               const std::string& body, bool system) {
  std::optional<Webhook> event;
  std::string id;
  {
    MutexLock lock(mu_);
    FakeComment& comment = AddComment(number, author, body);
    comment.system = system;
    id = absl::StrCat(comment.id);
    event = CommentEvent(comment);
  }
  Deliver(event);
  return id;
}

void FakeForge::ChangeComment(const std::string& id, const std::string& body) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(id, &number)) return;
  MutexLock lock(mu_);
  Rewrite(project_.comments[number], body);
}

void FakeForge::RemoveComment(const std::string& id) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(id, &number)) return;
  MutexLock lock(mu_);
  project_.comments.erase(number);
}

void FakeForge::Push(const std::string& branch, const std::string& before,
                     const std::string& after) {
  std::optional<Webhook> event;
  {
    MutexLock lock(mu_);
    project_.branches[branch] = after;
    event = PushEvent(branch, before, after);
  }
  Deliver(event);
}

void FakeForge::SetFile(const std::string& path, const std::string& bytes) {
  MutexLock lock(mu_);
  project_.files[path] = bytes;
}

void FakeForge::Protect(const std::string& branch) {
  MutexLock lock(mu_);
  project_.protected_branches.insert(branch);
}

void FakeForge::DenyContents(bool denied) {
  MutexLock lock(mu_);
  project_.contents_denied = denied;
}

void FakeForge::MoveBranch(const std::string& branch, const std::string& sha) {
  project_.branches[branch] = sha;
  FakePull* const pull = OpenPullFrom(branch);
  if (pull == nullptr) return;
  pull->head_sha = sha;
  pull->computing = 1;
  pull->updated = clock_.Now();
}

void FakeForge::RemoveBranch(const std::string& branch) {
  project_.branches.erase(branch);
  FakePull* const pull = OpenPullFrom(branch);
  if (pull != nullptr) pull->state = PullRequest::State::kClosed;
}

FakePull* FakeForge::OpenPullFrom(const std::string& branch) {
  for (auto& [number, pull] : project_.pulls) {
    if (pull.state == PullRequest::State::kOpen && pull.head_branch == branch && !pull.from_fork) {
      return &pull;
    }
  }
  return nullptr;
}

void FakeForge::Rename(const std::string& name) {
  MutexLock lock(mu_);
  renamed_from_ = project_.name;
  project_.name = name;
}

void FakeForge::FailNext(int count, int status, const std::string& path, bool writes_only) {
  MutexLock lock(mu_);
  failures_.push_back({count, status, path, writes_only});
}

void FakeForge::Limit(absl::Duration wait, bool told) {
  MutexLock lock(mu_);
  limit_ = {wait, told};
}

void FakeForge::SetRemaining(int requests) {
  MutexLock lock(mu_);
  remaining_ = requests;
}

void FakeForge::Hold(bool held) {
  MutexLock lock(mu_);
  held_ = held;
  if (held) return;
  for (Wakeup* const wakeup : waiting_) wakeup->Notify();
}

void FakeForge::SetWebhook(const std::string& url, const std::string& secret) {
  MutexLock lock(mu_);
  webhook_url_ = url;
  webhook_secret_ = secret;
}

FakeCalls FakeForge::calls() const {
  MutexLock lock(mu_);
  return calls_;
}

FakeProject FakeForge::snapshot() const {
  MutexLock lock(mu_);
  return project_;
}

std::string FakeForge::Dump() const {
  return DumpProject(snapshot()).dump(2, ' ', false, Json::error_handler_t::replace);
}

void FakeForge::Touch(std::int64_t number) {
  const auto pull = project_.pulls.find(number);
  if (pull != project_.pulls.end()) pull->second.updated = clock_.Now();
}

FakePull* FakeForge::FindPull(const std::string& text) {
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return nullptr;
  const auto pull = project_.pulls.find(number);
  return pull == project_.pulls.end() ? nullptr : &pull->second;
}

FakeComment& FakeForge::AddComment(std::int64_t number, const std::string& author,
                                   const std::string& body) {
  const std::int64_t id = NewId();
  FakeComment& comment = project_.comments[id];
  comment = {.id = id, .number = number, .author = author, .body = body};
  comment.created = comment.updated = clock_.Now();
  Touch(number);
  return comment;
}

void FakeForge::Rewrite(FakeComment& comment, const std::string& body) {
  comment.body = body;
  // Times are told in seconds.
  comment.updated = std::max(clock_.Now(), comment.created + absl::Seconds(1));
}

bool FakeForge::MayWrite(const std::string& login) const {
  const auto user = project_.users.find(login);
  return user != project_.users.end() && user->second.role >= ForgeRole::kWrite;
}

ServerAnswer FakeForge::Handle(const ServerRequest& http) {
  if (http.path == "/_control") {
    return {.headers = {{"Content-Type", "application/json"}}, .body = Control(http.body)};
  }
  WaitWhileHeld();
  FakeRequest request{.http = &http, .method = http.method, .api_url = api_url()};
  absl::string_view path = http.path;
  MutexLock lock(mu_);
  Count(http);
  if (std::optional<ServerAnswer> trouble = Trouble(http); trouble.has_value()) return *trouble;
  if (!absl::ConsumePrefix(&path, prefix())) return Refuse(404, "Not Found");
  request.path = std::string(path);
  for (const absl::string_view part : absl::StrSplit(http.query, '&', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    request.query[pair.first] = pair.second;
  }
  if (!http.body.empty()) {
    request.body = Json::parse(http.body, nullptr, /*allow_exceptions=*/false);
    if (request.body.is_discarded()) return Refuse(400, "Problems parsing JSON");
  }
  ServerAnswer answer = Answer(request);
  if (!has_etags() || !IsRead(http) || answer.status != 200) return answer;
  const std::string etag = absl::StrCat("W/\"", Sha256Hex(answer.body).substr(0, 32), "\"");
  answer.headers.emplace_back("ETag", etag);
  if (http.Header("If-None-Match") != etag) return answer;
  ++calls_.unchanged;
  // It costs nothing of the limit.
  ++remaining_;
  answer.status = 304;
  answer.body.clear();
  // Of nothing there is no type.
  std::erase_if(answer.headers, [](const auto& header) { return header.first == "Content-Type"; });
  return answer;
}

void FakeForge::WaitWhileHeld() {
  Wakeup released;
  {
    MutexLock lock(mu_);
    if (!held_) return;
    waiting_.push_back(&released);
  }
  real_clock_->WaitFor(released, absl::InfiniteDuration());
  MutexLock lock(mu_);
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &released));
}

void FakeForge::Count(const ServerRequest& request) {
  if (IsRead(request)) {
    ++calls_.reads;
    return;
  }
  ++calls_.writes;
  if (absl::StrContains(request.path, "/access_tokens")) return;
  const absl::Duration now = clock_.Elapsed();
  if (now - last_write_ < absl::Seconds(1)) ++calls_.hurried;
  last_write_ = now;
}

std::optional<ServerAnswer> FakeForge::Trouble(const ServerRequest& request) {
  for (Failure& failure : failures_) {
    if (failure.count == 0 || !absl::StrContains(request.path, failure.path) ||
        (failure.writes_only && IsRead(request))) {
      continue;
    }
    --failure.count;
    // Nobody's words: what a proxy in front says.
    return ServerAnswer{.status = failure.status,
                        .headers = {{"Content-Type", "text/html"}},
                        .body = "<html><body>Unicorn!</body></html>"};
  }
  if (limit_.has_value()) {
    const auto [wait, told] = *std::exchange(limit_, std::nullopt);
    ++calls_.limited;
    return RefuseForNow(wait, told);
  }
  return std::nullopt;
}

void FakeForge::Deliver(const std::optional<Webhook>& event) {
  if (http_ == nullptr || !event.has_value()) return;
  HttpRequest request{.method = "POST"};
  {
    MutexLock lock(mu_);
    if (webhook_url_.empty()) return;
    request.url = webhook_url_;
    request.headers = Sign(event->body, webhook_secret_);
  }
  request.headers.insert(request.headers.end(), event->headers.begin(), event->headers.end());
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = event->body;
  request.total_timeout = absl::Seconds(10);
  const absl::StatusOr<HttpResponse> answer = http_->Fetch(std::move(request));
  MutexLock lock(mu_);
  delivered_ = answer.ok() ? answer->status : 0;
}

}  // namespace espalier
