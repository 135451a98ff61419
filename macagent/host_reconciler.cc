#include "macagent/host_reconciler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "google/protobuf/util/message_differencer.h"

namespace espalier::agent {
namespace {

// However quiet everything is, the host is looked at this often.
constexpr absl::Duration kLookAtLeastEvery = absl::Seconds(30);
// And no more often than this, whatever a driver says.
constexpr absl::Duration kLookAtMostEvery = absl::Milliseconds(10);
constexpr absl::Duration kLookAtPulls = absl::Seconds(1);
// How often the engine is asked for the object of an orphan, and how long it must have said that
// there is none before a machine is ended for that: a restored or restarting engine is not believed
// at once.
constexpr absl::Duration kOrphanEvery = absl::Seconds(10);
constexpr absl::Duration kOrphanGrace = absl::Seconds(30);

Ref VmRef(const std::string& owner) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(owner, absl::MaxSplits('/', 1));
  return {.kind = Kind::kVm, .ns = parts.first, .name = parts.second};
}

void SetTime(google::protobuf::Timestamp* to, absl::Time time) {
  to->set_seconds(absl::ToUnixSeconds(time));
}
absl::Time TimeOf(const google::protobuf::Timestamp& from) {
  return absl::FromUnixSeconds(from.seconds());
}

bool SameHostReport(const v1::HostObserved& a, const v1::HostObserved& b) {
  v1::HostObserved left = a;
  left.set_sequence(b.sequence());
  return google::protobuf::util::MessageDifferencer::Equals(left, b);
}

v1::HeldImage Held(const HostImage& image) {
  v1::HeldImage held;
  held.set_reference(image.reference);
  switch (image.state) {
    case HostImage::State::kCaching:
      held.set_state(v1::HeldImage::CACHING);
      break;
    case HostImage::State::kReady:
      held.set_state(v1::HeldImage::READY);
      break;
    case HostImage::State::kFailed:
      held.set_state(v1::HeldImage::FAILED);
      break;
  }
  held.set_bytes(image.bytes);
  held.set_message(image.message);
  return held;
}

// Errors of a report about a Vm that say: the engine knows better, and the watch will tell us. An
// agent may not write about what is placed elsewhere.
bool IsRefusal(const StatusWrite& write, const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsNotFound(status) ||
         (write.resource().has_vm() && absl::IsPermissionDenied(status));
}

// A failed start in the words that stand in the Vm's status.
std::string WhyNotStarted(const absl::Status& status) {
  absl::string_view word = kStartFailed;
  if (absl::IsResourceExhausted(status)) word = kNoRoom;
  if (absl::IsInvalidArgument(status)) word = kUnsupportedGuest;
  return absl::StrCat(word, ": ", status.message());
}

}  // namespace

HostReconciler::HostReconciler(Clock& clock, Log& log, Resources& resources, Driver& driver,
                               ImageStore& images, Ports& ports, LeaseKeeper& lease,
                               Background background, std::function<void()> wake,
                               HostOptions options)
    : clock_(clock),
      log_(log),
      resources_(resources),
      driver_(driver),
      images_(images),
      ports_(ports),
      lease_(lease),
      background_(std::move(background)),
      wake_(std::move(wake)),
      options_(std::move(options)) {}

Ref HostReconciler::Name() { return {.kind = kNoKind, .ns = "", .name = "host"}; }

void HostReconciler::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  names.push_back(Name());
}

void HostReconciler::Woken(Queue& queue) { queue.Add(Name()); }

Outcome HostReconciler::Reconcile(const Ref& name, Turn& turn) {
  const absl::StatusOr<Picture> picture = Look(turn.now);
  if (!picture.ok()) return Retry{Annotate(picture.status(), "looking at the host")};
  if (picture->host != nullptr) registered_.store(true, std::memory_order_release);
  const Actions actions = Decide(*picture);
  CarryOut(actions, *picture, turn.context);
  if (absl::Status sent = Report(actions, *picture, turn); !sent.ok()) {
    return Retry{Annotate(sent, "reporting")};
  }
  return RequeueAfter{NextLook(*picture)};
}

