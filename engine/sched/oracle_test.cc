// The fast path against an exact scan over random fleets: what the scheduler takes must be feasible
// and as good as the best there is; what it refuses must fit nowhere. And the index, however it
// came about, must equal one built anew from the same objects (I10).
#include <map>
#include <optional>
#include <tuple>

#include "engine/base/random.h"
#include "engine/sched/room.h"
#include "engine/sched/test_fleet.h"
#include "gtest/gtest.h"

namespace espalier::sched {
namespace {

// Preferred labels, image (2 ready, 1 coming, 0 not there), level in the strategy's sense.
using Score = std::tuple<int, int, int>;

class World {
 public:
  explicit World(std::uint64_t seed, Strategy strategy) : random_(seed), strategy_(strategy) {
    scheduler_.SetStrategy(strategy);
  }

  void Step() {
    switch (random_.Below(8)) {
      case 0:
        PutHost();
        break;
      case 1:
        if (random_.Chance(0.3)) RemoveHost();
        break;
      case 2:
        Release();
        break;
      case 3:
        Retire();
        break;
      default:
        Place();
    }
  }

  void CheckAgainstRecomputation() {
    ASSERT_TRUE(scheduler_.SelfCheck().ok()) << scheduler_.SelfCheck();
    Scheduler anew(strategy_);
    for (const auto& [name, vm] : vms_) anew.Put(vm);
    for (const auto& [name, host] : hosts_) anew.Put(host);
    ASSERT_EQ(scheduler_.Fingerprint(), anew.Fingerprint());
  }

 private:
  std::string Pick(std::initializer_list<const char*> of) {
    return *(of.begin() + random_.Below(of.size()));
  }

  void PutHost() {
    HostRow row{.name = absl::StrCat("h", random_.Below(90))};
    row.os = random_.Chance(0.8) ? "darwin" : "linux";
    row.arch = random_.Chance(0.8) ? "arm64" : "amd64";
    row.cpu = 4 + static_cast<int>(random_.Below(20));
    row.memory_mib = 8192 * (1 + static_cast<int>(random_.Below(8)));
    row.macos_slots = static_cast<int>(random_.Below(3));
    row.hold = Pick({"", "", "", "", "", "cordon", "drain", "deleting"});
    row.ready = random_.Chance(0.9);
    row.macos_running = random_.Chance(0.1) ? 1 : 0;
    row.found_macos = random_.Chance(0.1) ? 1 : 0;
    for (const char* key : {"zone", "disk", "team"}) {
      if (random_.Chance(0.5)) row.labels[key] = Pick({"a", "b"});
    }
    for (const char* digest : {"sha256:1", "sha256:2", "sha256:3"}) {
      if (random_.Chance(0.15))
        row.images.push_back(digest);
      else if (random_.Chance(0.1))
        row.pulling.push_back(digest);
    }
    hosts_[row.name] = MakeHost(row);
    scheduler_.Put(hosts_[row.name]);
  }

  void RemoveHost() {
    if (hosts_.empty()) return;
    const auto host = std::next(hosts_.begin(), static_cast<long>(random_.Below(hosts_.size())));
    scheduler_.Remove({Kind::kHost, "", host->first});
    hosts_.erase(host);
  }

  void Release() {
    if (vms_.empty()) return;
    const auto vm = std::next(vms_.begin(), static_cast<long>(random_.Below(vms_.size())));
    scheduler_.Remove(RefOf(vm->second));
    vms_.erase(vm);
  }

  // The run stays on its host while the VM looks for another.
  void Retire() {
    if (vms_.empty()) return;
    Resource& vm = std::next(vms_.begin(), static_cast<long>(random_.Below(vms_.size())))->second;
    v1::VmPlacement& placement = *vm.mutable_vm()->mutable_status()->mutable_placement();
    if (placement.host().empty() || placement.retiring_size() > 2) return;
    v1::RetiringRun& run = *placement.add_retiring();
    run.set_host(placement.host());
    run.set_cpu(vm.vm().spec().cpu());
    run.set_memory_mib(vm.vm().spec().memory_mib());
    run.set_macos(placement.image_os() == "darwin");
    placement.clear_host();
    scheduler_.Put(vm);
  }

