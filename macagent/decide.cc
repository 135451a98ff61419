#include "macagent/decide.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/vm_run.h"
#include "google/protobuf/util/message_differencer.h"

namespace espalier::agent {
namespace {

// The law of the operating system and its licence, whatever the configuration says.
constexpr std::uint32_t kMacosLimitOfApple = 2;
constexpr char kMacos[] = "darwin";

const v1::VmPlacement& PlacementOf(const Resource& vm) { return vm.vm().status().placement(); }
RunId CurrentRun(const Resource& vm) {
  return {.uid = vm.metadata().uid(), .attempt = PlacementOf(vm).attempt()};
}
bool IsAbout(const v1::VmObserved& observed, const RunId& id) {
  return observed.uid() == id.uid && observed.attempt() == id.attempt;
}

v1::VmObserved Report(const RunId& id, v1::VmObserved::Phase phase, absl::string_view message) {
  v1::VmObserved report;
  report.set_uid(id.uid);
  report.set_attempt(id.attempt);
  report.set_phase(phase);
  report.set_message(std::string(message));
  return report;
}

v1::VmObserved::Phase PhaseOf(RunPhase phase) {
  switch (phase) {
    case RunPhase::kStarting:
      return v1::VmObserved::STARTING;
    case RunPhase::kRunning:
      return v1::VmObserved::RUNNING;
    case RunPhase::kStopping:
      return v1::VmObserved::STOPPING;
    case RunPhase::kStopped:
      return v1::VmObserved::STOPPED;
    case RunPhase::kFailed:
      return v1::VmObserved::FAILED;
    case RunPhase::kFenced:
      return v1::VmObserved::FENCED;
  }
  return v1::VmObserved::PHASE_UNSPECIFIED;
}

// The engine has drawn its conclusion from the run's end: nobody goes on with its disk.
bool IsOverForGood(const Resource& vm) {
  if (vm.metadata().has_deleting_since()) return true;
  const v1::VmPlacement& placement = PlacementOf(vm);
  return placement.stop() && (placement.phase() == v1::VmPlacement::STOPPED ||
                              placement.phase() == v1::VmPlacement::FAILED ||
                              placement.phase() == v1::VmPlacement::EXPIRED);
}

bool IsListed(const Picture& picture, const RunId& id) {
  return std::any_of(picture.listing.runs.begin(), picture.listing.runs.end(),
                     [&](const RunState& run) { return run.spec.id == id; });
}

// What is taken and what there is. Derived from what is here each time, never counted up and down.
class Room {
 public:
  explicit Room(const Picture& picture) : capacity_(picture.capacity) {
    slots_ = std::min(kMacosLimitOfApple, capacity_.macos_slots);
    if (picture.host != nullptr && picture.host->host().spec().has_macos_slots()) {
      slots_ = std::min(slots_, picture.host->host().spec().macos_slots());
    }
    for (const RunState& run : picture.listing.runs) {
      if (HasEnded(run.phase)) continue;
      Take(run.spec);
      releasing_ |= run.phase == RunPhase::kStopping;
    }
    for (const auto& [id, spec] : picture.launching) {
      if (!IsListed(picture, id)) Take(spec);
    }
    for (const UnknownVm& vm : picture.listing.vms) macos_ += vm.os == kMacos;
  }

  void Take(const RunSpec& spec) {
    cpu_ += spec.cpu;
    memory_mib_ += spec.memory_mib;
    macos_ += spec.guest_os == kMacos;
  }
  // Something will be given back soon.
  void SetReleasing() { releasing_ = true; }
  bool releasing() const { return releasing_; }

