#include "reconciler/review/forge_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/retry_after.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "reconciler/review/acceptance.h"
#include "reconciler/review/poster.h"

namespace espalier {
namespace {

// What a user may do is asked again after this long; a command asks at once.
constexpr absl::Duration kRoleKept = absl::Minutes(10);
// However many webhooks come, pull requests are listed this often at most.
constexpr absl::Duration kLookInterval = absl::Seconds(1);
// After what is heard of a second of a forge's clock, nothing else can have happened in it.
constexpr absl::Duration kSecondIsOver = absl::Seconds(2);
// A token that is wrong stays wrong until somebody changes it: asked seldom, said once.
constexpr absl::Duration kRefusedPause = absl::Minutes(5);

Ref LookName() { return {kNoKind, "", "look"}; }
Ref NoticeName() { return {kNoKind, "", "notice"}; }
Ref IssueName() { return {kNoKind, "", "issue"}; }
Ref ProposalName() { return {kNoKind, "", "propose"}; }
Ref PullName(std::int64_t number) { return {kNoKind, "pull", absl::StrCat(number)}; }
Ref CommentsName(std::int64_t number) { return {kNoKind, "comments", absl::StrCat(number)}; }
Ref CommitName(const std::string& commit) { return {kNoKind, "commit", commit}; }

std::int64_t NumberOf(const Ref& name) {
  std::int64_t number = 0;
  (void)absl::SimpleAtoi(name.name, &number);
  return number;
}

// A branch by its name, as forges have it.
std::string BranchOf(const v1::GitSourceSpec& spec) {
  const std::string ref = spec.has_ref() ? spec.ref() : "main";
  return std::string(absl::StripPrefix(ref, "refs/heads/"));
}

}  // namespace

ForgeWorker::ForgeWorker(Clock& clock, Io& io, Log& log, GitMetrics& metrics, std::string source,
                         std::string outbox_dir, Make make, std::function<void(const Ref&)> add,
                         std::function<void()> on_news)
    : clock_(clock),
      log_(log),
      metrics_(metrics),
      source_(std::move(source)),
      make_(std::move(make)),
      add_(std::move(add)),
      on_news_(std::move(on_news)),
      outbox_(io, log, std::move(outbox_dir)) {}

std::int64_t ForgeWorker::Look() {
  std::int64_t look = 0;
  {
    MutexLock lock(mu_);
    look = ++looks_;
  }
  add_(LookName());
  return look;
}

void ForgeWorker::LookAt(std::int64_t number) { add_(CommentsName(number)); }

void ForgeWorker::AskWhoBrought(const std::string& commit) { add_(CommitName(commit)); }

void ForgeWorker::Post(const Surface& surface) {
  {
    MutexLock lock(mu_);
    to_post_[surface.number] = surface;
    waiting_.insert(surface.number);
  }
  TellDepth();
  add_(PullName(surface.number));
}

void ForgeWorker::Reply(const GivenCommand& given, const std::string& text) {
  {
    MutexLock lock(mu_);
    if (given.on_issue) {
      to_reply_on_issue_[given.comment_id] = text;
    } else {
      to_reply_[{given.number, given.comment_id}] = text;
      waiting_.insert(given.number);
    }
  }
  TellDepth();
  add_(given.on_issue ? IssueName() : PullName(given.number));
}

void ForgeWorker::Propose(const ProposedChange& change) {
  {
    MutexLock lock(mu_);
    to_propose_ = change;
  }
  add_(ProposalName());
}

void ForgeWorker::PostNotice(const Notice& notice) {
  {
    MutexLock lock(mu_);
    notice_ = notice;
  }
  add_(NoticeName());
}

std::optional<ForgeNews> ForgeWorker::Take() {
  MutexLock lock(mu_);
  return std::exchange(news_, std::nullopt);
}

void ForgeWorker::Tell(const std::function<void(ForgeNews&)>& change) {
  {
    MutexLock lock(mu_);
    if (!news_.has_value()) {
      news_.emplace();
      if (forge_ != nullptr) news_->traits = forge_->traits();
      for (const auto& [name, status] : failures_) news_->status.Update(status);
    }
    change(*news_);
  }
  on_news_();
}

// The source was made or changed; at a resync too, which finds what was lost.
void ForgeWorker::NamesOf(const Change&, const Snapshot&, std::vector<Ref>& names) {
  names.push_back(LookName());
  for (const std::int64_t number : outbox_.Numbers()) names.push_back(PullName(number));
}

Outcome ForgeWorker::Reconcile(const Ref& name, Turn& turn) {
  const Resource* source = turn.now.Find({Kind::kGitSource, "", source_});
  if (source == nullptr || !source->git_source().spec().has_forge()) return Done{};
  absl::StatusOr<Outcome> outcome = Do(name, source->git_source().spec());
  if (!outcome.ok()) return AfterFailure(name, outcome.status());
  if (failures_.erase(name) > 0) {
    Tell([this](ForgeNews& news) {
      news.status = absl::OkStatus();
      for (const auto& [failed, status] : failures_) news.status.Update(status);
    });
  }
  return *outcome;
}

Outcome ForgeWorker::AfterFailure(const Ref& name, const absl::Status& status) {
  absl::Status& known = failures_[name];
  if (known != status) {
    known = status;
    Tell([&](ForgeNews& news) { news.status = status; });
  }
  if (const absl::Duration after = RetryAfter(status); after > absl::ZeroDuration()) {
    return RequeueAfter{after};
  }
  if (absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status) ||
      absl::IsInvalidArgument(status)) {
    return RequeueAfter{kRefusedPause};
  }
  return Retry{status};
}

