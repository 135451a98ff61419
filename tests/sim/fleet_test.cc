// The whole engine with its agents on virtual time: users declare, change and delete while agents
// are killed, lines are cut, machines lose power and controllers restart. Checked after every step:
//   I1  no two live runs of one VM        I2  two macOS VMs and no over-commitment on any host
// and once the storm is over and a minute has passed:
//   I3  what was acknowledged is there    I4  everything runs or says why
//   I5  what was deleted is gone          I8  a watch equals a list
//   I10 the scheduler's index equals one made anew
// The hypervisors are the ground truth, not what anybody reports.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/control/control.h"
#include "engine/loop/view.h"
#include "engine/model/access.h"
#include "engine/server/local_resources.h"
#include "engine/server/sessions.h"
#include "engine/store/memory.h"
#include "tests/sim/faulty_resources.h"
#include "tests/sim/machine.h"
#include "tests/sim/seeds.h"
#include "tests/sim/world.h"

namespace espalier::sim {
namespace {

constexpr absl::Duration kStorm = absl::Seconds(150);
constexpr absl::Duration kCalm = absl::Seconds(60);
// A fenced run on a host that was cut at the very end of the storm has to lapse before its VM may
// be placed again, and a stopping guest has its grace: both lie before the liveness bound begins.
constexpr absl::Duration kLapse = absl::Seconds(75);
constexpr absl::Duration kLook = absl::Seconds(5);

// Fails the test on every error line: nobody would look at it here.
class StrictLog final : public Log {
 public:
  void Write(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields) override {
    if (level != LogLevel::kError) return;
    std::string line(message);
    for (const LogField& field : fields) absl::StrAppend(&line, " ", field.name, "=", field.value);
    ADD_FAILURE() << "logged as error: " << line;
  }
  bool Enabled(LogLevel level) const override { return level == LogLevel::kError; }
};

// A lease service that can be replaced while agents hold it, as when the leader changes.
class SwitchedLease final : public Lease {
 public:
  absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) override {
    if (now == nullptr) return absl::UnavailableError("no leader");
    return now->Beat(context, beat);
  }
  Lease* now = nullptr;
};

class Fleet {
 public:
  explicit Fleet(std::uint64_t seed) : world_(seed), store_(MakeMemoryStore("sim")) {
    auto opened = LocalResources::Open(world_, world_.random(), log_, *store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
  }

  std::string Run() {
    StartEngine();
    MakeMachines();
    world_.set_check([this] { CheckAlways(); });
    DeclareImages();
    auto onlooker = world_.Start("onlooker", [this] { RunOnlooker(); });
    auto user = world_.Start("user", [this] { RunUser(); });
    auto chaos = world_.Start("chaos", [this] { RunChaos(); });
    world_.RunFor(kStorm);
    storm_ = false;
    user->Join();
    chaos->Join();
    Heal();
    world_.RunFor(kLapse + kCalm);
    watching_ = false;
    onlooker_wakeup_.Notify();
    onlooker->Join();
    CheckSettled();
    for (auto& machine : machines_) machine->KillAgent();
    StopEngine();
    world_.set_check(nullptr);
    return world_.Trace();
  }

 private:
  static CallContext Admin() {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = "user";
    return context;
  }

  void StartEngine() {
    sessions_ = std::make_unique<SessionRegistry>(world_, [] { return LeaseTerms(); });
    control_ = std::make_unique<control::Control>(control::ControlOptions{
        .clock = world_,
        .threads = world_,
        .random = world_.random(),
        .log = log_,
        .resources = *engine_,
        .sessions = *sessions_,
        .images = [this](const std::string& reference) { return Resolve(reference); }});
    control_->Start();
    lease_.now = sessions_.get();
  }

  void StopEngine() {
    lease_.now = nullptr;
    control_->Stop();
    // No beat may be under way when its registry goes: each beats through `lease_`, which is null
    // now.
    world_.RunFor(absl::Seconds(2));
    control_.reset();
    sessions_.reset();
  }

  absl::StatusOr<control::ResolvedImage> Resolve(const std::string& reference) {
    world_.Sleep(absl::Milliseconds(50));
    control::ResolvedImage image;
    image.os = reference.find("macos") != std::string::npos ? "darwin" : "linux";
    image.arch = "arm64";
    image.digest = absl::StrCat("sha256:", Sha256Hex(reference));
    image.compressed_bytes = std::int64_t{12} << 30;
    image.disk_bytes = std::int64_t{24} << 30;
    return image;
  }

  void MakeMachines() {
    const std::uint64_t count = 2 + world_.random().Below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      agent::SimOptions options;
      options.cpu = 8;
      options.memory_mib = 16384;
      options.crash = 0.05;
      options.refuse_start = 0.05;
      options.slow_stop = 0.1;
      machines_.push_back(std::make_unique<Machine>(world_, log_, *engine_, lease_,
                                                    absl::StrCat("mac-", i + 1), options));
      machines_.back()->StartAgent();
    }
  }

