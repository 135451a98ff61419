// espalier_host_drain: no new VMs on a host, and those that run there moved. The hold stays: the
// host is drained for something that comes now.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/model/vm_room.h"
#include "provider/actions.h"
#include "provider/call_schema.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;
using Progress = Verdict::Progress;

constexpr char kHoldSeconds[] = "hold_seconds";
constexpr char kDrain[] = "drain";
constexpr absl::Duration kPatience = absl::Minutes(30);
constexpr std::int64_t kLongestHold = 365 * 86400;
// Of what is left, so many are named.
constexpr int kNamed = 5;

Schema MakeSchema() {
  Schema schema;
  schema.type_name = "espalier_host_drain";
  schema.description =
      "Drains a host: it gets no new VMs, and those that run there move elsewhere. It returns when "
      "the host is empty. The drain stands until `espalier node uncordon`, or as long as "
      "`hold_seconds` says.";
  schema.attributes = SortedByName({
      TextAttribute(kName, Use::kRequired, "Name of the host."),
      ReasonAttribute(Use::kRequired),
      NumberAttribute(kHoldSeconds, Use::kOptional,
                      "The drain ends by itself after this long. Default: never."),
      TimeoutAttribute("30m"),
  });
  return schema;
}

void Validate(const Value& config, Diagnostics& diagnostics) {
  CheckName(config, kName, diagnostics);
  CheckDuration(config, kTimeout, diagnostics);
  CheckRange(config, kHoldSeconds, 1, kLongestHold, diagnostics);
}

// Whether some run of the VM takes room on the host, or may.
bool IsOn(const Resource& vm, const std::string& host) {
  const v1::VmPlacement& placement = vm.vm().status().placement();
  if (placement.host() == host && TakesRoom(placement)) return true;
  for (const v1::RetiringRun& run : placement.retiring()) {
    if (run.host() == host) return true;
  }
  return false;
}

class Drain {
 public:
  explicit Drain(const ActionRun& run)
      : run_(run),
        ref_(RefFor(Kind::kHost, run.config, Value())),
        summary_(absl::StrCat("Cannot drain ", ToHuman(ref_))) {}

  Diagnostics Run() {
    const absl::Duration timeout = DurationOf(run_.config, kTimeout, kPatience);
    v1::HoldChange hold;
    hold.set_hold(kDrain);
    hold.set_why(WhyOfAction("drain", run_));
    hold.set_seconds(WholeOf(run_.config, kHoldSeconds, 0));
    held_at_ = ChangeHold(run_.engine, ref_, hold, summary_, diagnostics_);
    if (diagnostics_.HasErrors()) return std::move(diagnostics_);
    Query query;
    query.set_host(ref_.name);
    const WaitResult waited = run_.engine.WaitForAll(
        query, timeout, [this](const Objects& objects) { return Judge(objects); });
    AddEnd(waited, timeout, absl::StrCat(ToHuman(ref_), " is not empty yet"),
           absl::StrCat("The drain goes on; `espalier node uncordon ", ref_.name, "` ends it."),
           diagnostics_);
    return std::move(diagnostics_);
  }

 private:
  Verdict Judge(const Objects& objects) {
    const auto host = objects.find(ref_);
    if (host == objects.end()) return {Progress::kFailed, "The host is gone."};
    // A watch may begin with a picture from before the hold.
    if (host->second.metadata().revision() < held_at_) return {Progress::kWaiting, ""};
    if (!host->second.metadata().holds().contains(kDrain)) {
      return {Progress::kFailed, "Somebody ended the drain."};
    }
    int left = 0;
    std::string named;
    for (const auto& [ref, object] : objects) {
      if (!object.has_vm() || !IsOn(object, ref_.name)) continue;
      if (++left > kNamed) continue;
      absl::StrAppend(&named, named.empty() ? "" : ", ", ref.ns, "/", ref.name);
    }
    most_ = std::max(most_, left);
    if (left > kNamed) absl::StrAppend(&named, " and ", left - kNamed, " more");
    std::string state =
        absl::StrCat(ToHuman(ref_), ": ", most_ - left, " of ", most_, " VMs have left");
    if (left > 0) absl::StrAppend(&state, ", still there: ", named);
    if (!run_.progress(left == 0 ? absl::StrCat(ToHuman(ref_), " is empty") : state)) {
      return {Progress::kFailed, "Terraform does not listen any more."};
    }
    return {left == 0 ? Progress::kDone : Progress::kWaiting, absl::StrCat(state, ".")};
  }

  const ActionRun& run_;
  const Ref ref_;
  const std::string summary_;
  std::int64_t held_at_ = 0;
  // The most VMs that were seen there.
  int most_ = 0;
  Diagnostics diagnostics_;
};

Diagnostics Invoke(const ActionRun& run) { return Drain(run).Run(); }

}  // namespace

ActionType HostDrainType() {
  return {.schema = MakeSchema(), .validate = &Validate, .invoke = &Invoke};
}

}  // namespace espalier::provider
