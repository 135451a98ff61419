#include "tests/agent/agent_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/store/memory.h"
#include "gtest/gtest.h"

namespace espalier::agent {

const char kTestDigest[] =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const char kTestReference[] =
    "registry.example/macos/sonoma@"
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

namespace {

constexpr char kHost[] = "mac-01";

CallContext As(Caller::Role role) {
  CallContext context;
  context.caller.role = role;
  context.caller.subject = "test";
  return context;
}
Ref VmRef(const std::string& name) { return {.kind = Kind::kVm, .ns = "ci", .name = name}; }

}  // namespace

// The agent's way to the engine, which can be cut.
class AgentWorld::Faulty final : public Resources, public Lease {
 public:
  Faulty(Resources& resources, Lease& lease) : resources_(resources), lease_(lease) {}
  bool cut = false;

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    if (cut) return Cut();
    return resources_.Get(context, ref);
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    if (cut) return Cut();
    return resources_.List(context, query);
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext&, const ApplyRequest&) override {
    return absl::PermissionDeniedError("an agent applies nothing");
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    if (cut) return std::vector<absl::StatusOr<std::int64_t>>(writes.size(), Cut());
    return resources_.UpdateStatus(context, writes);
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext&, const DeleteRequest&) override {
    return absl::PermissionDeniedError("an agent deletes nothing");
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    if (cut) return Cut();
    ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<Watch> watch,
                              resources_.StartWatch(context, query, resume));
    return std::make_unique<CutWatch>(*this, std::move(watch));
  }
  absl::StatusOr<DriftReport> Drift(const CallContext&, const DriftRequest&) override {
    return absl::PermissionDeniedError("an agent asks for no drift");
  }
  absl::StatusOr<v1::BeatAck> Beat(const CallContext& context, const v1::Beat& beat) override {
    if (cut) return Cut();
    return lease_.Beat(context, beat);
  }

 private:
  class CutWatch final : public Watch {
   public:
    CutWatch(Faulty& link, std::unique_ptr<Watch> watch) : link_(link), watch_(std::move(watch)) {}
    absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
      if (link_.cut) return Cut();
      return watch_->Next(deadline);
    }
    void NotifyOn(Wakeup& wakeup) override { watch_->NotifyOn(wakeup); }

   private:
    Faulty& link_;
    std::unique_ptr<Watch> watch_;
  };
  static absl::Status Cut() { return absl::UnavailableError("cut off"); }

  Resources& resources_;
  Lease& lease_;
};

// What a kill -9 takes away.
struct AgentWorld::Process {
  explicit Process(AgentWorld& world)
      : driver(MakeSimDriver(world.machine)),
        threads(MakeRealThreads()),
        lease(world.clock, *threads, *world.log_, *world.link_, *driver, world.images, kHost),
        reconciler(
            world.clock, *world.log_, *world.link_, *driver, world.images, world.ports, lease,
            [](absl::AnyInvocable<void()> work) {
              work();
              return absl::OkStatus();
            },
            [this] { loop.wakeup().Notify(); },
            {.host = kHost, .labels = {{"room", "a"}}, .agent_version = "test"}),
        loop(world.clock, *threads, world.random, *world.log_, *world.link_, reconciler,
             Options()) {
    lease.NotifyOn(loop.wakeup());
  }
  static LoopOptions Options() {
    LoopOptions options;
    options.name = "host";
    options.query.add_kinds("host");
    options.query.add_kinds("vm");
    options.query.set_host(kHost);
    options.caller = {.role = Caller::Role::kAgent, .subject = "host", .host = kHost};
    return options;
  }

  std::unique_ptr<Driver> driver;
  std::unique_ptr<Threads> threads;
  LeaseKeeper lease;
  HostReconciler reconciler;
  Loop loop;
  absl::Duration next_beat = -absl::InfiniteDuration();
  absl::Duration next_step = -absl::InfiniteDuration();
};

AgentWorld::AgentWorld()
    : machine(clock, random, {}),
      images(clock, random, {}),
      log_(MakeNullLog()),
      store_(MakeMemoryStore("e1")) {
  auto opened = LocalResources::Open(clock, random, *log_, *store_, {});
  EXPECT_TRUE(opened.ok()) << opened.status();
  engine_ = *std::move(opened);
  sessions_ = std::make_unique<SessionRegistry>(clock, [] { return LeaseTerms{}; });
  link_ = std::make_unique<Faulty>(*engine_, *sessions_);
  StartAgent();
}

AgentWorld::~AgentWorld() { process_.reset(); }