absl::StatusOr<Outcome> ForgeWorker::Do(const Ref& name, const v1::GitSourceSpec& spec) {
  ESPALIER_RETURN_IF_ERROR(UseForge(spec));
  if (name == LookName()) return LookIfDue(spec);
  absl::Status done;
  if (name == NoticeName()) {
    done = ConvergeNotice();
  } else if (name == IssueName()) {
    done = ConvergeIssue();
  } else if (name == ProposalName()) {
    done = ConvergeProposal();
  } else if (name.ns == "pull") {
    done = Converge(NumberOf(name));
    if (done.ok()) NoteSaid(NumberOf(name));
  } else if (name.ns == "comments") {
    return ReadComments(NumberOf(name));
  } else if (name.ns == "commit") {
    done = WhoBrought(name.name);
  }
  ESPALIER_RETURN_IF_ERROR(done);
  return Outcome(Done{});
}

absl::Status ForgeWorker::UseForge(const v1::GitSourceSpec& spec) {
  const std::string now = spec.SerializeAsString();
  if (forge_ != nullptr && made_of_ == now) return absl::OkStatus();
  ESPALIER_ASSIGN_OR_RETURN(forge_, make_(spec));
  made_of_ = now;
  branch_ = BranchOf(spec);
  {
    MutexLock lock(mu_);
    type_ = spec.forge().type();
  }
  TellDepth();
  return absl::OkStatus();
}

// Looking.

