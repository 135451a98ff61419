// TestWorld: all controllers on the real engine over a store in memory, on a clock that the test
// moves, with agents that the test plays itself. One thread. Test code.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/control/control.h"
#include "engine/server/local_resources.h"
#include "engine/server/sessions.h"
#include "engine/store/memory.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace espalier::control {

class TestWorld {
 public:
  TestWorld() : TestWorld(nullptr) { StartControlOn(*resources); }

  // Without controllers yet, so that something can be put between them and the engine.
  explicit TestWorld(std::nullptr_t) {
    auto opened = LocalResources::Open(clock, random, *log, *store, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    resources = *std::move(opened);
    sessions = std::make_unique<SessionRegistry>(clock, [] { return LeaseTerms{}; });
    images["registry.example/sonoma:1"] = {.digest = Digest('a'),
                                           .os = "darwin",
                                           .arch = "arm64",
                                           .compressed_bytes = 40'000'000'000,
                                           .disk_bytes = 60'000'000'000};
    images["registry.example/debian:1"] = {
        .digest = Digest('b'), .os = "linux", .arch = "arm64", .compressed_bytes = 1'000'000'000};
  }

  static std::string Digest(char c) { return absl::StrCat("sha256:", std::string(64, c)); }

  // As after a start of the engine: what was in memory only is gone.
  void StartControlOn(Resources& engine) {
    control = nullptr;
    control = std::make_unique<Control>(ControlOptions{
        .clock = clock,
        .threads = *threads,
        .random = random,
        .log = *log,
        .resources = engine,
        .sessions = *sessions,
        .images = [this](const std::string& reference) { return Resolve(reference); }});
  }

  // Everything that can happen without time passing.
  void Settle() {
    // At rest when the one loop has left nothing for the other either.
    std::int64_t revision = -1;
    for (int i = 0; i < 200; ++i) {
      const bool idle = control->Step() > clock.Elapsed();
      const std::int64_t now = resources->Snapshot().revision();
      if (idle && now == revision) return;
      revision = now;
    }
    ADD_FAILURE() << "the controllers do not come to rest";
  }
  // Lets time pass in steps, while the given hosts beat.
  void Pass(absl::Duration time, const std::vector<std::string>& beating) {
    const absl::Duration end = clock.Elapsed() + time;
    while (clock.Elapsed() < end) {
      for (const std::string& host : beating) Beat(host);
      clock.Advance(std::min(absl::Seconds(1), end - clock.Elapsed()));
      Settle();
    }
  }

  void Beat(const std::string& host) {
    v1::Beat beat;
    beat.set_host(host);
    beat.set_boot_id("boot-1");
    EXPECT_TRUE(sessions->Beat(AsAgent(host), beat).ok());
  }

  // A Mac joins: registers and beats.
  void AddHost(const std::string& name, std::uint32_t cpu = 12, const std::string& os = "darwin",
               std::map<std::string, std::string> labels = {}) {
    Resource host;
    host.mutable_metadata()->set_name(name);
    host.mutable_metadata()->mutable_labels()->insert(labels.begin(), labels.end());
    v1::HostObserved& observed = *host.mutable_host()->mutable_status()->mutable_observed();
    observed.set_sequence(++sequence_);
    observed.set_boot_id("boot-1");
    observed.set_os(os);
    observed.set_arch("arm64");
    observed.set_cpu(cpu);
    observed.set_memory_mib(65536);
    StatusWrite write;
    write.set_writer(StatusWrite::OBSERVED);
    write.set_register_(true);
    *write.mutable_resource() = host;
    EXPECT_TRUE(resources->UpdateStatus(AsAgent(name), {write}).front().ok());
    Beat(name);
    Settle();
  }

  // What the agent of the VM's host reports of its current run.
  absl::Status Report(const std::string& vm, v1::VmObserved::Phase phase,
                      const std::string& message = "") {
    const Resource now = Vm(vm);
    return ReportRun(vm, now.metadata().uid(), Placement(vm).attempt(), phase, message);
  }
  absl::Status ReportRun(const std::string& vm, const std::string& uid, std::int64_t attempt,
                         v1::VmObserved::Phase phase, const std::string& message = "") {
    Resource report;
    report.mutable_metadata()->set_name(vm);
    report.mutable_metadata()->set_namespace_("default");
    v1::VmObserved& observed = *report.mutable_vm()->mutable_status()->mutable_observed();
    observed.set_uid(uid);
    observed.set_attempt(attempt);
    observed.set_sequence(++sequence_);
    observed.set_phase(phase);
    observed.set_message(message);
    observed.set_boot_id("boot-1");
    if (phase != v1::VmObserved::PULLING) observed.mutable_started_at()->set_seconds(1);
    StatusWrite write;
    write.set_writer(StatusWrite::OBSERVED);
    *write.mutable_resource() = report;
    const absl::Status status = resources->UpdateStatus(AsAgent("any"), {write}).front().status();
    Settle();
    return status;
  }
  // Everything that is placed runs.
  void RunAll() {
    for (const std::string& name : Names(Kind::kVm)) {
      if (Placement(name).phase() == v1::VmPlacement::STARTING) {
        EXPECT_TRUE(Report(name, v1::VmObserved::RUNNING).ok());
      }
    }
  }
  // What is asked to stop, or retires, ends.
  void EndAsked() {
    for (const std::string& name : Names(Kind::kVm)) {
      const Resource vm = Vm(name);
      const v1::VmPlacement placement = vm.vm().status().placement();
      for (const v1::RetiringRun& run : placement.retiring()) {
        EXPECT_TRUE(ReportRun(name, run.uid(), run.attempt(), v1::VmObserved::STOPPED).ok());
      }
      if (placement.phase() == v1::VmPlacement::STOPPING) {
        EXPECT_TRUE(Report(name, v1::VmObserved::STOPPED).ok());
      }
    }
  }

  static Resource VmNamed(const std::string& name, const std::string& image = "sonoma") {
    Resource vm;
    vm.mutable_metadata()->set_name(name);
    vm.mutable_metadata()->set_namespace_("default");
    vm.mutable_vm()->mutable_spec()->set_image(image);
    return vm;
  }
  static Resource ImageNamed(const std::string& name, const std::string& reference) {
    Resource image;
    image.mutable_metadata()->set_name(name);
    image.mutable_image()->mutable_spec()->set_reference(reference);
    return image;
  }

  ApplyResult Apply(const Resource& object, Owner::Manager manager = Owner::CLI) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(manager);
    if (manager == Owner::GIT) request.mutable_owner()->set_instance("fleet");
    *request.add_objects()->mutable_resource() = object;
    auto result = resources->Apply(AsAdmin(), request);
    EXPECT_TRUE(result.ok()) << result.status();
    for (const Problem& problem : result->problems()) {
      EXPECT_NE(problem.severity(), Problem::ERROR) << problem.message();
    }
    Settle();
    return *std::move(result);
  }
  void AddImages() {
    Apply(ImageNamed("sonoma", "registry.example/sonoma:1"));
    Apply(ImageNamed("debian", "registry.example/debian:1"));
  }
  void Hold(const Ref& ref, const std::string& hold, bool clear = false, std::int64_t seconds = 0) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(ref);
    change.set_hold(hold);
    change.set_why("disk swap");
    change.set_clear(clear);
    change.set_seconds(seconds);
    EXPECT_TRUE(resources->Apply(AsAdmin(), request)->applied());
    Settle();
  }
  absl::StatusOr<ApplyResult> Delete(const Ref& ref, Owner::Manager manager = Owner::CLI) {
    DeleteRequest request;
    *request.mutable_ref() = ToProto(ref);
    request.mutable_owner()->set_manager(manager);
    auto result = resources->Delete(AsAdmin(), request);
    Settle();
    return result;
  }

  static Ref VmRef(const std::string& name) { return {Kind::kVm, "default", name}; }
  static Ref HostRef(const std::string& name) { return {Kind::kHost, "", name}; }
  absl::StatusOr<Resource> Get(const Ref& ref) { return resources->Get(AsAdmin(), ref); }
  Resource Vm(const std::string& name) {
    auto vm = Get(VmRef(name));
    EXPECT_TRUE(vm.ok()) << vm.status();
    return vm.ok() ? *vm : Resource();
  }
  v1::VmPlacement Placement(const std::string& name) { return Vm(name).vm().status().placement(); }
  v1::VmPlacement::Phase Phase(const std::string& name) { return Placement(name).phase(); }
  Resource Host(const std::string& name) { return *Get(HostRef(name)); }
  std::vector<std::string> Names(Kind kind) {
    std::vector<std::string> names;
    Query query;
    query.add_kinds(InfoOf(kind).name);
    const ListPage page = *resources->List(AsAdmin(), query);
    for (const Resource& object : page.items()) names.push_back(object.metadata().name());
    return names;
  }

  static CallContext AsAdmin() {
    return {.caller = {.role = Caller::Role::kAdmin, .subject = "ana"}};
  }
  static CallContext AsAgent(const std::string& host) {
    return {.caller = {.role = Caller::Role::kAgent, .subject = host, .host = host}};
  }

  absl::StatusOr<ResolvedImage> Resolve(const std::string& reference) {
    ++resolutions;
    const auto found = images.find(reference);
    if (found == images.end()) return absl::NotFoundError("the registry has no such tag");
    return found->second;
  }

  FakeClock clock;
  Random random{1};
  std::unique_ptr<Log> log = MakeNullLog();
  std::unique_ptr<Threads> threads = MakeRealThreads();
  std::unique_ptr<Store> store = MakeMemoryStore("test");
  std::unique_ptr<LocalResources> resources;
  std::unique_ptr<SessionRegistry> sessions;
  // What registries answer.
  std::map<std::string, ResolvedImage> images;
  int resolutions = 0;
  std::unique_ptr<Control> control;

 private:
  std::int64_t sequence_ = 0;
};

}  // namespace espalier::control