void AgentWorld::StartAgent() { process_ = std::make_unique<Process>(*this); }
void AgentWorld::KillAgent() { process_.reset(); }
void AgentWorld::CutOff(bool cut) { link_->cut = cut; }

void AgentWorld::Run(absl::Duration duration) {
  const absl::Duration end = clock.Elapsed() + duration;
  while (true) {
    absl::Duration next = end;
    if (process_ != nullptr) {
      if (process_->next_beat <= clock.Elapsed()) process_->next_beat = process_->lease.BeatOnce();
      process_->next_step = process_->loop.Step();
      next = std::min({next, process_->next_beat, process_->next_step});
    }
    if (clock.Elapsed() >= end) return;
    // Something may be due at once; time goes on all the same.
    clock.Advance(std::min(end, std::max(next, clock.Elapsed() + absl::Milliseconds(1))) -
                  clock.Elapsed());
  }
}

bool AgentWorld::Eventually(const std::function<bool()>& condition) {
  const absl::Duration end = clock.Elapsed() + absl::Minutes(5);
  while (clock.Elapsed() < end) {
    Run(absl::Milliseconds(100));
    if (condition()) return true;
  }
  return false;
}

Resource AgentWorld::Declare(const std::string& name,
                             const std::function<void(Resource&)>& change) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  Resource& vm = *request.add_objects()->mutable_resource();
  vm.mutable_metadata()->set_name(name);
  vm.mutable_metadata()->set_namespace_("ci");
  vm.mutable_vm()->mutable_spec()->set_image(kTestReference);
  vm.mutable_vm()->mutable_spec()->set_cpu(2);
  if (change) change(vm);
  const auto result = engine_->Apply(As(Caller::Role::kAdmin), request);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(!result.ok() || result->applied()) << result->ShortDebugString();
  return Get(VmRef(name));
}

void AgentWorld::Place(const std::string& name,
                       const std::function<void(v1::VmPlacement&)>& change) {
  Resource vm = Get(VmRef(name));
  change(*vm.mutable_vm()->mutable_status()->mutable_placement());
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = vm;
  const auto results = engine_->UpdateStatus(As(Caller::Role::kController), {write});
  EXPECT_TRUE(results[0].ok()) << results[0].status();
}

void AgentWorld::PlaceHere(const std::string& name, std::int64_t attempt, const std::string& os) {
  Place(name, [&](v1::VmPlacement& placement) {
    placement.set_phase(v1::VmPlacement::STARTING);
    placement.set_host(kHost);
    placement.set_attempt(attempt);
    placement.set_image_digest(kTestDigest);
    placement.set_image_reference(kTestReference);
    placement.set_image_os(os);
    placement.set_image_arch("arm64");
    placement.set_stop(false);
  });
}

void AgentWorld::Delete(const std::string& name) {
  DeleteRequest request;
  request.mutable_ref()->set_kind("vm");
  request.mutable_ref()->set_namespace_("ci");
  request.mutable_ref()->set_name(name);
  request.mutable_owner()->set_manager(Owner::CLI);
  const auto result = engine_->Delete(As(Caller::Role::kAdmin), request);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(!result.ok() || result->applied()) << result->ShortDebugString();
}

void AgentWorld::Finalize(const std::string& name) {
  StatusWrite write;
  write.set_writer(StatusWrite::FINALIZE);
  *write.mutable_resource() = Get(VmRef(name));
  const auto results = engine_->UpdateStatus(As(Caller::Role::kController), {write});
  EXPECT_TRUE(results[0].ok()) << results[0].status();
}

void AgentWorld::AssignImage(const std::string& reference) {
  Resource host = Get({.kind = Kind::kHost, .ns = "", .name = kHost});
  const std::string digest = reference.substr(reference.find('@') + 1);
  v1::AssignedImage& assigned =
      (*host.mutable_host()->mutable_status()->mutable_assigned())[digest];
  assigned.set_reference(reference);
  assigned.set_pinned(true);
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = host;
  const auto results = engine_->UpdateStatus(As(Caller::Role::kController), {write});
  EXPECT_TRUE(results[0].ok()) << results[0].status();
}

Resource AgentWorld::Get(const Ref& ref) {
  const auto found = engine_->Get(As(Caller::Role::kAdmin), ref);
  return found.ok() ? *found : Resource();
}

v1::VmObserved AgentWorld::Observed(const std::string& name) {
  return Get(VmRef(name)).vm().status().observed();
}

v1::HostObserved AgentWorld::Host() {
  return Get({.kind = Kind::kHost, .ns = "", .name = kHost}).host().status().observed();
}

}  // namespace espalier::agent