  void Place() {
    VmRow row{.name = absl::StrCat("vm", random_.Below(400))};
    if (vms_.contains(row.name)) return;
    row.cpu = 1 + static_cast<int>(random_.Below(8));
    row.memory_mib = 4096 * (1 + static_cast<int>(random_.Below(6)));
    row.os = random_.Chance(0.7) ? "darwin" : "linux";
    row.arch = random_.Chance(0.8) ? "arm64" : "amd64";
    row.digest = Pick({"", "sha256:1", "sha256:2", "sha256:3", "sha256:4"});
    if (random_.Chance(0.1)) row.pinned = absl::StrCat("h", random_.Below(90));
    if (random_.Chance(0.3)) row.labels["zone"] = Pick({"a", "b", "c"});
    if (random_.Chance(0.3)) row.preferred["disk"] = "a";
    if (random_.Chance(0.2)) row.preferred["team"] = "b";

    Resource vm = MakeVm(row);
    const std::optional<Score> best = Best(WishOf(vm));
    const Decision decision = scheduler_.Place(WishOf(vm));
    ASSERT_EQ(decision.placed(), best.has_value()) << decision.why;
    if (decision.placed()) {
      const auto host = hosts_.find(decision.host);
      ASSERT_NE(host, hosts_.end());
      ASSERT_EQ(ScoreOf(WishOf(vm), host->second), best) << decision.host;
      vm.mutable_vm()->mutable_status()->mutable_placement()->set_host(decision.host);
      vm.mutable_vm()->mutable_status()->mutable_placement()->set_phase(v1::VmPlacement::STARTING);
    } else {
      ASSERT_FALSE(decision.why.empty());
    }
    vms_[row.name] = std::move(vm);
  }

  Room UsedOf(const std::string& host) {
    Room used;
    for (const auto& [name, vm] : vms_) {
      const v1::VmSpec& spec = vm.vm().spec();
      const v1::VmPlacement& placement = vm.vm().status().placement();
      if (placement.host() == host) {
        used.cpu += static_cast<int>(spec.cpu());
        used.memory_mib += static_cast<int>(spec.memory_mib());
        used.macos += placement.image_os() == "darwin" ? 1 : 0;
        ++used.vms;
      }
      for (const v1::RetiringRun& run : placement.retiring()) {
        if (run.host() != host) continue;
        used.cpu += static_cast<int>(run.cpu());
        used.memory_mib += static_cast<int>(run.memory_mib());
        used.macos += run.macos() ? 1 : 0;
        ++used.vms;
      }
    }
    return used;
  }

  // Written down once more from the rules of sched.h, without any index.
  std::optional<Score> ScoreOf(const Wish& wish, const Resource& host) {
    const v1::Metadata& metadata = host.metadata();
    const v1::HostObserved& observed = host.host().status().observed();
    if (!wish.host.empty() && wish.host != metadata.name()) return std::nullopt;
    if (ClosedBecause(host) != kReasons) return std::nullopt;
    if (wish.macos() && observed.os() != "darwin") return std::nullopt;
    if (wish.arch != observed.arch()) return std::nullopt;
    for (const auto& [key, value] : wish.labels) {
      const auto label = metadata.labels().find(key);
      if (label == metadata.labels().end() || label->second != value) return std::nullopt;
    }
    const Room used = UsedOf(metadata.name());
    const int slots = std::min(2, static_cast<int>(host.host().spec().macos_slots()));
    const int taken = std::max(used.macos + static_cast<int>(observed.found_vms_size()),
                               static_cast<int>(observed.macos_running()));
    if (wish.macos() && taken + 1 > slots) return std::nullopt;
    if (used.cpu + static_cast<int>(wish.cpu) > static_cast<int>(observed.cpu()))
      return std::nullopt;
    if (used.memory_mib + static_cast<int>(wish.memory_mib) >
        static_cast<int>(observed.memory_mib())) {
      return std::nullopt;
    }
    int liked = 0;
    for (const auto& [key, value] : wish.preferred) {
      const auto label = metadata.labels().find(key);
      liked += label != metadata.labels().end() && label->second == value ? 1 : 0;
    }
    const auto image = observed.images().find(wish.image_digest);
    const int residency = image == observed.images().end()                ? 0
                          : image->second.state() == v1::HeldImage::READY ? 2
                                                                          : 1;
    return Score{liked, residency, strategy_ == v1::ClusterSpec::PACK ? used.vms : -used.vms};
  }

  std::optional<Score> Best(const Wish& wish) {
    std::optional<Score> best;
    for (const auto& [name, host] : hosts_) {
      const std::optional<Score> score = ScoreOf(wish, host);
      // A pinned VM goes to its host however good that is.
      if (score.has_value() && (!best.has_value() || *score > *best)) best = score;
    }
    return best;
  }

  Random random_;
  const Strategy strategy_;
  Scheduler scheduler_;
  std::map<std::string, Resource> hosts_;
  std::map<std::string, Resource> vms_;
};

TEST(SchedOracleTest, AgreesWithAnExactScanAndWithRecomputation) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed, seed % 2 == 0 ? v1::ClusterSpec::PACK : v1::ClusterSpec::SPREAD);
    for (int step = 0; step < 1500; ++step) {
      world.Step();
      if (testing::Test::HasFatalFailure()) return;
      if (step % 250 == 249) world.CheckAgainstRecomputation();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace espalier::sched
