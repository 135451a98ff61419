#include "reconciler/forge/testing/memory_forge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/retry_after.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

constexpr char kUs[] = "espalier";

// One that shares nothing: the thread sanitizer does not see how the library counts who shares it.
absl::Status CopyOf(const absl::Status& status) {
  if (status.ok()) return status;
  absl::Status copy(status.code(), status.message());
  const absl::Duration wait = RetryAfter(status);
  return wait > absl::ZeroDuration() ? WithRetryAfter(copy, wait) : copy;
}

}  // namespace

void MemoryForge::SetTraits(const ForgeTraits& traits) { traits_ = traits; }

void MemoryForge::SetPullRequest(const PullRequest& pull_request) {
  MutexLock lock(mu_);
  pull_requests_[pull_request.number] = pull_request;
}

void MemoryForge::SetRole(const std::string& user, ForgeRole role) {
  MutexLock lock(mu_);
  roles_[user] = role;
}

std::string MemoryForge::Say(std::int64_t number, const std::string& author,
                             const std::string& body, bool edited) {
  MutexLock lock(mu_);
  return Add(number, {.author = author, .body = body, .edited = edited});
}

std::string MemoryForge::SayAsBot(std::int64_t number, const std::string& author,
                                  const std::string& body) {
  MutexLock lock(mu_);
  return Add(number, {.author = author, .by_bot = true, .body = body});
}

std::string MemoryForge::SayAsUs(std::int64_t number, const std::string& body) {
  MutexLock lock(mu_);
  return Add(number, {.author = kUs, .mine = true, .body = body});
}

void MemoryForge::Fail(const absl::Status& status) {
  MutexLock lock(mu_);
  failure_ = status;
}

void MemoryForge::FailAfter(int calls, const absl::Status& status) {
  MutexLock lock(mu_);
  fail_at_ = calls_ + calls + 1;
  failure_once_ = status;
}

int MemoryForge::calls() const {
  MutexLock lock(mu_);
  return calls_;
}

MemoryForge::Posted MemoryForge::Of(std::int64_t number) const {
  MutexLock lock(mu_);
  const auto found = posted_.find(number);
  return found == posted_.end() ? Posted() : found->second;
}

std::optional<CommitStatus> MemoryForge::StatusOf(const std::string& sha,
                                                  const std::string& context) const {
  MutexLock lock(mu_);
  for (auto it = statuses_.rbegin(); it != statuses_.rend(); ++it) {
    if (it->first == sha && it->second.context == context) return it->second;
  }
  return std::nullopt;
}

void MemoryForge::StopClock() {
  MutexLock lock(mu_);
  stopped_at_ = next_;
}

std::size_t MemoryForge::comments_written() const {
  MutexLock lock(mu_);
  return comments_written_;
}

std::size_t MemoryForge::statuses_set() const {
  MutexLock lock(mu_);
  return statuses_.size();
}

std::vector<ForgeIssue> MemoryForge::issues() const {
  MutexLock lock(mu_);
  return issues_;
}

std::vector<CheckRun> MemoryForge::checks() const {
  MutexLock lock(mu_);
  return checks_;
}

void MemoryForge::BeforeCalls(std::function<absl::Status()> before) { before_ = std::move(before); }

absl::Status MemoryForge::Pause() { return before_ ? before_() : absl::OkStatus(); }

absl::Status MemoryForge::Begin() {
  ++calls_;
  return CopyOf(calls_ == fail_at_ ? failure_once_ : failure_);
}

std::string MemoryForge::Add(std::int64_t number, ForgeComment comment) {
  comment.id = absl::StrCat("c", next_);
  // One second after the other, as clocks of forges have it.
  comment.created_at = absl::FromUnixSeconds(1'000'000 + (stopped_at_ > 0 ? stopped_at_ : next_));
  ++next_;
  const auto pull_request = pull_requests_.find(number);
  if (pull_request != pull_requests_.end()) pull_request->second.updated_at = comment.created_at;
  posted_[number].comments.push_back(comment);
  return comment.id;
}

absl::StatusOr<std::vector<PullRequest>> MemoryForge::OpenPullRequests(const std::string& base) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  std::vector<PullRequest> open;
  for (const auto& [number, one] : pull_requests_) {
    if (one.state == PullRequest::State::kOpen && one.base_branch == base) open.push_back(one);
  }
  return open;
}

absl::StatusOr<PullRequest> MemoryForge::GetPullRequest(std::int64_t number) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  const auto found = pull_requests_.find(number);
  if (found == pull_requests_.end()) return absl::NotFoundError("no such pull request");
  return found->second;
}

