#include "engine/server/watch_pump.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

constexpr absl::Duration kTokenCheck = absl::Seconds(1);
// An idle watch is told this often how far it has come, so that its resume token does not grow too
// old to be used.
constexpr absl::Duration kBookmark = absl::Seconds(15);

}  // namespace

WatchPump::WatchPump(Clock& clock, Threads& threads,
                     std::function<bool(const std::string& token_id)> stands)
    : clock_(clock), stands_(std::move(stands)) {
  thread_ = threads.Start("watch-pump", [this] { Run(); });
}

WatchPump::~WatchPump() { ESPALIER_CHECK(thread_ == nullptr); }

void WatchPump::Bell::Notify() {
  pump_.Post([this](Mail& mail) { mail.news.insert(id_); });
}

absl::Status WatchPump::Add(std::unique_ptr<Watch> watch, std::shared_ptr<Stream> stream,
                            const std::string& token_id) {
  Entry entry{.bell = std::make_unique<Bell>(*this, stream->id),
              .watch = std::move(watch),
              .stream = std::move(stream),
              .token_id = token_id};
  entry.watch->NotifyOn(*entry.bell);
  {
    MutexLock lock(mu_);
    if (stopped_) return absl::UnavailableError("the engine is stopping");
    if (size_ >= limits::kGrpcWatches) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits::kGrpcWatches, " watches"));
    }
    ++size_;
    mail_.added.push_back(std::move(entry));
  }
  wakeup_.Notify();
  return absl::OkStatus();
}

void WatchPump::Post(const std::function<void(Mail&)>& change) {
  {
    MutexLock lock(mu_);
    if (stopped_) return;
    change(mail_);
  }
  wakeup_.Notify();
}

void WatchPump::Sent(std::uint64_t id) {
  Post([id](Mail& mail) { mail.sent.push_back(id); });
}
void WatchPump::Gone(std::uint64_t id) {
  Post([id](Mail& mail) { mail.gone.push_back(id); });
}
void WatchPump::CheckNow() {
  Post([](Mail& mail) { mail.check_tokens = true; });
}

void WatchPump::Stop() {
  Post([](Mail& mail) { mail.stop = true; });
  thread_->Join();
  thread_.reset();
}

std::size_t WatchPump::size() const {
  MutexLock lock(mu_);
  return size_;
}

void WatchPump::Run() {
  absl::Duration next_check = clock_.Elapsed() + kTokenCheck;
  while (true) {
    Mail mail;
    {
      MutexLock lock(mu_);
      std::swap(mail, mail_);
      if (mail.stop) stopped_ = true;
    }
    const bool stop = mail.stop;
    const bool check = mail.check_tokens;
    const absl::Duration now = clock_.Elapsed();
    Read(std::move(mail), now);
    if (stop) break;
    if (check || now >= next_check) {
      CheckTokens();
      SendBookmarks(now);
      next_check = now + kTokenCheck;
    }
    {
      MutexLock lock(mu_);
      size_ = entries_.size() + mail_.added.size();
    }
    clock_.WaitUntil(wakeup_, next_check);
  }
  for (auto& [id, entry] : entries_) {
    entry.watch.reset();
    entry.stream->Finish(absl::UnavailableError("the engine is stopping"));
  }
  entries_.clear();
  MutexLock lock(mu_);
  size_ = 0;
}

void WatchPump::Read(Mail mail, absl::Duration now) {
  for (Entry& entry : mail.added) {
    const std::uint64_t id = entry.stream->id;
    entry.last_write = now;
    entries_.emplace(id, std::move(entry));
    Feed(id, now);
  }
  for (const std::uint64_t id : mail.sent) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    found->second.writing = false;
    Feed(id, now);
  }
  for (const std::uint64_t id : mail.news) Feed(id, now);
  for (const std::uint64_t id : mail.gone) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    found->second.stream->Finish(absl::CancelledError("the client is gone"));
    entries_.erase(found);
  }
}

void WatchPump::Feed(std::uint64_t id, absl::Duration now) {
  const auto found = entries_.find(id);
  // What is being written is followed by the next when it has been taken.
  if (found == entries_.end() || found->second.writing) return;
  Entry& entry = found->second;
  absl::StatusOr<WatchBatch> batch = entry.watch->Next(now);
  if (!batch.ok()) {
    entry.stream->Finish(batch.status());
    entries_.erase(found);
    return;
  }
  const bool news = batch->events_size() > 0 || batch->synced() != entry.synced;
  const bool bookmark = batch->resume() != entry.resume && now - entry.last_write >= kBookmark;
  if (!news && !bookmark) return;
  entry.writing = true;
  entry.synced = batch->synced();
  entry.resume = batch->resume();
  entry.last_write = now;
  entry.stream->Write(*std::move(batch));
}

void WatchPump::SendBookmarks(absl::Duration now) {
  std::vector<std::uint64_t> quiet;
  for (const auto& [id, entry] : entries_) {
    if (now - entry.last_write >= kBookmark) quiet.push_back(id);
  }
  for (const std::uint64_t id : quiet) Feed(id, now);
}

void WatchPump::CheckTokens() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (stands_(it->second.token_id)) {
      ++it;
      continue;
    }
    it->second.stream->Finish(absl::UnauthenticatedError("the token was revoked or has expired"));
    it = entries_.erase(it);
  }
}

}  // namespace espalier
