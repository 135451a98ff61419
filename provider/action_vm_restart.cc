// espalier_vm_restart: a VM off and on again. It is held off as `espalier vm stop` does, until its
// host has ended the run, and let go. The hold ends by itself, so a run that dies in between leaves
// no VM off.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/actions.h"
#include "provider/call_schema.h"
#include "provider/readiness.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;
using Progress = Verdict::Progress;
using Placement = v1::VmPlacement;

constexpr char kPower[] = "power";
constexpr absl::Duration kPatience = absl::Minutes(10);
// How much longer than the action the hold stands if nobody ends it.
constexpr absl::Duration kHoldSlack = absl::Minutes(1);

Schema MakeSchema() {
  Schema schema;
  schema.type_name = "espalier_vm_restart";
  schema.description =
      "Stops a VM and starts it again on the disk that it has. It returns when the VM runs again.";
  schema.attributes = SortedByName({
      TextAttribute(kName, Use::kRequired, "Name of the VM."),
      TextAttribute(kNamespace, Use::kOptional,
                    "Namespace of the VM; the provider's when left out."),
      ReasonAttribute(Use::kOptional),
      TimeoutAttribute("10m"),
  });
  return schema;
}

void Validate(const Value& config, Diagnostics& diagnostics) {
  CheckName(config, kName, diagnostics);
  CheckName(config, kNamespace, diagnostics);
  CheckDuration(config, kTimeout, diagnostics);
}

std::string Told(const Resource& vm, absl::string_view what) {
  const Placement& placement = vm.vm().status().placement();
  std::string text = absl::StrCat(ToHuman(RefOf(vm)), " ", what);
  if (!placement.host().empty()) absl::StrAppend(&text, " on ", placement.host());
  if (!placement.why().empty()) absl::StrAppend(&text, ": ", placement.why());
  return text;
}

class Restart {
 public:
  explicit Restart(const ActionRun& run)
      : run_(run),
        ref_(RefFor(Kind::kVm, run.config, run.default_namespace)),
        summary_(absl::StrCat("Cannot restart ", ToHuman(ref_))),
        why_(WhyOfAction("restart", run)),
        timeout_(DurationOf(run.config, kTimeout, kPatience)) {}

  Diagnostics Run() {
    if (!Look()) return std::move(diagnostics_);
    v1::HoldChange off;
    off.set_hold(kPower);
    off.set_why(why_);
    off.set_seconds(absl::ToInt64Seconds(timeout_ + kHoldSlack));
    held_at_ = ChangeHold(run_.engine, ref_, off, summary_, diagnostics_);
    if (diagnostics_.HasErrors()) return std::move(diagnostics_);
    const absl::Duration deadline = run_.engine.Elapsed() + timeout_;
    const WaitResult stopped =
        run_.engine.Wait(ref_, timeout_, [this](const Resource* vm) { return JudgeStop(vm); });
    // Whatever came of it, it shall run: who was interrupted does not want it off.
    Diagnostics released;
    v1::HoldChange on;
    on.set_hold(kPower);
    on.set_clear(true);
    ChangeHold(run_.engine, ref_, on,
               absl::StrCat("Cannot let ", ToHuman(ref_), " start again; its hold ends by itself"),
               released);
    AddEnd(stopped, timeout_, summary_, "", diagnostics_);
    for (const Diagnostic& diagnostic : released.list()) {
      diagnostics_.Error(diagnostic.summary, diagnostic.detail);
    }
    if (diagnostics_.HasErrors()) return std::move(diagnostics_);
    const WaitResult started =
        run_.engine.Wait(ref_, std::max(deadline - run_.engine.Elapsed(), absl::Seconds(1)),
                         [this](const Resource* vm) { return JudgeStart(vm); });
    AddEnd(started, timeout_,
           absl::StrCat("Stopped ", ToHuman(ref_), ", but it does not run again"),
           "The engine goes on starting it.", diagnostics_);
    return std::move(diagnostics_);
  }

 private:
  // Whether there is something to restart.
  bool Look() {
    const absl::StatusOr<Resource> vm = run_.engine.Get(ref_);
    if (absl::IsNotFound(vm.status())) {
      diagnostics_.Error(summary_, "There is no such VM.", {AttributeStep(kName)});
      return false;
    }
    if (!vm.ok()) {
      diagnostics_.Failure(summary_, vm.status());
      return false;
    }
    uid_ = vm->metadata().uid();
    attempt_ = vm->vm().status().placement().attempt();
    const auto hold = vm->metadata().holds().find(kPower);
    // Our own is of a run that died.
    const bool ours = hold != vm->metadata().holds().end() && hold->second.why() == why_;
    if (const std::string off = WhyPoweredOff(*vm); !off.empty() && !ours) {
      diagnostics_.Error(summary_, off, {AttributeStep(kName)});
      return false;
    }
    return Tell(Told(*vm, "is being stopped"));
  }

  bool Tell(const std::string& message) {
    if (run_.progress(message)) return true;
    diagnostics_.Error(summary_, "Terraform does not listen any more.");
    return false;
  }

  // What is certain whatever it is waited for; kWaiting if nothing is.
  Verdict Judge(const Resource* vm) {
    if (vm == nullptr || vm->metadata().uid() != uid_) {
      return {Progress::kFailed, "It was deleted by somebody else meanwhile."};
    }
    return {Progress::kWaiting, ""};
  }

  Verdict JudgeStop(const Resource* vm) {
    Verdict verdict = Judge(vm);
    if (verdict.progress != Progress::kWaiting) return verdict;
    // A watch may begin with a picture from before the hold.
    if (vm->metadata().revision() < held_at_) return {Progress::kWaiting, ""};
    const Placement& placement = vm->vm().status().placement();
    if (placement.host().empty() && placement.phase() == Placement::STOPPED) {
      return {Progress::kDone, ""};
    }
    const std::string state = Told(*vm, "is being stopped");
    if (!Tell(state)) return {Progress::kFailed, "Nobody listens."};
    return {Progress::kWaiting, absl::StrCat(state, ".")};
  }

  Verdict JudgeStart(const Resource* vm) {
    Verdict verdict = Judge(vm);
    if (verdict.progress != Progress::kWaiting) return verdict;
    const Placement& placement = vm->vm().status().placement();
    // Until it has another run, all is about the last.
    const bool anew = placement.attempt() > attempt_;
    if (anew && placement.phase() == Placement::RUNNING) {
      Tell(Told(*vm, "runs again"));
      return {Progress::kDone, ""};
    }
    const bool over =
        placement.phase() == Placement::FAILED || placement.phase() == Placement::EXPIRED;
    const std::string state = Told(*vm, over ? "ended" : "starts");
    if (over) return {Progress::kFailed, absl::StrCat(state, ".")};
    if (const std::string off = WhyPoweredOff(*vm); !off.empty() && !absl::StrContains(off, why_)) {
      return {Progress::kFailed, off};
    }
    if (!Tell(state)) return {Progress::kFailed, "Nobody listens."};
    return {Progress::kWaiting, absl::StrCat(state, ".")};
  }

  const ActionRun& run_;
  const Ref ref_;
  const std::string summary_;
  const std::string why_;
  const absl::Duration timeout_;
  std::string uid_;
  std::int64_t attempt_ = 0;
  std::int64_t held_at_ = 0;
  Diagnostics diagnostics_;
};

Diagnostics Invoke(const ActionRun& run) { return Restart(run).Run(); }

}  // namespace

ActionType VmRestartType() {
  return {.schema = MakeSchema(), .validate = &Validate, .invoke = &Invoke};
}

}  // namespace espalier::provider
