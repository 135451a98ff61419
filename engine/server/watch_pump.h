// WatchPump: one thread that serves all streaming watches. It waits for whatever any of them has to
// say, hands batches to their streams, and gives a stream the next batch only when it has taken the
// last: a slow client fills its own watch's bounded queue and is told to start again, nobody else
// waits for it. Owned by the server; Add, Sent, Gone and CheckNow may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"

namespace espalier {

class WatchPump {
 public:
  // Where batches go. Called on the pump's thread only.
  class Stream {
   public:
    explicit Stream(WatchPump& pump) : id(pump.NextId()) {}
    virtual ~Stream() = default;
    // Never used twice, unlike addresses: late words about an old stream must not meet a new one.
    const std::uint64_t id;
    // Sends a batch without blocking; Sent follows when the next may come, or Gone.
    virtual void Write(WatchBatch batch) = 0;
    // Ends the stream. The last call.
    virtual void Finish(const absl::Status& status) = 0;
  };

  // `stands` says whether a token still does; asked for each stream every second.
  WatchPump(Clock& clock, Threads& threads,
            std::function<bool(const std::string& token_id)> stands);
  // REQUIRES: Stop() was called.
  ~WatchPump();

  // Serves `watch` to `stream` until either ends. The stream is shared with its transport, which
  // may still have something under way after Finish. RESOURCE_EXHAUSTED above limits::kGrpcWatches,
  // UNAVAILABLE after Stop; then Finish is not called.
  absl::Status Add(std::unique_ptr<Watch> watch, std::shared_ptr<Stream> stream,
                   const std::string& token_id);
  // The stream has taken its batch.
  void Sent(std::uint64_t id);
  // The client is gone.
  void Gone(std::uint64_t id);
  // Looks at the tokens now rather than within a second.
  void CheckNow();

  // Finishes all streams with UNAVAILABLE and joins. Once.
  void Stop();

  std::size_t size() const;

 private:
  // What a watch raises: says which of them has news.
  class Bell final : public Wakeup {
   public:
    Bell(WatchPump& pump, std::uint64_t id) : pump_(pump), id_(id) {}
    void Notify() override;

   private:
    WatchPump& pump_;
    const std::uint64_t id_;
  };
  struct Entry {
    // Borrowed by the watch, hence above it.
    std::unique_ptr<Bell> bell;
    std::unique_ptr<Watch> watch;
    std::shared_ptr<Stream> stream;
    std::string token_id;
    bool writing = false;
    bool synced = false;
    std::string resume;
    absl::Duration last_write;
  };
  // What other threads had to say since the pump looked last.
  struct Mail {
    std::vector<Entry> added;
    absl::flat_hash_set<std::uint64_t> news;
    std::vector<std::uint64_t> sent;
    std::vector<std::uint64_t> gone;
    bool check_tokens = false;
    bool stop = false;
  };

  std::uint64_t NextId() { return next_id_.fetch_add(1); }
  void Run();
  void Read(Mail mail, absl::Duration now);
  // Gives the stream its next batch if it has taken the last and there is one; ends it if the watch
  // has ended.
  void Feed(std::uint64_t id, absl::Duration now);
  void CheckTokens();
  // Streams that were told nothing for long are told how far they have come.
  void SendBookmarks(absl::Duration now);
  void Post(const std::function<void(Mail&)>& change);

  Clock& clock_;
  const std::function<bool(const std::string&)> stands_;
  Wakeup wakeup_;
  std::atomic<std::uint64_t> next_id_ = 1;

  mutable Mutex mu_;
  Mail mail_ ABSL_GUARDED_BY(mu_);
  std::size_t size_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // The pump's own.
  std::map<std::uint64_t, Entry> entries_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace espalier
