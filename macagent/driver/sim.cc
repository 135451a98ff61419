#include "macagent/driver/sim.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier::agent {
namespace {

constexpr double kJitter = 0.2;

class SimDriver final : public Driver {
 public:
  explicit SimDriver(SimHypervisor& hypervisor) : hypervisor_(hypervisor) {}
  Capacity GetCapacity() const override { return hypervisor_.GetCapacity(); }
  absl::StatusOr<std::string> Prepare(const RunSpec& spec) override { return std::string(); }
  absl::Status Start(const RunSpec& spec) override { return hypervisor_.Start(spec); }
  absl::Status Stop(const RunId& id, absl::Duration grace) override {
    return hypervisor_.Stop(id, grace);
  }
  absl::StatusOr<Listing> List() override { return hypervisor_.List(); }
  absl::Status Renew(const RunId& id, absl::Duration until) override {
    return hypervisor_.Renew(id, until);
  }
  absl::Status SetFence(const RunId& id, bool fence, absl::Duration until) override {
    return hypervisor_.SetFence(id, fence, until);
  }
  absl::Status Forget(const RunId& id) override { return hypervisor_.Forget(id); }

 private:
  SimHypervisor& hypervisor_;
};

bool IsAlive(const SimVm& vm) { return !HasEnded(vm.run.phase); }
bool IsMacos(const SimVm& vm) { return vm.run.spec.guest_os == "darwin"; }

// When the machine's state changes next by itself.
absl::Duration NextChange(const SimVm& vm) {
  if (!IsAlive(vm)) return absl::InfiniteDuration();
  absl::Duration next = std::min(vm.crashes_at, vm.stops_at);
  if (vm.run.phase == RunPhase::kStarting) next = std::min(next, vm.boots_at);
  if (vm.run.spec.fence && !vm.run.spec.id.uid.empty()) {
    next = std::min(next, vm.run.spec.lease_until);
  }
  return next;
}

}  // namespace

std::unique_ptr<Driver> MakeSimDriver(SimHypervisor& hypervisor) {
  return std::make_unique<SimDriver>(hypervisor);
}

SimHypervisor::SimHypervisor(Clock& clock, Random& random, SimOptions options, SimState state,
                             std::function<absl::Status(const SimState&)> save)
    : clock_(clock),
      random_(random),
      save_(std::move(save)),
      options_(std::move(options)),
      state_(std::move(state)) {
  if (state_.boot_id.empty()) state_.boot_id = random_.Uid();
}

Capacity SimHypervisor::GetCapacity() const {
  MutexLock lock(mu_);
  return {.driver = "sim",
          .os = options_.os,
          .arch = options_.arch,
          .cpu = options_.cpu,
          .memory_mib = options_.memory_mib,
          .macos_slots = options_.macos_slots,
          .boot_id = state_.boot_id};
}

void SimHypervisor::End(SimVm& vm, RunPhase phase, absl::string_view message) {
  vm.run.phase = phase;
  vm.run.message = std::string(message);
  if (IsMacos(vm) && random_.Chance(options_.leak_slot)) ++state_.leaked_slots;
}

void SimHypervisor::Settle(absl::Duration now) {
  for (SimVm& vm : state_.vms) {
    // Several changes may be due; the earliest comes first.
    for (absl::Duration due = NextChange(vm); due <= now; due = NextChange(vm)) {
      if (due == vm.stops_at) {
        End(vm, RunPhase::kStopped, "");
      } else if (due == vm.crashes_at) {
        End(vm, RunPhase::kFailed, "the machine crashed");
      } else if (vm.run.phase == RunPhase::kStarting && due == vm.boots_at) {
        vm.run.phase = RunPhase::kRunning;
      } else {
        End(vm, RunPhase::kFenced, "the engine was not heard for the run lease");
      }
    }
  }
  // What ended and was never known to anybody leaves no record.
  std::erase_if(state_.vms,
                [](const SimVm& vm) { return !IsAlive(vm) && vm.run.spec.id.uid.empty(); });
}