absl::StatusOr<Outcome> ForgeWorker::LookIfDue(const v1::GitSourceSpec& spec) {
  std::int64_t look = 0;
  bool asked = false;
  {
    MutexLock lock(mu_);
    look = looks_;
    asked = looks_ > answered_looks_;
  }
  const absl::Duration poll =
      absl::Seconds(spec.forge().has_poll_seconds() ? spec.forge().poll_seconds() : 600);
  const absl::Duration due = looked_ + (asked ? kLookInterval : poll);
  if (clock_.Elapsed() < due) return Outcome(RequeueAfter{due - clock_.Elapsed()});
  absl::StatusOr<std::vector<PullRequest>> open = forge_->OpenPullRequests(branch_);
  if (!open.ok()) return Annotate(open.status(), "listing pull requests");
  std::vector<SeenPullRequest> seen;
  seen.reserve(open->size());
  for (const PullRequest& pull_request : *open) {
    // Nobody who may not write has a branch of the project to open a pull request from: this one
    // holds what we have put there. Of an App forges do not say what it may.
    const bool ours =
        !pull_request.from_fork && pull_request.head_branch == AcceptanceBranch(source_);
    ForgeRole role = ForgeRole::kWrite;
    if (!ours) {
      ESPALIER_ASSIGN_OR_RETURN(role, RoleOf(pull_request.author));
    }
    seen.push_back({.facts = pull_request, .author_role = role});
    LookAtCommentsIfNew(pull_request);
  }
  ESPALIER_RETURN_IF_ERROR(FindEnded(*open));
  if (issue_ != 0) add_(IssueName());
  const bool forgot = outbox_.began_empty() && looked_ == -absl::InfiniteDuration();
  looked_ = clock_.Elapsed();
  {
    MutexLock lock(mu_);
    answered_looks_ = look;
  }
  Tell([&](ForgeNews& news) {
    news.open = std::move(seen);
    news.look = look;
    news.forgot = news.forgot || forgot;
  });
  return Outcome(RequeueAfter{poll});
}

void ForgeWorker::LookAtCommentsIfNew(const PullRequest& facts) {
  const OutboxEntry* known = outbox_.Find(facts.number);
  if (known == nullptr || absl::FromUnixMicros(known->comments_until) < facts.updated_at) {
    Changed& changed = changed_[facts.number];
    if (changed.at != facts.updated_at) changed = {facts.updated_at, clock_.Elapsed()};
    add_(CommentsName(facts.number));
  }
}

absl::StatusOr<ForgeRole> ForgeWorker::RoleOf(const std::string& user) {
  const auto found = roles_.find(user);
  if (found != roles_.end() && clock_.Elapsed() < found->second.until) return found->second.role;
  ESPALIER_ASSIGN_OR_RETURN(const ForgeRole role, forge_->RoleOf(user));
  // Of whoever ever wrote one most never come again.
  std::erase_if(roles_,
                [now = clock_.Elapsed()](const auto& known) { return known.second.until <= now; });
  roles_[user] = {.role = role, .until = clock_.Elapsed() + kRoleKept};
  return role;
}

absl::Status ForgeWorker::FindEnded(const std::vector<PullRequest>& open) {
  std::set<std::int64_t> numbers;
  for (const PullRequest& pull_request : open) numbers.insert(pull_request.number);
  for (const std::int64_t number : outbox_.Numbers()) {
    if (numbers.contains(number)) continue;
    if (outbox_.Find(number)->surface.final) continue;
    absl::StatusOr<PullRequest> facts = forge_->GetPullRequest(number);
    if (absl::IsNotFound(facts.status())) {
      outbox_.Forget(number);
      continue;
    }
    if (!facts.ok()) return Annotate(facts.status(), "looking at a pull request that ended");
    if (facts->base_branch != branch_) {
      // It is none of ours any more, also where it was merged there.
      facts->state = PullRequest::State::kOpen;
    } else if (facts->state == PullRequest::State::kOpen) {
      // Opened again since the list was made.
      continue;
    }
    LookAtCommentsIfNew(*facts);
    EndedPullRequest ended = WithShown(*facts);
    Tell([&](ForgeNews& news) { news.ended.push_back(std::move(ended)); });
  }
  return absl::OkStatus();
}

