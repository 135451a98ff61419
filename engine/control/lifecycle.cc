#include "engine/control/lifecycle.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/timestamp.h"
#include "engine/model/vm_run.h"

namespace espalier::control {
namespace {

// "2026-03-01T12:00:05Z".
std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

using Placement = v1::VmPlacement;
using Observed = v1::VmObserved;

// A person's word, beside the spec, that it shall not run.
constexpr char kPowerHold[] = "power";
// A run that lasted this long was no failed start: the next wait begins short again.
constexpr absl::Duration kRanWell = absl::Seconds(60);
constexpr absl::Duration kFirstRestart = absl::Seconds(1);
// Short against what people wait for, long against what a broken image costs.
constexpr absl::Duration kLongestRestart = absl::Seconds(30);

bool IsOver(Placement::Phase phase) {
  return phase == Placement::STOPPED || phase == Placement::FAILED || phase == Placement::EXPIRED;
}

bool HasEnded(const Observed* report) { return report != nullptr && IsTerminal(report->phase()); }

// Somebody wanted it to end: the controller, or whoever changed the spec since the last decision
// (power off and on again in one breath).
bool WasAsked(const Resource& vm) {
  const Placement& placement = vm.vm().status().placement();
  return placement.stop() || placement.phase() == Placement::STOPPING ||
         placement.observed_generation() != vm.metadata().generation();
}

Sight SightOfEnded(const Resource& vm, Observed::Phase phase) {
  const v1::VmSpec::Restart restart = vm.vm().spec().restart();
  if (WasAsked(vm) || restart == v1::VmSpec::ALWAYS) return Sight::kEndedAgain;
  if (phase == Observed::STOPPED) return Sight::kEndedWell;
  return restart == v1::VmSpec::NEVER ? Sight::kEndedBadly : Sight::kEndedAgain;
}

// The host was booted anew since this was seen there: nothing of before still runs.
bool WasBootedAnew(const std::string& seen_under, const HostFacts& facts) {
  return !seen_under.empty() && !facts.boot_id.empty() && seen_under != facts.boot_id;
}

std::string WhyEnded(const Resource& vm, const Observed& report) {
  const std::string& host = vm.vm().status().placement().host();
  switch (report.phase()) {
    case Observed::FENCED:
      return absl::StrCat("fenced on ", host, ": the engine was not heard for the run lease");
    case Observed::STOPPED:
      return absl::StrCat("ended on ", host);
    default:
      return absl::StrCat("failed on ", host, ": ",
                          report.message().empty() ? "no reason given" : report.message());
  }
}

std::string WhyUnready(const Resource& vm, const Observed* report) {
  const std::string& host = vm.vm().status().placement().host();
  if (report == nullptr) return absl::StrCat("waits for ", host, " to take it up");
  if (report->phase() == Observed::PULLING) return absl::StrCat(host, " pulls its image");
  return absl::StrCat("starts on ", host);
}

// Carries out one step on a copy of the placement.
class Stepper {
 public:
  Stepper(const Resource& vm, HostLookup host, absl::Time now)
      : vm_(vm),
        spec_(vm.vm().spec()),
        before_(vm.vm().status().placement()),
        report_(ReportOfRun(vm)),
        host_(host),
        now_(now) {}

  LifecycleDecision Run() {
    LifecycleDecision decision;
    Placement& after = decision.placement;
    after = before_;
    after.set_observed_generation(vm_.metadata().generation());
    SettleRetiring(after);
    SettleKept(after);

    const Want want = WantOf(vm_, host_, now_);
    const Sight sight = SightOf(vm_, host_, now_);
    Step step = StepFor(want, sight);
    const bool blocked = std::any_of(after.retiring().begin(), after.retiring().end(),
                                     [&](const auto& run) { return MayLive(vm_, run, host_); });
    if (step.action == Action::kFinalize && blocked) step = {Placement::STOPPING, Action::kKeep};
    // What was asked to stop is stopping, whatever has become of the reason. Its agent may have
    // begun, so power that comes back finds it asked to stop, and then starts it again.
    const bool live =
        sight == Sight::kPreparing || sight == Sight::kRunning || sight == Sight::kStopping;
    if (live && step.action == Action::kKeep) {
      if (before_.stop()) step.to = Placement::STOPPING;
      if (want == Want::kRun && before_.phase() == Placement::STOPPING) {
        step = {Placement::STOPPING, Action::kAskStop};
      }
    }
    decision.finalize = step.action == Action::kFinalize;
    if (decision.finalize) return decision;

    Carry(step.action, want, sight, after);
    SettleDisk(want, sight, after);
    if (step.to != Placement::PHASE_UNSPECIFIED) after.set_phase(step.to);
    SetWhy(want, sight, blocked, after);
    if (sight == Sight::kRunning && !after.has_first_started_at()) {
      SetTime(now_, *after.mutable_first_started_at());
    }
    if (after.phase() != before_.phase()) SetTime(now_, *after.mutable_since());
    decision.pending = after.phase() == Placement::PENDING;
    decision.changed = vm_.vm().status().ended_size() > 0 ||
                       after.SerializeAsString() != before_.SerializeAsString();
    decision.again = Again(sight, after);
    return decision;
  }