  // Why there is none; empty if it fits.
  std::string Refusal(const RunSpec& spec) const {
    if (spec.guest_os == kMacos && macos_ + 1 > slots_) {
      return absl::StrCat(kMacosLimit, ": ", macos_, " of ", slots_, " macOS slots are taken");
    }
    if (cpu_ + spec.cpu > capacity_.cpu) {
      return absl::StrCat(kNoRoom, ": ", spec.cpu, " cpu wanted, ", Left(capacity_.cpu, cpu_),
                          " of ", capacity_.cpu, " free");
    }
    if (memory_mib_ + spec.memory_mib > capacity_.memory_mib) {
      return absl::StrCat(kNoRoom, ": ", spec.memory_mib, " MiB wanted, ",
                          Left(capacity_.memory_mib, memory_mib_), " of ", capacity_.memory_mib,
                          " free");
    }
    return "";
  }

 private:
  static std::uint32_t Left(std::uint32_t all, std::uint32_t taken) {
    return taken < all ? all - taken : 0;
  }

  const Capacity& capacity_;
  std::uint32_t slots_ = 0;
  std::uint32_t cpu_ = 0;
  std::uint32_t memory_mib_ = 0;
  std::uint32_t macos_ = 0;
  bool releasing_ = false;
};

RunSpec SpecFor(const Picture& picture, const Resource& vm) {
  const v1::VmSpec& wanted = vm.vm().spec();
  const v1::VmPlacement& placement = PlacementOf(vm);
  RunSpec spec;
  spec.id = CurrentRun(vm);
  spec.owner = absl::StrCat(vm.metadata().namespace_(), "/", vm.metadata().name());
  spec.guest_os = placement.image_os();
  spec.image_digest = placement.image_digest();
  spec.image_reference = placement.image_reference();
  spec.cpu = wanted.cpu();
  spec.memory_mib = wanted.memory_mib();
  spec.disk_gib = wanted.disk_gib();
  spec.address = picture.address;
  spec.ports = {{"ssh", {0, 22}}, {"vnc", {0, 5900}}, {"screenshare", {0, 5900}}};
  for (const auto& [name, port] : wanted.ports()) spec.ports[name] = {0, port.guest()};
  spec.metadata = {wanted.guest_metadata().begin(), wanted.guest_metadata().end()};
  spec.fence = !placement.kept();
  spec.lease_until = picture.lease_until;
  return spec;
}

class Decision {
 public:
  explicit Decision(const Picture& picture) : picture_(picture), room_(picture) {
    for (const Resource* vm : picture.vms) {
      if (!vm->metadata().uid().empty()) by_uid_[vm->metadata().uid()] = vm;
      for (const v1::RetiringRun& run : PlacementOf(*vm).retiring()) {
        if (run.host() == picture.host_name) retiring_[{run.uid(), run.attempt()}] = vm;
      }
    }
    for (const RunState& run : picture.listing.runs) {
      if (!HasEnded(run.phase)) continue;
      std::int64_t& latest = disk_of_[run.spec.id.uid];
      latest = std::max(latest, run.spec.id.attempt);
    }
  }

  Actions Make() {
    // Releases before acquires.
    for (const RunState& run : picture_.listing.runs) AboutRun(run);
    for (const auto& [id, vm] : retiring_) AboutRetiring(id, *vm);
    for (const Resource* vm : picture_.vms) AboutPlaced(*vm);
    WantAssigned();
    for (const auto& [reference, need] : images_) actions_.images.push_back({reference, need});
    return std::move(actions_);
  }

 private:
  bool IsHere(const RunId& id) const { return IsListed(picture_, id); }
  bool IsLaunching(const RunId& id) const { return picture_.launching.count(id) > 0; }