absl::StatusOr<Outcome> ForgeWorker::ReadComments(std::int64_t number) {
  const OutboxEntry* known = outbox_.Find(number);
  const absl::Time until =
      known == nullptr ? absl::InfinitePast() : absl::FromUnixMicros(known->comments_until);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> comments, forge_->Comments(number));
  std::vector<GivenCommand> given;
  for (const ForgeComment& comment : comments) {
    if (comment.created_at < until) continue;
    if (known != nullptr &&
        (known->replies.contains(comment.id) || known->posted.IsAnswered(comment.id))) {
      continue;
    }
    ESPALIER_ASSIGN_OR_RETURN(std::optional<GivenCommand> command,
                              CommandIn(comment, number, /*on_issue=*/false));
    if (command.has_value()) given.push_back(*std::move(command));
  }
  if (!given.empty()) {
    // Commands count as seen when they are answered, so that none is lost on the way.
    TellCommands(std::move(given));
    return Outcome(Done{});
  }
  const auto changed = changed_.find(number);
  if (changed == changed_.end()) return Outcome(Done{});
  // Forges tell times in seconds: in the one of the last change another comment may follow.
  const absl::Duration over = changed->second.heard + kSecondIsOver - clock_.Elapsed();
  if (over > absl::ZeroDuration()) return Outcome(RequeueAfter{over});
  if (changed->second.at > until) {
    outbox_.PutCommentsUntil(number, absl::ToUnixMicros(changed->second.at));
  }
  changed_.erase(changed);
  return Outcome(Done{});
}

absl::StatusOr<std::optional<GivenCommand>> ForgeWorker::CommandIn(const ForgeComment& comment,
                                                                   std::int64_t number,
                                                                   bool on_issue) {
  // One that was changed may say what its writer never said.
  if (comment.mine || comment.by_bot || comment.edited) return std::optional<GivenCommand>();
  const std::vector<Command> commands = ParseCommands(comment.body);
  if (commands.empty()) return std::optional<GivenCommand>();
  // Now, not ten minutes ago: rights may have been taken away.
  ESPALIER_ASSIGN_OR_RETURN(const ForgeRole role, forge_->RoleOf(comment.author));
  const absl::Status shown = on_issue ? forge_->AcknowledgeOnIssue(number, comment.id)
                                      : forge_->Acknowledge(number, comment.id);
  if (!shown.ok()) {
    log_.Debug("command not acknowledged", {{telemetry::kError, shown.ToString()}});
  }
  // A comment is one command: its answer is found by the comment's id.
  return std::optional(GivenCommand{.number = number,
                                    .on_issue = on_issue,
                                    .comment_id = comment.id,
                                    .author = comment.author,
                                    .role = role,
                                    .command = commands.front()});
}

void ForgeWorker::TellCommands(std::vector<GivenCommand> given) {
  Tell([&](ForgeNews& news) {
    for (GivenCommand& command : given) news.commands.push_back(std::move(command));
  });
}

absl::Status ForgeWorker::WhoBrought(const std::string& commit) {
  ESPALIER_ASSIGN_OR_RETURN(const std::optional<PullRequest> found,
                            forge_->PullRequestOf(commit, branch_));
  std::optional<EndedPullRequest> brought;
  if (found.has_value()) brought = WithShown(*found);
  Tell([&](ForgeNews& news) { news.brought[commit] = std::move(brought); });
  return absl::OkStatus();
}

EndedPullRequest ForgeWorker::WithShown(const PullRequest& facts) const {
  EndedPullRequest ended{.facts = facts};
  if (const OutboxEntry* entry = outbox_.Find(facts.number)) ended.shown = entry->posted.shown;
  return ended;
}

// Posting.

void ForgeWorker::TakeWhatWaits(std::int64_t number) {
  std::optional<Surface> surface;
  std::map<std::string, std::string> replies;
  {
    MutexLock lock(mu_);
    if (auto waiting = to_post_.extract(number)) surface = std::move(waiting.mapped());
    auto reply = to_reply_.lower_bound({number, ""});
    while (reply != to_reply_.end() && reply->first.first == number) {
      replies[reply->first.second] = std::move(reply->second);
      reply = to_reply_.erase(reply);
    }
  }
  if (surface.has_value()) (void)outbox_.Put(*surface);
  for (const auto& [comment, text] : replies) outbox_.PutReply(number, comment, text);
}

