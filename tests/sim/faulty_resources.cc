#include "tests/sim/faulty_resources.h"

#include <utility>

namespace espalier::sim {
namespace {

const absl::Status& Lost() {
  static const absl::Status& lost = *new absl::Status(absl::UnavailableError("connection lost"));
  return lost;
}

// What becomes of one call.
enum class Fate { kArrives, kArrivesTwice, kAnswerLost, kNeverArrives };

Fate FateOf(World& world, Weather& weather) {
  world.Yield();
  if (world.random().Chance(weather.delay)) {
    world.Sleep(weather.max_delay * (static_cast<double>(world.random().Below(1000)) / 1000.0));
  }
  if (weather.cut || weather.dead || world.random().Chance(weather.drop))
    return Fate::kNeverArrives;
  if (world.random().Chance(weather.lose_answer)) return Fate::kAnswerLost;
  if (world.random().Chance(weather.duplicate)) return Fate::kArrivesTwice;
  return Fate::kArrives;
}

// Makes the call as its fate says. The answer may still be lost because the line was cut meanwhile.
template <typename Call>
auto Through(World& world, Weather& weather, Call call) -> decltype(call()) {
  const Fate fate = FateOf(world, weather);
  if (fate == Fate::kNeverArrives) return Lost();
  auto answer = call();
  if (fate == Fate::kArrivesTwice) {
    world.Yield();
    answer = call();
  }
  world.Yield();
  if (fate == Fate::kAnswerLost || weather.cut || weather.dead) return Lost();
  return answer;
}

class FaultyWatch final : public Watch {
 public:
  FaultyWatch(World& world, Weather& weather, std::unique_ptr<Watch> inner)
      : world_(world), weather_(weather), inner_(std::move(inner)) {}

  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    if (weather_.cut || weather_.dead || world_.random().Chance(weather_.break_watch))
      return Lost();
    absl::StatusOr<WatchBatch> batch = inner_->Next(deadline);
    if (weather_.cut || weather_.dead) return Lost();
    return batch;
  }
  void NotifyOn(Wakeup& wakeup) override { inner_->NotifyOn(wakeup); }

 private:
  World& world_;
  Weather& weather_;
  std::unique_ptr<Watch> inner_;
};

}  // namespace

absl::StatusOr<Resource> FaultyResources::Get(const CallContext& context, const Ref& ref) {
  return Through(world_, weather_, [&] { return inner_.Get(context, ref); });
}
absl::StatusOr<ListPage> FaultyResources::List(const CallContext& context, const Query& query) {
  return Through(world_, weather_, [&] { return inner_.List(context, query); });
}
absl::StatusOr<ApplyResult> FaultyResources::Apply(const CallContext& context,
                                                   const ApplyRequest& request) {
  return Through(world_, weather_, [&] { return inner_.Apply(context, request); });
}
absl::StatusOr<ApplyResult> FaultyResources::Delete(const CallContext& context,
                                                    const DeleteRequest& request) {
  return Through(world_, weather_, [&] { return inner_.Delete(context, request); });
}
absl::StatusOr<DriftReport> FaultyResources::Drift(const CallContext& context,
                                                   const DriftRequest& request) {
  return Through(world_, weather_, [&] { return inner_.Drift(context, request); });
}

std::vector<absl::StatusOr<std::int64_t>> FaultyResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  using Results = std::vector<absl::StatusOr<std::int64_t>>;
  absl::StatusOr<Results> results = Through(world_, weather_, [&]() -> absl::StatusOr<Results> {
    return inner_.UpdateStatus(context, writes);
  });
  if (results.ok()) return *std::move(results);
  return Results(writes.size(), results.status());
}

absl::StatusOr<std::unique_ptr<Watch>> FaultyResources::StartWatch(const CallContext& context,
                                                                   const Query& query,
                                                                   const std::string& resume) {
  if (FateOf(world_, weather_) != Fate::kArrives) return Lost();
  absl::StatusOr<std::unique_ptr<Watch>> watch = inner_.StartWatch(context, query, resume);
  if (!watch.ok()) return watch.status();
  return std::make_unique<FaultyWatch>(world_, weather_, *std::move(watch));
}

absl::StatusOr<v1::BeatAck> FaultyLease::Beat(const CallContext& context, const v1::Beat& beat) {
  return Through(world_, weather_, [&] { return inner_.Beat(context, beat); });
}

}  // namespace espalier::sim