 private:
  // Takes away the runs whose end was reported, and those on hosts that are not there any more or
  // were booted anew.
  void SettleRetiring(Placement& after) const {
    google::protobuf::RepeatedPtrField<v1::RetiringRun> left;
    for (const v1::RetiringRun& run : before_.retiring()) {
      const auto& ended = vm_.vm().status().ended();
      const bool reported = std::any_of(ended.begin(), ended.end(), [&](const v1::EndedRun& end) {
        return end.uid() == run.uid() && end.attempt() == run.attempt();
      });
      const HostFacts facts = host_(run.host());
      const bool gone = !facts.known && facts.until_surely_ended <= absl::ZeroDuration();
      if (!reported && !gone && !WasBootedAnew(run.boot_id(), facts)) *left.Add() = run;
    }
    after.mutable_retiring()->Swap(&left);
  }

  // Each change gets a number, so that the agent's word about an earlier one proves nothing.
  void SettleKept(Placement& after) const {
    const bool kept = spec_.partition() == v1::VmSpec::KEEP;
    if (after.host().empty() || kept == before_.kept()) return;
    after.set_kept(kept);
    after.set_kept_changes(before_.kept_changes() + 1);
  }

  // Whether the disk that is kept serves the next run.
  void SettleDisk(Want want, Sight sight, Placement& after) const {
    if (after.disk_host().empty()) return;
    const HostFacts facts = host_(after.disk_host());
    std::string given_up;
    if (sight == Sight::kRunning || want == Want::kGone || IsOverForGood(after) ||
        (spec_.has_host() && spec_.host() != after.disk_host())) {
      after.clear_disk_host();
      return;
    }
    if (facts.known && want == Want::kOff) return;
    if (!facts.known) {
      given_up = "the host is gone";
    } else if (!facts.leave.empty()) {
      given_up = facts.leave;
    } else if (facts.silent && !MayBeKept(vm_) &&
               facts.until_surely_ended <= absl::ZeroDuration()) {
      given_up = "the host is silent";
    } else {
      return;
    }
    Heal(absl::StrCat("the disk that ", after.disk_host(), " kept was given up: ", given_up),
         after);
    after.clear_disk_host();
  }

  static bool IsOverForGood(const Placement& placement) {
    return IsOver(placement.phase()) && placement.stop();
  }

  // Whether the run that has ended leaves a disk that the next one goes on with: it was asked to
  // stop, and not because it is wanted elsewhere.
  bool KeepsDisk(Want want, Sight sight) const {
    if (sight != Sight::kEndedAgain && sight != Sight::kEndedWell && sight != Sight::kEndedBadly) {
      return false;
    }
    // Of what was never started there is none.
    if (!report_->has_started_at()) return false;
    if (want == Want::kOff) return true;
    return want == Want::kRun && WasAsked(vm_) && report_->phase() == Observed::STOPPED;
  }

  void Carry(Action action, Want want, Sight sight, Placement& after) const {
    switch (action) {
      case Action::kKeep:
      case Action::kFinalize:
        return;
      case Action::kAskStop:
        after.set_stop(true);
        return;
      case Action::kLeaveRetiring:
        Retire(after);
        [[fallthrough]];
      case Action::kLeave:
        CountEnd(sight, after);
        if (KeepsDisk(want, sight)) after.set_disk_host(before_.host());
        after.clear_host();
        after.set_stop(false);
        return;
      case Action::kEndRetiring:
        Retire(after);
        [[fallthrough]];
      case Action::kEnd:
        after.set_stop(true);
        return;
    }
  }

  void Retire(Placement& after) const { *after.add_retiring() = RetiringRunOf(vm_); }