  void Stop(const RunState& run) {
    if (HasEnded(run.phase)) return;
    room_.SetReleasing();
    if (run.phase != RunPhase::kStopping) actions_.stop.push_back(run.spec.id);
  }
  // The attempt whose disk the next one goes on with; 0 if it begins with the image.
  std::int64_t DiskFor(const Resource& vm) const {
    if (PlacementOf(vm).disk_host() != picture_.host_name) return 0;
    const auto latest = disk_of_.find(vm.metadata().uid());
    return latest == disk_of_.end() ? 0 : latest->second;
  }
  // Nobody needs to hear of it any more.
  void StopAndForget(const RunState& run) {
    Stop(run);
    if (HasEnded(run.phase)) actions_.forget.push_back(run.spec.id);
  }
  void Tell(const Resource& vm, v1::VmObserved report) {
    const v1::VmObserved& known = vm.vm().status().observed();
    report.set_boot_id(picture_.capacity.boot_id);
    if (IsAbout(known, {report.uid(), report.attempt()}) && SameReport(known, report)) return;
    actions_.reports.push_back({.vm = &vm, .observed = std::move(report)});
  }
  void TellEnd(const Resource& vm, v1::VmObserved report) {
    if (IsEndKnown(vm, {report.uid(), report.attempt()})) return;
    actions_.reports.push_back({.vm = &vm, .observed = std::move(report)});
  }
  static bool IsEndKnown(const Resource& vm, const RunId& id) {
    const auto& ended = vm.vm().status().ended();
    return std::any_of(ended.begin(), ended.end(), [&](const v1::EndedRun& run) {
      return run.uid() == id.uid && run.attempt() == id.attempt;
    });
  }

  // A run that is here.
  void AboutRun(const RunState& run) {
    const RunId& id = run.spec.id;
    if (!HasEnded(run.phase)) Want(run.spec.image_reference, Need::kRun);
    if (const auto retiring = retiring_.find(id); retiring != retiring_.end()) {
      const Resource& vm = *retiring->second;
      if (IsEndKnown(vm, id)) {
        StopAndForget(run);
        return;
      }
      Stop(run);
      if (HasEnded(run.phase)) TellEnd(vm, ObservedOf(run));
      return;
    }
    const auto found = by_uid_.find(id.uid);
    if (found == by_uid_.end()) {
      actions_.orphans.push_back(id);
      return;
    }
    const Resource& vm = *found->second;
    const v1::VmPlacement& placement = PlacementOf(vm);
    if (id.attempt > placement.attempt()) {
      actions_.strange.push_back(id);
      return;
    }
    if (placement.host() != picture_.host_name || id.attempt < placement.attempt()) {
      if (HasEnded(run.phase) && DiskFor(vm) == id.attempt) return;
      StopAndForget(run);
      return;
    }
    if (!ShallRun(vm, picture_.host_name)) Stop(run);
    const v1::VmObserved& known = vm.vm().status().observed();
    if (HasEnded(run.phase) && IsAbout(known, id) && IsTerminal(known.phase())) {
      if (IsOverForGood(vm)) actions_.forget.push_back(id);
      return;
    }
    v1::VmObserved observed = ObservedOf(run);
    if (placement.kept() != run.spec.fence) {
      observed.set_kept_changes(placement.kept_changes());
    } else if (!HasEnded(run.phase)) {
      if (IsAbout(known, id)) observed.set_kept_changes(known.kept_changes());
      actions_.fence.push_back({.id = id, .fence = !placement.kept()});
    }
    Tell(vm, std::move(observed));
  }

  // A run that shall end here, and is not here (any more, or ever).
  void AboutRetiring(const RunId& id, const Resource& vm) {
    if (IsHere(id)) return;
    if (IsLaunching(id)) {
      room_.SetReleasing();
      return;
    }
    TellEnd(vm, Report(id, v1::VmObserved::STOPPED, ""));
  }

  // A Vm placed here whose run is not here.
  void AboutPlaced(const Resource& vm) {
    const RunId id = CurrentRun(vm);
    if (PlacementOf(vm).host() != picture_.host_name || id.attempt <= 0) return;
    if (IsHere(id)) return;
    if (IsLaunching(id)) {
      Want(PlacementOf(vm).image_reference(), Need::kRun);
      return;
    }
    const v1::VmObserved& known = vm.vm().status().observed();
    const bool told = IsAbout(known, id);
    if (told && IsTerminal(known.phase())) return;
    if (const auto failed = picture_.failed.find(id); failed != picture_.failed.end()) {
      Tell(vm, Report(id, v1::VmObserved::FAILED, failed->second));
    } else if (!ShallRun(vm, picture_.host_name)) {
      Tell(vm, Report(id, v1::VmObserved::STOPPED, ""));
    } else if (told && known.phase() != v1::VmObserved::PULLING) {
      Tell(vm, Report(id, v1::VmObserved::FAILED,
                      absl::StrCat(kLost, ": it ran here and is not here any more")));
    } else {
      Begin(vm);
    }
  }