absl::StatusOr<Picture> HostReconciler::Look(const Snapshot& now) {
  Picture picture;
  picture.host_name = options_.host;
  picture.address = options_.address;
  picture.host = now.Find({.kind = Kind::kHost, .ns = "", .name = options_.host});
  std::set<RunId> asked_for;
  for (const Resource& vm : now.Of(Kind::kVm)) {
    picture.vms.push_back(&vm);
    asked_for.insert({vm.metadata().uid(), vm.vm().status().placement().attempt()});
  }
  {
    // Before the driver is asked: a start that ends meanwhile is then in both rather than in none.
    MutexLock lock(mu_);
    std::erase_if(failed_, [&](const auto& entry) { return asked_for.count(entry.first) == 0; });
    picture.launching = launching_;
    picture.failed = failed_;
  }
  picture.capacity = driver_.GetCapacity();
  ESPALIER_ASSIGN_OR_RETURN(picture.listing, driver_.List());
  for (HostImage& image : images_.List()) {
    std::string digest = image.digest;
    picture.images.emplace(std::move(digest), std::move(image));
  }
  picture.now = clock_.Elapsed();
  picture.lease_until = lease_.lease_until();
  return picture;
}

void HostReconciler::CarryOut(const Actions& actions, const Picture& picture,
                              const CallContext& context) {
  std::set<RunId> with_ports;
  for (const RunState& run : picture.listing.runs) {
    if (HasEnded(run.phase)) continue;
    ports_.Keep(run.spec);
    with_ports.insert(run.spec.id);
  }
  for (const auto& [id, spec] : picture.launching) with_ports.insert(id);
  ports_.ReleaseAllBut(with_ports);

  for (const RunId& id : actions.stop) StopRun(id);
  for (const RunId& id : actions.forget) ForgetRun(id);
  std::erase_if(orphans_, [&](const auto& entry) {
    return std::find(actions.orphans.begin(), actions.orphans.end(), entry.first) ==
           actions.orphans.end();
  });
  for (const RunState& run : picture.listing.runs) {
    if (std::find(actions.orphans.begin(), actions.orphans.end(), run.spec.id) !=
        actions.orphans.end()) {
      LookAfterOrphan(run, context);
    }
  }
  for (const FenceChange& change : actions.fence) {
    const absl::Status status = driver_.SetFence(change.id, change.fence, picture.lease_until);
    if (!status.ok())
      log_.Warn("cannot change a run's policy", {{telemetry::kError, status.ToString()}});
  }
  if (absl::Status status = images_.SetWanted(actions.images); !status.ok()) {
    log_.Warn("image cannot be pulled", {{telemetry::kError, status.ToString()}});
  }
  if (picture.host != nullptr) {
    const v1::HostSpec& spec = picture.host->host().spec();
    images_.SetLimits(std::int64_t{spec.cache_gib()} << 30,
                      std::int64_t{spec.pull_mbps()} * 1'000'000 / 8);
  }
  for (const Launch& launch : actions.start) LaunchRun(launch.spec);
}

void HostReconciler::StopRun(const RunId& id) {
  const absl::Status status = driver_.Stop(id, options_.stop_grace);
  if (status.ok()) {
    log_.Info("stopping run", {{telemetry::kUid, id.uid}, {telemetry::kAttempt, id.attempt}});
  } else {
    log_.Warn("cannot stop run", {{telemetry::kUid, id.uid},
                                  {telemetry::kAttempt, id.attempt},
                                  {telemetry::kError, status.ToString()}});
  }
}

void HostReconciler::ForgetRun(const RunId& id) {
  const absl::Status status = driver_.Forget(id);
  if (!status.ok()) {
    log_.Warn("cannot erase run", {{telemetry::kUid, id.uid},
                                   {telemetry::kAttempt, id.attempt},
                                   {telemetry::kError, status.ToString()}});
  }
}

void HostReconciler::LaunchRun(RunSpec spec) {
  const RunId id = spec.id;
  absl::Status status = ports_.Take(spec);
  if (status.ok()) {
    {
      MutexLock lock(mu_);
      launching_[id] = spec;
    }
    status = background_([this, spec] {
      const absl::Status started = StartRun(spec);
      // What was made ready for it would lie there for good: nobody knows of it.
      if (!started.ok()) (void)driver_.Forget(spec.id);
      {
        MutexLock lock(mu_);
        launching_.erase(spec.id);
        // Without a lease nothing was tried, and the next look decides anew.
        if (!started.ok() && !absl::IsCancelled(started)) {
          failed_[spec.id] = WhyNotStarted(started);
        }
      }
      wake_();
    });
    if (status.ok()) return;
  }
  MutexLock lock(mu_);
  launching_.erase(id);
  failed_[id] = WhyNotStarted(status);
}