  // What an end means for the next attempt, and for those who look for losses.
  void CountEnd(Sight sight, Placement& after) const {
    after.clear_not_before();
    if (sight == Sight::kLostAgain || sight == Sight::kLostForGood) {
      const bool booted =
          WasBootedAnew(report_ == nullptr ? "" : report_->boot_id(), host_(before_.host()));
      Heal(absl::StrCat("host ", before_.host(), booted ? " was booted anew" : " was lost",
                        " with attempt ", before_.attempt()),
           after);
      return;
    }
    if (sight != Sight::kEndedAgain || WasAsked(vm_)) return;
    const bool ran = before_.phase() == Placement::RUNNING || before_.phase() == Placement::UNKNOWN;
    if (report_->phase() == Observed::FENCED) {
      Heal(absl::StrCat("attempt ", before_.attempt(), " was ", WhyEnded(vm_, *report_)), after);
      return;
    }
    if (report_->phase() == Observed::FAILED && ran) {
      Heal(absl::StrCat("attempt ", before_.attempt(), " ", WhyEnded(vm_, *report_)), after);
    }
    const bool ran_well = ran && now_ >= TimeOf(before_.since()) + kRanWell;
    after.set_failures(ran_well ? 1 : before_.failures() + 1);
    SetTime(now_ + RestartBackOff(after.failures()), *after.mutable_not_before());
  }

  void Heal(const std::string& what, Placement& after) const {
    SetTime(now_, *after.mutable_healed_at());
    after.set_healed_what(what);
  }

  void SetWhy(Want want, Sight sight, bool blocked, Placement& after) const {
    const std::string& host = before_.host();
    switch (after.phase()) {
      case Placement::RUNNING:
        after.clear_why();
        return;
      case Placement::STARTING:
        after.set_why(WhyUnready(vm_, report_));
        return;
      case Placement::UNKNOWN:
        after.set_why(absl::StrCat(
            "host ", host, " is silent",
            MayBeKept(vm_) ? "; it is kept there until the host is heard" : "; nobody knows"));
        return;
      case Placement::STOPPING:
        after.set_why(WhyStopping(want, blocked, after));
        return;
      case Placement::STOPPED:
        if (want == Want::kOff)
          after.set_why(absl::StrCat(WhyOff(), after.disk_host().empty() ? "" : "; its disk is on ",
                                     after.disk_host()));
        else if (sight == Sight::kEndedWell)
          after.set_why(WhyEnded(vm_, *report_));
        return;
      case Placement::EXPIRED:
        if (want == Want::kExpire) {
          after.set_why(absl::StrCat("its time to live of ", spec_.ttl_seconds(), " s is over"));
        }
        return;
      case Placement::FAILED:
        if (sight == Sight::kEndedBadly) after.set_why(WhyEnded(vm_, *report_));
        if (sight == Sight::kLostForGood) after.set_why(absl::StrCat("host ", host, " was lost"));
        return;
      case Placement::PENDING:
        SetWhyPending(sight, blocked, after);
        return;
      default:
        return;
    }
  }

  std::string WhyStopping(Want want, bool blocked, const Placement& after) const {
    if (want == Want::kGone) {
      return blocked ? absl::StrCat("is being deleted; an earlier run on ",
                                    after.retiring(0).host(), " has not ended yet")
                     : "is being deleted";
    }
    if (want == Want::kExpire) return "its time to live is over";
    if (want == Want::kMove) return absl::StrCat("leaves ", before_.host(), ": ", WhyMove());
    if (want == Want::kOff) return WhyOff();
    return "stops, to start again";
  }

  std::string WhyOff() const {
    const auto hold = vm_.metadata().holds().find(kPowerHold);
    if (hold == vm_.metadata().holds().end()) return "powered off";
    return absl::StrCat("powered off by ", hold->second.by(), ": ", hold->second.why());
  }

  std::string WhyMove() const {
    if (spec_.has_host() && spec_.host() != before_.host()) {
      return absl::StrCat("is to run on ", spec_.host());
    }
    return host_(before_.host()).leave;
  }

  // What the placement loop says of hosts is kept until it says something else.
  void SetWhyPending(Sight sight, bool blocked, Placement& after) const {
    if (blocked) {
      after.set_why(
          absl::StrCat("its earlier run on ", after.retiring(0).host(), " has not ended yet"));
    } else if (after.has_not_before() && TimeOf(after.not_before()) > now_) {
      // Said when it was left; by now nobody could tell where that was.
      if (sight == Sight::kNowhere && !after.why().empty()) return;
      const std::string what = report_ != nullptr && HasEnded(report_)
                                   ? WhyEnded(vm_, *report_)
                                   : std::string("its last attempt failed");
      after.set_why(absl::StrCat(what, "; next attempt at ", TimeText(TimeOf(after.not_before()))));
    } else if (sight != Sight::kNowhere || after.why().empty()) {
      after.set_why("waits for a host");
    }
  }

