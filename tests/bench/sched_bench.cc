// Placements per second on one core, with every feature on: macOS and Linux VMs of several shapes,
// required and preferred labels, images of which some hosts have some. The fleet stands about 80 %
// full; each step releases one VM, at random, and places another, so that all sets change all the
// time. The arguments are the number of hosts and the strategy (1 spread, 2 pack).
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "engine/sched/sched.h"
#include "tests/bench/report.h"

namespace espalier::sched {
namespace {

constexpr int kShapes = 48;
constexpr int kImages = 256;
constexpr int kImagesPerHost = 6;

std::string Digest(std::uint64_t image) { return absl::StrCat("sha256:", image); }

// Few images are wanted often, most seldom.
std::uint64_t PickImage(Random& random) {
  const std::uint64_t a = random.Below(kImages);
  const std::uint64_t b = random.Below(kImages);
  return a * b / kImages;
}

Resource MakeHost(int number, Random& random) {
  Resource host;
  v1::Metadata& metadata = *host.mutable_metadata();
  metadata.set_name(absl::StrCat("mac-", number));
  (*metadata.mutable_labels())["room"] = absl::StrCat("r", number % 8);
  (*metadata.mutable_labels())["disk"] = number % 3 == 0 ? "fast" : "slow";
  v1::HostStatus& status = *host.mutable_host()->mutable_status();
  status.mutable_liveness()->set_state(v1::HostLiveness::READY);
  v1::HostObserved& observed = *status.mutable_observed();
  observed.set_os("darwin");
  observed.set_arch("arm64");
  observed.set_cpu(12);
  observed.set_memory_mib(32768);
  for (int i = 0; i < kImagesPerHost; ++i) {
    (*observed.mutable_images())[Digest(PickImage(random))].set_state(v1::HeldImage::READY);
  }
  return host;
}

Wish MakeWish(std::uint64_t number, Random& random) {
  const std::uint64_t shape = random.Below(kShapes);
  Wish wish;
  wish.vm = {Kind::kVm, "default", absl::StrCat("vm-", number)};
  wish.cpu = static_cast<std::uint32_t>(2 + shape % 4);
  wish.memory_mib = static_cast<std::uint32_t>(4096 * (1 + shape / 4 % 3));
  wish.os = shape % 6 == 5 ? "linux" : "darwin";
  wish.arch = "arm64";
  wish.image_digest = Digest(PickImage(random));
  wish.image_bytes = 40'000'000'000;
  if (shape % 3 == 1) wish.labels["room"] = absl::StrCat("r", shape % 8);
  if (shape % 4 == 2) wish.preferred["disk"] = "fast";
  return wish;
}

void BM_ReleaseAndPlace(benchmark::State& state) {
  const int hosts = static_cast<int>(state.range(0));
  Random random(1);
  Scheduler scheduler(static_cast<Strategy>(state.range(1)));
  for (int i = 0; i < hosts; ++i) scheduler.Put(MakeHost(i, random));
  std::vector<Ref> standing;
  std::uint64_t number = 0;
  while (standing.size() < static_cast<std::size_t>(hosts) * 8 / 5) {
    const Wish wish = MakeWish(number++, random);
    if (scheduler.Place(wish).placed()) standing.push_back(wish.vm);
  }

  std::int64_t placed = 0;
  std::int64_t on_image = 0;
  for (auto step : state) {
    Ref& slot = standing[random.Below(standing.size())];
    if (!slot.name.empty()) scheduler.Remove(slot);
    const Wish wish = MakeWish(number++, random);
    const Decision decision = scheduler.Place(wish);
    slot = decision.placed() ? wish.vm : Ref();
    placed += decision.placed() ? 1 : 0;
    on_image += decision.placed() && decision.missing_bytes == 0 ? 1 : 0;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["placed"] = static_cast<double>(placed) / static_cast<double>(state.iterations());
  state.counters["image_there"] =
      placed == 0 ? 0 : static_cast<double>(on_image) / static_cast<double>(placed);
}
BENCHMARK(BM_ReleaseAndPlace)
    ->ArgNames({"hosts", "strategy"})
    ->Args({1000, v1::ClusterSpec::SPREAD})
    ->Args({10000, v1::ClusterSpec::SPREAD})
    ->Args({10000, v1::ClusterSpec::PACK})
    ->Args({100000, v1::ClusterSpec::SPREAD});

// An empty fleet takes as many VMs as it has slots: a restart of everything.
void BM_FillFleet(benchmark::State& state) {
  const int hosts = static_cast<int>(state.range(0));
  for (auto step : state) {
    state.PauseTiming();
    Random random(1);
    Scheduler scheduler;
    for (int i = 0; i < hosts; ++i) scheduler.Put(MakeHost(i, random));
    std::vector<Wish> wishes;
    for (int i = 0; i < hosts * 2; ++i) {
      wishes.push_back(MakeWish(static_cast<std::uint64_t>(i), random));
    }
    state.ResumeTiming();
    for (const Wish& wish : wishes) benchmark::DoNotOptimize(scheduler.Place(wish));
  }
  state.SetItemsProcessed(state.iterations() * hosts * 2);
}
BENCHMARK(BM_FillFleet)->ArgName("hosts")->Arg(10000)->Unit(benchmark::kMillisecond);

// What a full fleet answers to each of many that wait.
void BM_Refuse(benchmark::State& state) {
  const int hosts = static_cast<int>(state.range(0));
  Random random(1);
  Scheduler scheduler;
  for (int i = 0; i < hosts; ++i) scheduler.Put(MakeHost(i, random));
  Wish wish = MakeWish(0, random);
  wish.os = "darwin";
  wish.cpu = 64;
  std::uint64_t number = 0;
  for (auto step : state) {
    wish.vm.name = absl::StrCat("vm-", number++);
    benchmark::DoNotOptimize(scheduler.Place(wish));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Refuse)->ArgName("hosts")->Arg(10000);

// One line per run, in the form of the other benchmarks; rates are per second of CPU, since the
// machine is shared.
class LineReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const std::string name = absl::StrCat("sched/", run.benchmark_name());
      Report(name, run.counters.at("items_per_second"), "decisions/s");
      const auto image_there = run.counters.find("image_there");
      if (image_there != run.counters.end()) {
        Report(absl::StrCat(name, "/image_there"), image_there->second, "share");
      }
    }
  }
};

}  // namespace
}  // namespace espalier::sched

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  espalier::sched::LineReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