  void Begin(const Resource& vm) {
    RunSpec spec = SpecFor(picture_, vm);
    const v1::VmPlacement& placement = PlacementOf(vm);
    if (!placement.image_arch().empty() && placement.image_arch() != picture_.capacity.arch) {
      Tell(vm, Report(spec.id, v1::VmObserved::FAILED,
                      absl::StrCat(kUnsupportedGuest, ": the image is for ", placement.image_arch(),
                                   ", the host is ", picture_.capacity.arch)));
      return;
    }
    // What goes on with its disk needs no image any more.
    spec.disk_of = DiskFor(vm);
    if (spec.disk_of == 0) Want(placement.image_reference(), Need::kRun);
    const auto image = picture_.images.find(placement.image_digest());
    const bool held = image != picture_.images.end();
    if (spec.disk_of == 0 && (!held || image->second.state != HostImage::State::kReady)) {
      // A pull that failed is tried again by the store; meanwhile its error is what the VM waits
      // for.
      const bool failed = held && image->second.state == HostImage::State::kFailed;
      Tell(vm, Report(spec.id, v1::VmObserved::PULLING,
                      failed ? absl::StrCat(kImageFailed, ": ", image->second.message) : ""));
      return;
    }
    if (const std::string refusal = room_.Refusal(spec); !refusal.empty()) {
      // What is ending gives room soon; without that nothing would change by waiting.
      if (!room_.releasing()) Tell(vm, Report(spec.id, v1::VmObserved::FAILED, refusal));
      return;
    }
    // A machine that would end at once is not started: the next beat brings a lease.
    if (spec.fence && picture_.lease_until <= picture_.now) return;
    room_.Take(spec);
    actions_.start.push_back({.spec = std::move(spec)});
  }

  void Want(const std::string& reference, Need need) {
    if (reference.empty()) return;
    Need& known = images_.try_emplace(reference, need).first->second;
    known = std::max(known, need);
  }
  void WantAssigned() {
    if (picture_.host == nullptr) return;
    for (const auto& [digest, assigned] : picture_.host->host().status().assigned()) {
      Want(assigned.reference(), assigned.pinned() ? Need::kPinned : Need::kCached);
    }
  }

  const Picture& picture_;
  Room room_;
  std::map<std::string, const Resource*> by_uid_;
  std::map<RunId, const Resource*> retiring_;
  // The latest run of each uid that has ended here and is not forgotten.
  std::map<std::string, std::int64_t> disk_of_;
  std::map<std::string, Need> images_;
  Actions actions_;
};

}  // namespace

Actions Decide(const Picture& picture) { return Decision(picture).Make(); }

v1::VmObserved ObservedOf(const RunState& run) {
  v1::VmObserved observed = Report(run.spec.id, PhaseOf(run.phase), run.message);
  observed.set_memory_mib(run.memory_mib);
  observed.mutable_started_at()->set_seconds(absl::ToUnixSeconds(run.started_at));
  if (HasEnded(run.phase)) return observed;
  observed.set_ip(run.spec.address);
  for (const auto& [name, port] : run.spec.ports) (*observed.mutable_ports())[name] = port.host;
  return observed;
}

bool SameReport(const v1::VmObserved& a, const v1::VmObserved& b) {
  v1::VmObserved left = a;
  left.set_sequence(b.sequence());
  return google::protobuf::util::MessageDifferencer::Equals(left, b);
}

bool ShallRun(const Resource& vm, absl::string_view host) {
  const v1::VmPlacement& placement = PlacementOf(vm);
  return placement.host() == host && !placement.stop() && !vm.metadata().has_deleting_since();
}

}  // namespace espalier::agent