  void Apply(const Resource& resource) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    *request.add_objects()->mutable_resource() = resource;
    const auto result = engine_->Apply(Admin(), request);
    if (!result.ok()) {
      EXPECT_TRUE(absl::IsAborted(result.status())) << result.status();
      return;
    }
    // Redeclaring what is being deleted is refused; everything else here is valid.
    for (const v1::Problem& problem : result->problems()) {
      if (problem.severity() == v1::Problem::ERROR) {
        EXPECT_EQ(problem.code(), "deleting") << problem.message();
        return;
      }
    }
    acknowledged_.insert(RefOf(resource));
    deleted_.erase(RefOf(resource));
    // What a person made with a time to live goes away by itself.
    if (resource.vm().spec().ttl_seconds() > 0) acknowledged_.erase(RefOf(resource));
  }

  void DeclareImages() {
    for (const char* name : {"macos", "linux"}) {
      Resource image;
      image.mutable_metadata()->set_name(name);
      image.mutable_image()->mutable_spec()->set_reference(
          absl::StrCat("registry.example/", name, ":1"));
      Apply(image);
    }
    Resource cache;
    cache.mutable_metadata()->set_name("all");
    cache.mutable_image_cache()->mutable_spec()->add_images("macos");
    cache.mutable_image_cache()->mutable_spec()->set_all_hosts(true);
    Apply(cache);
  }

  Resource SomeVm(const std::string& name) {
    Random& random = world_.random();
    Resource vm;
    vm.mutable_metadata()->set_name(name);
    vm.mutable_metadata()->set_namespace_("default");
    v1::VmSpec& spec = *vm.mutable_vm()->mutable_spec();
    spec.set_image(random.Chance(0.6) ? "macos" : "linux");
    spec.set_cpu(static_cast<std::uint32_t>(1 + random.Below(4)));
    spec.set_memory_mib(static_cast<std::uint32_t>(2048 * (1 + random.Below(3))));
    if (random.Chance(0.15)) spec.set_power(v1::VmSpec::OFF);
    if (random.Chance(0.15)) spec.set_partition(v1::VmSpec::KEEP);
    if (random.Chance(0.1)) spec.set_restart(v1::VmSpec::NEVER);
    if (random.Chance(0.05)) spec.set_ttl_seconds(30);
    return vm;
  }

  void Delete(const Ref& ref) {
    v1::DeleteRequest request;
    *request.mutable_ref() = ToProto(ref);
    request.mutable_owner()->set_manager(Owner::CLI);
    const auto result = engine_->Delete(Admin(), request);
    if (result.ok() && result->applied()) {
      acknowledged_.erase(ref);
      deleted_.insert(ref);
    }
  }

  void RunUser() {
    Random& random = world_.random();
    while (storm_) {
      const std::string name = absl::StrCat("vm-", random.Below(6));
      const Ref ref{Kind::kVm, "default", name};
      switch (random.Below(10)) {
        case 0:
        case 1:
          Delete(ref);
          break;
        case 2: {
          Resource pool;
          pool.mutable_metadata()->set_name("runners");
          pool.mutable_metadata()->set_namespace_("default");
          v1::VmPoolSpec& spec = *pool.mutable_vm_pool()->mutable_spec();
          *spec.mutable_template_() = SomeVm("x").vm().spec();
          spec.mutable_template_()->clear_ttl_seconds();
          spec.set_replicas(static_cast<std::uint32_t>(random.Below(4)));
          Apply(pool);
          break;
        }
        case 3:
          Delete(Ref{Kind::kVmPool, "default", "runners"});
          break;
        case 4:
          Cordon(random.Chance(0.5) ? "cordon" : "drain", random.Chance(0.5));
          break;
        default:
          Apply(SomeVm(name));
      }
      world_.Sleep(random.Jitter(absl::Seconds(3), 0.9));
    }
  }