absl::Status SimHypervisor::Admit(const RunSpec& spec) {
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
  std::uint32_t macos = state_.leaked_slots;
  for (const SimVm& vm : state_.vms) {
    if (!IsAlive(vm)) continue;
    cpu += vm.run.spec.cpu;
    memory_mib += vm.run.spec.memory_mib;
    macos += IsMacos(vm);
  }
  if (spec.guest_os == "darwin" && macos >= options_.macos_slots) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the number of macOS VMs exceeds the system limit of ", options_.macos_slots));
  }
  if (cpu + spec.cpu > options_.cpu) {
    return absl::ResourceExhaustedError(
        absl::StrCat(spec.cpu, " cpu asked for, ", options_.cpu - cpu, " free"));
  }
  if (memory_mib + spec.memory_mib > options_.memory_mib) {
    return absl::ResourceExhaustedError(absl::StrCat(spec.memory_mib, " MiB asked for, ",
                                                     options_.memory_mib - memory_mib, " free"));
  }
  if (random_.Chance(options_.refuse_start)) return absl::UnavailableError("refused to start");
  return absl::OkStatus();
}

SimVm* SimHypervisor::Find(const RunId& id) {
  for (SimVm& vm : state_.vms) {
    if (vm.run.spec.id == id) return &vm;
  }
  return nullptr;
}

absl::Status SimHypervisor::Save() {
  if (!save_) return absl::OkStatus();
  // One writer at a time, so that an older state never overwrites a newer one; who comes meanwhile
  // leaves its change to the writer.
  {
    MutexLock lock(mu_);
    unsaved_ = true;
    if (saving_) return absl::OkStatus();
    saving_ = true;
  }
  while (true) {
    SimState copy;
    {
      MutexLock lock(mu_);
      if (!unsaved_) {
        saving_ = false;
        return absl::OkStatus();
      }
      unsaved_ = false;
      copy = state_;
    }
    if (absl::Status saved = save_(copy); !saved.ok()) {
      MutexLock lock(mu_);
      saving_ = false;
      return saved;
    }
  }
}

absl::Status SimHypervisor::Start(const RunSpec& spec) {
  {
    const absl::Time wall = clock_.Now();
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    if (Find(spec.id) != nullptr) return absl::OkStatus();
    std::string disk = ToString(spec.id);
    if (spec.disk_of != 0) {
      const SimVm* before = Find({spec.id.uid, spec.disk_of});
      if (before == nullptr) return absl::NotFoundError("the disk is not here");
      if (IsAlive(*before)) return absl::FailedPreconditionError(before->name + " lives");
      disk = before->disk;
    }
    ESPALIER_RETURN_IF_ERROR(Admit(spec));
    SimVm vm;
    vm.disk = std::move(disk);
    vm.run = {.spec = spec,
              .phase = RunPhase::kStarting,
              .message = "",
              .memory_mib = spec.memory_mib,
              .started_at = wall};
    vm.name = ToString(spec.id);
    if (!random_.Chance(options_.stall)) {
      vm.boots_at = now + random_.Jitter(options_.boot_delay, kJitter);
    }
    if (random_.Chance(options_.crash)) {
      vm.crashes_at = now + random_.Jitter(options_.crash_within / 2, 1);
    }
    state_.vms.push_back(std::move(vm));
  }
  return Save();
}

absl::Status SimHypervisor::Stop(const RunId& id, absl::Duration grace) {
  {
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    SimVm* vm = Find(id);
    if (vm == nullptr) return absl::NotFoundError(absl::StrCat("no run ", ToString(id)));
    if (HasEnded(vm->run.phase) || vm->run.phase == RunPhase::kStopping) return absl::OkStatus();
    const bool deaf = vm->run.phase == RunPhase::kStarting || random_.Chance(options_.slow_stop);
    const absl::Duration needed = random_.Jitter(options_.stop_delay, kJitter);
    vm->run.phase = RunPhase::kStopping;
    vm->stops_at = now + (deaf ? grace : std::min(grace, needed));
  }
  return Save();
}

absl::StatusOr<Listing> SimHypervisor::List() {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  Listing listing;
  for (const SimVm& vm : state_.vms) {
    listing.look_again = std::min(listing.look_again, NextChange(vm));
    if (vm.run.spec.id.uid.empty()) {
      listing.vms.push_back({.name = vm.name, .os = vm.run.spec.guest_os});
    } else {
      listing.runs.push_back(vm.run);
    }
  }
  listing.images = state_.images;
  return listing;
}

absl::Status SimHypervisor::Renew(const RunId& id, absl::Duration until) {
  return RenewRun(id, std::nullopt, until);
}