absl::Status HostReconciler::StartRun(const RunSpec& wanted) {
  absl::StatusOr<std::string> dir = driver_.Prepare(wanted);
  if (absl::IsAlreadyExists(dir.status())) return absl::OkStatus();
  ESPALIER_RETURN_IF_ERROR(dir.status());
  if (!dir->empty()) {
    ESPALIER_RETURN_IF_ERROR(
        Annotate(images_.CloneForRun(wanted.image_digest, *dir), "cloning the image"));
  }
  RunSpec spec = wanted;
  // Cloning may have taken long.
  spec.lease_until = lease_.lease_until();
  if (spec.fence && spec.lease_until <= clock_.Elapsed()) {
    return absl::CancelledError("the run lease has ended");
  }
  ESPALIER_RETURN_IF_ERROR(driver_.Start(spec));
  // A beat may have been answered since the lease was read; nobody has renewed this run with it.
  (void)driver_.Renew(spec.id, lease_.lease_until());
  log_.Info("started run", {{telemetry::kRef, spec.owner},
                            {telemetry::kUid, spec.id.uid},
                            {telemetry::kAttempt, spec.id.attempt}});
  return absl::OkStatus();
}

void HostReconciler::LookAfterOrphan(const RunState& run, const CallContext& context) {
  Orphan& orphan = orphans_[run.spec.id];
  if (!orphan.unwanted && clock_.Elapsed() >= orphan.next_look) {
    orphan.next_look = clock_.Elapsed() + kOrphanEvery;
    orphan.unwanted = IsUnwanted(run, context, orphan);
  }
  if (!orphan.unwanted) return;
  if (HasEnded(run.phase)) {
    ForgetRun(run.spec.id);
  } else if (run.phase != RunPhase::kStopping) {
    StopRun(run.spec.id);
  }
}

bool HostReconciler::IsUnwanted(const RunState& run, const CallContext& context, Orphan& orphan) {
  const RunId& id = run.spec.id;
  const absl::StatusOr<Resource> vm = resources_.Get(context, VmRef(run.spec.owner));
  if (absl::IsNotFound(vm.status())) {
    orphan.missing_since = std::min(orphan.missing_since, clock_.Elapsed());
    return HasEnded(run.phase) || clock_.Elapsed() - orphan.missing_since >= kOrphanGrace;
  }
  orphan.missing_since = absl::InfiniteDuration();
  if (!vm.ok()) return false;
  const v1::VmPlacement& placement = vm->vm().status().placement();
  for (const v1::RetiringRun& retiring : placement.retiring()) {
    // The watch is about to show it.
    if (retiring.uid() == id.uid && retiring.attempt() == id.attempt) return false;
  }
  if (vm->metadata().uid() != id.uid) return true;
  if (placement.attempt() < id.attempt) return false;
  // As above.
  if (HasEnded(run.phase) && placement.disk_host() == options_.host) return false;
  return placement.attempt() > id.attempt || placement.host() != options_.host;
}

v1::HostObserved HostReconciler::ObservedHost(const Picture& picture, const Actions& actions) {
  v1::HostObserved observed;
  const Capacity& capacity = picture.capacity;
  observed.set_boot_id(capacity.boot_id);
  observed.set_os(capacity.os);
  observed.set_arch(capacity.arch);
  observed.set_cpu(capacity.cpu);
  observed.set_memory_mib(capacity.memory_mib);
  observed.set_driver(capacity.driver);
  observed.set_address(options_.address);
  observed.set_agent_version(options_.agent_version);
  for (const auto& [digest, image] : picture.images) {
    (*observed.mutable_images())[digest] = Held(image);
  }

  const v1::HostObserved* known =
      picture.host == nullptr ? nullptr : &picture.host->host().status().observed();
  std::map<std::string, absl::Time> seen;
  // When a thing was seen first: as we remember, or as an agent before us reported.
  auto since = [&](const std::string& name, const google::protobuf::Timestamp* reported) {
    const auto remembered = seen_.find(name);
    absl::Time at = reported != nullptr ? TimeOf(*reported) : clock_.Now();
    if (remembered != seen_.end()) at = remembered->second;
    return seen[name] = at;
  };
  auto found_vm = [&](const std::string& name, const std::string& os) {
    v1::FoundVm& found = (*observed.mutable_found_vms())[name];
    found.set_os(os);
    const google::protobuf::Timestamp* reported = nullptr;
    if (known != nullptr && known->found_vms().contains(name)) {
      reported = &known->found_vms().at(name).since();
    }
    SetTime(found.mutable_since(), since("vm " + name, reported));
  };
  std::uint32_t macos = 0;
  for (const UnknownVm& vm : picture.listing.vms) {
    macos += vm.os == "darwin";
    found_vm(vm.name, vm.os);
  }
  for (const RunState& run : picture.listing.runs) {
    macos += !HasEnded(run.phase) && run.spec.guest_os == "darwin";
    if (std::find(actions.strange.begin(), actions.strange.end(), run.spec.id) !=
        actions.strange.end()) {
      found_vm(ToString(run.spec.id), run.spec.guest_os);
    }
  }
  observed.set_macos_running(macos);
  auto found_image = [&](const std::string& name, const std::string& reference,
                         std::int64_t bytes) {
    v1::FoundImage& found = (*observed.mutable_found_images())[name];
    found.set_reference(reference);
    found.set_bytes(bytes);
    const google::protobuf::Timestamp* reported = nullptr;
    if (known != nullptr && known->found_images().contains(name)) {
      reported = &known->found_images().at(name).since();
    }
    SetTime(found.mutable_since(), since("image " + name, reported));
  };
  for (const UnknownImage& image : picture.listing.images) {
    found_image(image.name, image.name, image.bytes);
  }
  for (const auto& [digest, image] : picture.images) {
    if (image.found) found_image(digest, image.reference, image.bytes);
  }
  seen_ = std::move(seen);
  return observed;
}