  absl::Duration Again(Sight sight, const Placement& after) const {
    absl::Duration again = absl::InfiniteDuration();
    if (after.phase() == Placement::PENDING && after.has_not_before()) {
      const absl::Duration wait = TimeOf(after.not_before()) - now_;
      if (wait > absl::ZeroDuration()) again = std::min(again, wait);
    }
    if (spec_.ttl_seconds() > 0 && after.has_first_started_at() && !IsOver(after.phase())) {
      const absl::Duration left =
          TimeOf(after.first_started_at()) + absl::Seconds(spec_.ttl_seconds()) - now_;
      again = std::min(again, std::max(left, absl::Milliseconds(1)));
    }
    const bool kept = MayBeKept(vm_);
    if (sight == Sight::kSilent) again = std::min(again, UntilSurelyEnded(before_.host(), kept));
    if (after.phase() == Placement::PENDING && !after.disk_host().empty()) {
      again = std::min(again, UntilSurelyEnded(after.disk_host(), kept));
    }
    for (const v1::RetiringRun& run : after.retiring()) {
      if (MayLive(vm_, run, host_)) {
        again = std::min(again, UntilSurelyEnded(run.host(), run.kept()));
      }
    }
    return again;
  }

  // Infinite where time alone changes nothing: on a host that is heard, and for a run that is kept
  // on a host that may come back.
  absl::Duration UntilSurelyEnded(const std::string& name, bool kept) const {
    const HostFacts facts = host_(name);
    if (!facts.silent || (kept && facts.known)) return absl::InfiniteDuration();
    return facts.until_surely_ended;
  }

  const Resource& vm_;
  const v1::VmSpec& spec_;
  const Placement& before_;
  const Observed* report_;
  const HostLookup host_;
  const absl::Time now_;
};

}  // namespace

absl::Duration RestartBackOff(std::uint32_t failures) {
  if (failures == 0) return absl::ZeroDuration();
  return std::min(kLongestRestart,
                  kFirstRestart * static_cast<double>(1u << std::min(failures - 1, 10u)));
}

bool MayLive(const Resource& vm, const v1::RetiringRun& run, HostLookup host) {
  if (run.uid() == vm.metadata().uid()) return false;
  const HostFacts facts = host(run.host());
  if (WasBootedAnew(run.boot_id(), facts)) return false;
  const bool fenced = facts.silent && facts.until_surely_ended <= absl::ZeroDuration();
  return !fenced || (run.kept() && facts.known);
}

Want WantOf(const Resource& vm, HostLookup host, absl::Time now) {
  const v1::VmSpec& spec = vm.vm().spec();
  const Placement& placement = vm.vm().status().placement();
  if (vm.metadata().has_deleting_since()) return Want::kGone;
  if (spec.ttl_seconds() > 0 && placement.has_first_started_at() &&
      now >= TimeOf(placement.first_started_at()) + absl::Seconds(spec.ttl_seconds())) {
    return Want::kExpire;
  }
  const bool may_move =
      !placement.host().empty() && !(IsOver(placement.phase()) && placement.stop());
  if (may_move) {
    if (spec.has_host() && spec.host() != placement.host()) return Want::kMove;
    if (!host(placement.host()).leave.empty()) return Want::kMove;
  }
  const bool off = spec.power() == v1::VmSpec::OFF || vm.metadata().holds().contains(kPowerHold);
  return off ? Want::kOff : Want::kRun;
}

Sight SightOf(const Resource& vm, HostLookup host, absl::Time now) {
  const Placement& placement = vm.vm().status().placement();
  if (placement.host().empty()) return Sight::kNowhere;
  if (IsOver(placement.phase()) && placement.stop()) return Sight::kOver;
  const Observed* report = ReportOfRun(vm);
  const HostFacts facts = host(placement.host());
  if (HasEnded(report)) return SightOfEnded(vm, report->phase());
  const bool booted_anew = HasStarted(report) && WasBootedAnew(report->boot_id(), facts);
  if (facts.silent || booted_anew) {
    const bool lost = facts.until_surely_ended <= absl::ZeroDuration();
    // A host that somebody has deleted will not be heard again: nothing is kept for it.
    if (!booted_anew && (!lost || (MayBeKept(vm) && facts.known))) return Sight::kSilent;
    return vm.vm().spec().restart() == v1::VmSpec::NEVER && !WasAsked(vm) ? Sight::kLostForGood
                                                                          : Sight::kLostAgain;
  }
  if (report == nullptr) return Sight::kPreparing;
  switch (report->phase()) {
    case Observed::RUNNING:
      return Sight::kRunning;
    case Observed::STOPPING:
      return Sight::kStopping;
    default:
      return Sight::kPreparing;
  }
}

LifecycleDecision Decide(const Resource& vm, HostLookup host, absl::Time now) {
  return Stepper(vm, host, now).Run();
}

}  // namespace espalier::control