absl::StatusOr<std::optional<PullRequest>> MemoryForge::PullRequestOf(const std::string& commit,
                                                                      const std::string& base) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  for (const auto& [number, one] : pull_requests_) {
    if (one.state == PullRequest::State::kMerged && one.merge_sha == commit &&
        one.base_branch == base) {
      return std::optional<PullRequest>(one);
    }
  }
  return std::optional<PullRequest>();
}

absl::Status MemoryForge::SetStatus(const std::string& sha, const CommitStatus& status) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  statuses_.emplace_back(sha, status);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ForgeComment>> MemoryForge::Comments(std::int64_t number) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  return posted_[number].comments;
}

absl::StatusOr<ForgeComment> MemoryForge::AddComment(std::int64_t number, const std::string& body) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  Add(number, {.author = kUs, .mine = true, .by_bot = true, .body = body});
  ++comments_written_;
  return posted_[number].comments.back();
}

absl::Status MemoryForge::EditComment(std::int64_t number, const std::string& id,
                                      const std::string& body) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  for (ForgeComment& comment : posted_[number].comments) {
    if (comment.id != id) continue;
    comment.body = body;
    ++comments_written_;
    return absl::OkStatus();
  }
  return absl::NotFoundError("no such comment");
}

absl::Status MemoryForge::DeleteComment(std::int64_t number, const std::string& id) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  std::erase_if(posted_[number].comments,
                [&](const ForgeComment& comment) { return comment.id == id; });
  return absl::OkStatus();
}

absl::Status MemoryForge::Acknowledge(std::int64_t number, const std::string& id) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  posted_[number].acknowledged.push_back(id);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryForge::PutCheckRun(const std::string& id, const CheckRun& run) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  if (!traits_.check_runs) return absl::FailedPreconditionError("only Apps may");
  if (!id.empty()) {
    checks_.back() = run;
    return id;
  }
  checks_.push_back(run);
  return absl::StrCat("check", checks_.size());
}

absl::Status MemoryForge::AddLineNotes(const PullRequest& pull_request,
                                       const std::vector<LineNote>& notes) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  std::vector<LineNote>& there = posted_[pull_request.number].notes;
  there.insert(there.end(), notes.begin(), notes.end());
  return absl::OkStatus();
}

absl::StatusOr<ForgeRole> MemoryForge::RoleOf(const std::string& user) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  const auto found = roles_.find(user);
  return found == roles_.end() ? ForgeRole::kNone : found->second;
}

absl::StatusOr<std::vector<ForgeIssue>> MemoryForge::OpenIssues(const std::string&) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  std::vector<ForgeIssue> open;
  for (const ForgeIssue& issue : issues_) {
    if (issue.open) open.push_back(issue);
  }
  return open;
}

absl::StatusOr<ForgeIssue> MemoryForge::AddIssue(const std::string& title, const std::string& body,
                                                 const std::string&) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  issues_.push_back({.number = next_++, .title = title, .body = body, .mine = true});
  return issues_.back();
}

absl::Status MemoryForge::EditIssue(std::int64_t number, const std::string& title,
                                    const std::string& body) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  for (ForgeIssue& issue : issues_) {
    if (issue.number != number) continue;
    issue.title = title;
    issue.body = body;
    return absl::OkStatus();
  }
  return absl::NotFoundError("no such issue");
}

absl::Status MemoryForge::CloseIssue(std::int64_t number) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  for (ForgeIssue& issue : issues_) {
    if (issue.number == number) issue.open = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<PullRequest> MemoryForge::Propose(const ProposedChange& change) {
  ESPALIER_RETURN_IF_ERROR(Pause());
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Begin());
  ESPALIER_RETURN_IF_ERROR(proposals_fail_);
  proposals_[change.branch] = change;
  for (auto& [number, one] : pull_requests_) {
    if (one.head_branch == change.branch && one.state == PullRequest::State::kOpen) return one;
  }
  PullRequest made;
  made.number = 1000 + next_++;
  made.title = change.title;
  made.author = kUs;
  made.head_branch = change.branch;
  made.base_branch = change.base_branch;
  made.url = absl::StrCat("https://forge.example/pull/", made.number);
  pull_requests_[made.number] = made;
  return made;
}

void MemoryForge::FailProposals(const absl::Status& status) {
  MutexLock lock(mu_);
  proposals_fail_ = status;
}

std::map<std::string, ProposedChange> MemoryForge::proposals() const {
  MutexLock lock(mu_);
  return proposals_;
}

}  // namespace espalier