  void Cordon(const std::string& hold, bool clear) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(Ref{Kind::kHost, "", machines_.front()->name()});
    change.set_hold(hold);
    change.set_why("test");
    change.set_clear(clear);
    (void)engine_->Apply(Admin(), request);
  }

  void RunChaos() {
    Random& random = world_.random();
    while (storm_) {
      Machine& machine = *machines_[random.Below(machines_.size())];
      switch (random.Below(8)) {
        case 0:
          if (machine.alive()) machine.KillAgent();
          world_.Sleep(absl::Seconds(random.Below(60)));
          if (!machine.alive()) machine.StartAgent();
          break;
        case 1: {
          Weather weather;
          weather.cut = true;
          machine.SetWeather(weather);
          world_.Sleep(absl::Seconds(random.Below(70)));
          machine.SetWeather(Weather{});
          break;
        }
        case 2:
          machine.SetWeather(Weather{.delay = 0.3,
                                     .drop = 0.1,
                                     .lose_answer = 0.1,
                                     .duplicate = 0.1,
                                     .break_watch = 0.05});
          world_.Sleep(absl::Seconds(20));
          machine.SetWeather(Weather{});
          break;
        case 3: {
          const std::vector<agent::LiveVm> live = machine.hypervisor().Live();
          if (!live.empty())
            (void)machine.hypervisor().KillVm(live[random.Below(live.size())].name);
          break;
        }
        case 4:
          if (random.Chance(0.5)) Reboot(machine);
          break;
        case 5:
          StopEngine();
          world_.Sleep(absl::Seconds(random.Below(20)));
          StartEngine();
          break;
        default:
          break;
      }
      world_.Sleep(random.Jitter(absl::Seconds(6), 0.9));
    }
  }

  // Follows everything over a bad line, with a view that resumes, and starts anew when it must.
  void RunOnlooker() {
    onlooker_weather_ = Weather{.delay = 0.2, .drop = 0.1, .break_watch = 0.1};
    FaultyResources line(world_, *engine_, onlooker_weather_);
    ObjectView view(world_, world_.random(), line, Admin(), Query(), onlooker_wakeup_);
    std::vector<ObjectChange> changes;
    while (watching_) {
      (void)view.Pull(changes);
      world_.WaitUntil(onlooker_wakeup_, std::min(view.retry_at(), world_.Elapsed() + kLook));
    }
    // The line holds now: two pulls take in all that there is, also after a start anew.
    while (!view.Pull(changes).ok()) world_.Sleep(kLook);
    EXPECT_TRUE(view.Pull(changes).ok());
    // Nobody runs between the pull and the list.
    CheckView(*view.snapshot());
  }

  void CheckView(const Snapshot& seen) {
    const std::vector<Resource> all = ListAll();
    EXPECT_EQ(all.size(), seen.size()) << "I8";
    for (const Resource& object : all) {
      const Resource* known = seen.Find(RefOf(object));
      if (known == nullptr) {
        ADD_FAILURE() << "I8: not seen: " << ToString(RefOf(object));
      } else {
        EXPECT_EQ(known->DebugString(), object.DebugString()) << "I8";
      }
    }
  }

  // Power is cut, and the agent comes up with the machine: what it reports proves what has ended.
  void Reboot(Machine& machine) {
    const bool was_alive = machine.alive();
    if (was_alive) machine.KillAgent();
    (void)machine.hypervisor().Reboot();
    world_.Sleep(absl::Seconds(world_.random().Below(15)));
    if (was_alive) machine.StartAgent();
  }

  void Heal() {
    onlooker_weather_ = Weather{};
    for (auto& machine : machines_) {
      machine->SetWeather(Weather{});
      agent::SimOptions calm;
      calm.cpu = 8;
      calm.memory_mib = 16384;
      machine->hypervisor().SetOptions(calm);
      if (!machine->alive()) machine->StartAgent();
    }
    Cordon("cordon", true);
    Cordon("drain", true);
  }

  void CheckAlways() {
    std::map<std::string, std::string> where;
    for (const auto& machine : machines_) {
      int macos = 0;
      std::uint32_t cpu = 0;
      std::uint32_t memory_mib = 0;
      for (const agent::LiveVm& vm : machine->hypervisor().Live()) {
        macos += vm.macos ? 1 : 0;
        cpu += vm.cpu;
        memory_mib += vm.memory_mib;
        const auto [first, is_first] = where.emplace(vm.id.uid, machine->name());
        if (!is_first) {
          ADD_FAILURE() << "I1: " << vm.name << " lives on " << first->second << " and on "
                        << machine->name() << " at " << world_.Elapsed();
        }
      }
      EXPECT_LE(macos, 2) << "I2 on " << machine->name() << " at " << world_.Elapsed();
      EXPECT_LE(cpu, 8u) << "I2 on " << machine->name();
      EXPECT_LE(memory_mib, 16384u) << "I2 on " << machine->name();
    }
  }

  std::vector<Resource> ListKind(const std::string& kind) {
    Query query;
    query.add_kinds(kind);
    const auto page = engine_->List(Admin(), query);
    EXPECT_TRUE(page.ok());
    return {page->items().begin(), page->items().end()};
  }

  std::vector<Resource> ListAll() {
    const auto page = engine_->List(Admin(), Query());
    EXPECT_TRUE(page.ok() && page->next_page().empty());
    return {page->items().begin(), page->items().end()};
  }

  void CheckSettled() {
    EXPECT_EQ(control_->CheckIndex(ListAll()), absl::OkStatus()) << "I10";
    for (const Ref& ref : acknowledged_) {
      EXPECT_TRUE(engine_->Get(Admin(), ref).ok())
          << "I3: " << ToString(ref) << " was acknowledged";
    }
    for (const Resource& host : ListKind("host")) {
      EXPECT_EQ(host.host().status().liveness().state(), v1::HostLiveness::READY)
          << "liveness: " << host.metadata().name();
    }
    std::set<std::string> wanted;
    for (const Resource& vm : ListKind("vm")) {
      const std::string name = ToString(RefOf(vm));
      const v1::VmPlacement& placement = vm.vm().status().placement();
      EXPECT_FALSE(vm.metadata().has_deleting_since()) << "I5: " << name << " is still there";
      const bool runs = placement.phase() == v1::VmPlacement::RUNNING;
      if (runs) wanted.insert(vm.metadata().uid());
      EXPECT_TRUE(runs || !placement.why().empty())
          << "I4: " << name << " does not run and says nothing";
      EXPECT_NE(placement.phase(), v1::VmPlacement::UNKNOWN) << "I4: " << name;
      EXPECT_NE(placement.phase(), v1::VmPlacement::STOPPING) << "I4: " << name;
      EXPECT_EQ(placement.observed_generation(), vm.metadata().generation()) << "I4: " << name;
    }
    for (const Ref& ref : deleted_) {
      EXPECT_TRUE(absl::IsNotFound(engine_->Get(Admin(), ref).status())) << "I5: " << ToString(ref);
    }
    std::set<std::string> live;
    for (const auto& machine : machines_) {
      for (const agent::LiveVm& vm : machine->hypervisor().Live()) {
        live.insert(vm.id.uid);
        EXPECT_TRUE(wanted.contains(vm.id.uid)) << "I5: " << vm.name << " is an orphan";
      }
    }
    for (const std::string& uid : wanted) {
      EXPECT_TRUE(live.contains(uid)) << "I4: " << uid << " is said to run and does not";
    }
  }

  World world_;
  StrictLog log_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<LocalResources> engine_;
  SwitchedLease lease_;
  std::unique_ptr<SessionRegistry> sessions_;
  std::unique_ptr<control::Control> control_;
  std::vector<std::unique_ptr<Machine>> machines_;
  bool storm_ = true;
  bool watching_ = true;
  Wakeup onlooker_wakeup_;
  Weather onlooker_weather_;
  std::set<Ref> acknowledged_;
  std::set<Ref> deleted_;
};

TEST(FleetSimTest, InvariantsHoldInTheStormAndEverythingSettlesAfterIt) {
  for (const std::uint64_t seed : SeedsToRun(500, {})) {
    Fleet(seed).Run();
    // Not a scoped trace: that is of one thread, and a failure may be any actor's.
    if (HasFailure()) FAIL() << "again with ESPALIER_SEED=" << seed;
  }
}

TEST(FleetSimTest, SameSeedSameTrace) { EXPECT_EQ(Fleet(11).Run(), Fleet(11).Run()); }

}  // namespace
}  // namespace espalier::sim