absl::Status HostReconciler::Report(const Actions& actions, const Picture& picture, Turn& turn) {
  std::vector<StatusWrite> writes;
  v1::HostObserved host = ObservedHost(picture, actions);
  const v1::HostObserved* known =
      picture.host == nullptr ? nullptr : &picture.host->host().status().observed();
  if (known == nullptr || !SameHostReport(*known, host)) {
    host.set_sequence(NextSequence(known == nullptr ? 0 : known->sequence()));
    StatusWrite& write = writes.emplace_back();
    write.set_writer(StatusWrite::OBSERVED);
    write.set_register_(true);
    write.mutable_resource()->mutable_metadata()->set_name(options_.host);
    write.mutable_resource()->mutable_metadata()->mutable_labels()->insert(options_.labels.begin(),
                                                                           options_.labels.end());
    *write.mutable_resource()->mutable_host()->mutable_status()->mutable_observed() =
        std::move(host);
  }
  for (const VmReport& report : actions.reports) {
    StatusWrite& write = writes.emplace_back();
    write.set_writer(StatusWrite::OBSERVED);
    v1::Metadata& metadata = *write.mutable_resource()->mutable_metadata();
    metadata.set_name(report.vm->metadata().name());
    metadata.set_namespace_(report.vm->metadata().namespace_());
    v1::VmObserved& observed =
        *write.mutable_resource()->mutable_vm()->mutable_status()->mutable_observed();
    observed = report.observed;
    observed.set_sequence(NextSequence(report.vm->vm().status().observed().sequence()));
  }
  if (writes.empty()) return absl::OkStatus();

  absl::Status first_error;
  const auto results = resources_.UpdateStatus(turn.context, writes);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) {
      turn.Wrote(*results[i]);
    } else if (IsRefusal(writes[i], results[i].status())) {
      log_.Debug("report refused", {{telemetry::kRef, writes[i].resource().metadata().name()},
                                    {telemetry::kError, results[i].status().ToString()}});
    } else if (first_error.ok()) {
      first_error = results[i].status();
    }
  }
  return first_error;
}

// Microseconds of the wall clock, so that an agent that starts anew goes on where it was; moved
// ahead where the clock was turned back.
std::int64_t HostReconciler::NextSequence(std::int64_t known) {
  sequence_ = std::max({sequence_ + 1, known + 1, absl::ToUnixMicros(clock_.Now())});
  return sequence_;
}

absl::Duration HostReconciler::NextLook(const Picture& picture) const {
  absl::Duration due = std::min(picture.listing.look_again, picture.now + kLookAtLeastEvery);
  for (const auto& [digest, image] : picture.images) {
    // The store wakes us when it is done; this is for one that works on virtual time.
    if (image.state == HostImage::State::kCaching) due = std::min(due, picture.now + kLookAtPulls);
  }
  for (const auto& [id, orphan] : orphans_) {
    if (!orphan.unwanted) due = std::min(due, orphan.next_look);
  }
  return std::max(due - clock_.Elapsed(), kLookAtMostEvery);
}

}  // namespace espalier::agent