absl::Status SimHypervisor::SetFence(const RunId& id, bool fence, absl::Duration until) {
  return RenewRun(id, fence, until);
}

absl::Status SimHypervisor::RenewRun(const RunId& id, std::optional<bool> fence,
                                     absl::Duration until) {
  {
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    SimVm* vm = Find(id);
    if (vm == nullptr) return absl::NotFoundError(absl::StrCat("no run ", ToString(id)));
    if (!IsAlive(*vm)) return absl::FailedPreconditionError(absl::StrCat(vm->name, " has ended"));
    if (fence.has_value()) vm->run.spec.fence = *fence;
    vm->run.spec.lease_until = std::max(vm->run.spec.lease_until, until);
  }
  return Save();
}

absl::Status SimHypervisor::Forget(const RunId& id) {
  {
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    const SimVm* vm = Find(id);
    if (vm == nullptr) return absl::OkStatus();
    if (IsAlive(*vm)) return absl::FailedPreconditionError(absl::StrCat(vm->name, " lives"));
    std::erase_if(state_.vms, [&](const SimVm& other) { return other.run.spec.id == id; });
  }
  return Save();
}

std::string SimHypervisor::DiskOf(const RunId& id) {
  MutexLock lock(mu_);
  const SimVm* vm = Find(id);
  return vm == nullptr ? "" : vm->disk;
}

absl::Status SimHypervisor::KillVm(absl::string_view name) {
  bool found = false;
  {
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    for (SimVm& vm : state_.vms) {
      if (!IsAlive(vm) ||
          (vm.name != name && vm.run.spec.owner != name && vm.run.spec.id.uid != name)) {
        continue;
      }
      End(vm, RunPhase::kFailed, "the machine was killed");
      found = true;
    }
  }
  if (!found) return absl::NotFoundError(absl::StrCat("no VM \"", name, "\" runs here"));
  return Save();
}

absl::Status SimHypervisor::AddVm(absl::string_view name, absl::string_view os) {
  {
    const absl::Time wall = clock_.Now();
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    SimVm vm;
    vm.name = std::string(name);
    vm.run.spec.guest_os = std::string(os);
    ESPALIER_RETURN_IF_ERROR(Admit(vm.run.spec));
    vm.run.phase = RunPhase::kRunning;
    vm.run.started_at = wall;
    state_.vms.push_back(std::move(vm));
  }
  return Save();
}

absl::Status SimHypervisor::AddImage(absl::string_view name, std::int64_t bytes) {
  {
    MutexLock lock(mu_);
    std::erase_if(state_.images, [&](const UnknownImage& image) { return image.name == name; });
    state_.images.push_back({.name = std::string(name), .bytes = bytes});
  }
  return Save();
}

absl::Status SimHypervisor::RemoveImage(absl::string_view name) {
  {
    MutexLock lock(mu_);
    if (std::erase_if(state_.images,
                      [&](const UnknownImage& image) { return image.name == name; }) == 0) {
      return absl::NotFoundError(absl::StrCat("no image \"", name, "\" lies here"));
    }
  }
  return Save();
}

absl::Status SimHypervisor::Reboot() {
  {
    const absl::Duration now = clock_.Elapsed();
    MutexLock lock(mu_);
    Settle(now);
    for (SimVm& vm : state_.vms) {
      if (IsAlive(vm)) End(vm, RunPhase::kFailed, "the host was booted anew");
    }
    Settle(now);
    state_.leaked_slots = 0;
    state_.boot_id = random_.Uid();
  }
  return Save();
}

void SimHypervisor::SetOptions(const SimOptions& options) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  options_ = options;
}

std::vector<LiveVm> SimHypervisor::Live() {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Settle(now);
  std::vector<LiveVm> live;
  for (const SimVm& vm : state_.vms) {
    if (!IsAlive(vm)) continue;
    live.push_back({.id = vm.run.spec.id,
                    .name = vm.name,
                    .phase = vm.run.phase,
                    .macos = IsMacos(vm),
                    .cpu = vm.run.spec.cpu,
                    .memory_mib = vm.run.spec.memory_mib});
  }
  std::sort(live.begin(), live.end(),
            [](const LiveVm& a, const LiveVm& b) { return a.name < b.name; });
  return live;
}

}  // namespace espalier::agent