absl::Status ForgeWorker::Converge(std::int64_t number) {
  TakeWhatWaits(number);
  const OutboxEntry* entry = outbox_.Find(number);
  if (entry == nullptr) return absl::OkStatus();
  const OutboxEntry wanted = *entry;
  Posted posted = wanted.posted;
  const auto save = [&] { outbox_.PutPosted(number, posted); };
  if (!wanted.surface.commit.empty()) {
    ESPALIER_RETURN_IF_ERROR(PostSurface(*forge_, Key("plan"), wanted.surface, posted, save));
  }
  ESPALIER_RETURN_IF_ERROR(PostReplies(*forge_, Key("plan"), number, wanted.replies, posted, save));
  if (wanted.surface.final) outbox_.Forget(number);
  return absl::OkStatus();
}

void ForgeWorker::NoteSaid(std::int64_t number) {
  {
    MutexLock lock(mu_);
    const auto reply = to_reply_.lower_bound({number, ""});
    const bool more =
        to_post_.contains(number) || (reply != to_reply_.end() && reply->first.first == number);
    if (!more) waiting_.erase(number);
  }
  TellDepth();
}

void ForgeWorker::TellDepth() {
  std::size_t depth = 0;
  v1::Forge::Type type = v1::Forge::TYPE_UNSPECIFIED;
  {
    MutexLock lock(mu_);
    depth = waiting_.size();
    type = type_;
  }
  metrics_.OutboxIs(source_, type, depth);
}

absl::Status ForgeWorker::ConvergeNotice() {
  std::optional<Notice> notice;
  {
    MutexLock lock(mu_);
    notice = notice_;
  }
  if (!notice.has_value()) return absl::OkStatus();
  const absl::StatusOr<std::int64_t> number =
      PostIssue(*forge_, Key("drift"), "espalier-drift", notice->title, notice->body);
  if (!number.ok()) return Annotate(number.status(), "writing the drift issue");
  // After a restart there may be commands in it.
  if (std::exchange(issue_, *number) == 0 && issue_ != 0) add_(IssueName());
  return absl::OkStatus();
}

absl::Status ForgeWorker::ConvergeIssue() {
  std::map<std::string, std::string> replies;
  {
    MutexLock lock(mu_);
    // Nobody looks at an issue that is closed.
    if (issue_ == 0) to_reply_on_issue_.clear();
    replies = to_reply_on_issue_;
  }
  if (issue_ == 0) return absl::OkStatus();
  for (const auto& [comment, text] : replies) {
    ESPALIER_RETURN_IF_ERROR(PostIssueReply(*forge_, Key("drift"), issue_, comment, text));
    MutexLock lock(mu_);
    to_reply_on_issue_.erase(comment);
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> comments,
                            forge_->IssueComments(issue_));
  const std::set<std::string> answered = AnsweredIn(comments, Key("drift"));
  std::vector<GivenCommand> given;
  for (const ForgeComment& comment : comments) {
    if (answered.contains(comment.id)) continue;
    ESPALIER_ASSIGN_OR_RETURN(std::optional<GivenCommand> command,
                              CommandIn(comment, issue_, /*on_issue=*/true));
    if (command.has_value()) given.push_back(*std::move(command));
  }
  if (!given.empty()) TellCommands(std::move(given));
  return absl::OkStatus();
}

absl::Status ForgeWorker::ConvergeProposal() {
  std::optional<ProposedChange> change;
  {
    MutexLock lock(mu_);
    change = to_propose_;
  }
  if (!change.has_value()) return absl::OkStatus();
  change->base_branch = branch_;
  absl::StatusOr<PullRequest> made = forge_->Propose(*change);
  if (absl::IsUnavailable(made.status()) || absl::IsDeadlineExceeded(made.status()) ||
      absl::IsResourceExhausted(made.status()) || absl::IsUnauthenticated(made.status())) {
    return Annotate(made.status(), "proposing a change");
  }
  {
    MutexLock lock(mu_);
    to_propose_.reset();
  }
  Tell([&](ForgeNews& news) { news.proposed = std::move(made); });
  return absl::OkStatus();
}

std::string ForgeWorker::Key(const char* what) const { return absl::StrCat(what, "/", source_); }

}  // namespace espalier
