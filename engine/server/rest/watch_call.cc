#include "engine/server/rest/watch_call.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/server/rest/problem_document.h"
#include "engine/server/rest/query_of.h"

namespace espalier {
namespace {

// How soon a revoked token and a stopping server are noticed.
constexpr absl::Duration kLook = absl::Seconds(1);
// How soon a client that is gone is noticed, by a line that it does not take.
constexpr absl::Duration kBookmark = absl::Seconds(15);

// Takes one of the places for as long as it lives.
class Place {
 public:
  explicit Place(std::atomic<int>& taken) : taken_(taken), number_(taken.fetch_add(1)) {}
  ~Place() { taken_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool granted() const { return number_ < static_cast<int>(limits::kRestWatches); }

 private:
  std::atomic<int>& taken_;
  const int number_;
};

std::string LinesOf(WatchBatch& batch) {
  std::string lines;
  for (const Event& event : batch.events()) {
    absl::StrAppend(&lines, MessageToJson(event, Indent::kNone), "\n");
  }
  batch.clear_events();
  absl::StrAppend(&lines, MessageToJson(batch, Indent::kNone), "\n");
  return lines;
}

void Pump(const Served& served, const std::string& token_id, Watch& watch,
          const HttpAnswer::Sink& sink) {
  absl::Duration last_line = served.clock.Elapsed();
  bool synced = false;
  while (!sink.stopping() && served.tokens.Stands(token_id)) {
    absl::StatusOr<WatchBatch> batch = watch.Next(served.clock.Elapsed() + kLook);
    if (!batch.ok()) {
      // The status line is long gone: the error is the stream's last line.
      sink.write(ProblemAnswer(batch.status()).body);
      return;
    }
    const absl::Duration now = served.clock.Elapsed();
    const bool news = batch->events_size() > 0 || batch->synced() != synced;
    if (!news && now - last_line < kBookmark) continue;
    synced = batch->synced();
    last_line = now;
    if (!sink.write(LinesOf(*batch))) return;
  }
}

}  // namespace

HttpAnswer WatchObjects(const Served& served, const CallContext& context,
                        const std::string& token_id, const Route& route, const HttpCall& call,
                        std::atomic<int>& watches) {
  const absl::StatusOr<Query> query = QueryOf(route, call);
  if (!query.ok()) return ProblemAnswer(query.status());
  // Shared with the stream, which std::function wants to copy.
  const auto place = std::make_shared<Place>(watches);
  if (!place->granted()) {
    return ProblemAnswer(absl::ResourceExhaustedError(
        absl::StrCat("more than ", limits::kRestWatches, " watches over REST; gRPC serves more")));
  }
  absl::StatusOr<std::unique_ptr<Watch>> started =
      served.resources.StartWatch(context, *query, call.Query("resume"));
  if (!started.ok()) return ProblemAnswer(started.status());
  HttpAnswer answer{.content_type = "application/jsonl"};
  answer.stream = [&served, token_id, place, watch = std::shared_ptr<Watch>(*std::move(started))](
                      const HttpAnswer::Sink& sink) { Pump(served, token_id, *watch, sink); };
  return answer;
}

}  // namespace espalier
