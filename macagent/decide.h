// Decide: what an agent has to do, worked out of what the engine wants and what is here. Pure: a
// picture in, actions out; it is asked again whenever either may have changed, and remembers
// nothing.
//
// clang-format off
//   the engine's word about a run           the run is here       the run is not here
//   --------------------------------------  --------------------  ------------------------------
//   placed here, shall run                  report what it does   pull, wait for room, start
//   placed here, was reported as alive      report what it does   lost: report Failed
//   placed here; stop or deleting           stop, report          report Stopped
//   placed here, its end is reported        keep its disk         nothing
//   placed here, over for good              forget                nothing
//   its disk is to be kept here             keep the latest       nothing
//   retiring here                           stop, report its end  report Stopped
//   a newer attempt, another host or uid    stop, then forget     nothing
//   its object is not in the watch          ask for it (orphan)   nothing
//   nobody ever told us of it               found, left alone     nothing
// clang-format on
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "espalier/v1/vm.pb.h"
#include "macagent/driver/driver.h"
#include "macagent/image/store.h"

namespace espalier::agent {

// Words with which the message of a failed run begins, for programs.
inline constexpr char kNoRoom[] = "NoRoom";
inline constexpr char kMacosLimit[] = "MacosLimit";
inline constexpr char kUnsupportedGuest[] = "UnsupportedGuest";
inline constexpr char kImageFailed[] = "ImageFailed";
inline constexpr char kStartFailed[] = "StartFailed";
inline constexpr char kLost[] = "Lost";

// What is known at one moment. Everything borrowed.
struct Picture {
  std::string host_name;
  // The address under which ports are reached.
  std::string address;
  // Null until the host is registered.
  const Resource* host = nullptr;
  // Vms placed or retiring here.
  std::vector<const Resource*> vms;
  Capacity capacity;
  Listing listing;
  // By digest.
  std::map<std::string, HostImage> images;
  // Runs whose start is under way and which are not listed yet.
  std::map<RunId, RunSpec> launching;
  // Runs that could not be started, and why.
  std::map<RunId, std::string> failed;
  // Clock::Elapsed(), and until when the engine lets runs go on.
  absl::Duration now;
  absl::Duration lease_until;
};

// To start a run; its ports are not chosen yet (host is 0).
struct Launch {
  RunSpec spec;
};

// A report about a run, to be stored with the object.
struct VmReport {
  const Resource* vm = nullptr;
  v1::VmObserved observed;
};

struct FenceChange {
  RunId id;
  bool fence = true;
};

struct Actions {
  std::vector<RunId> stop;
  std::vector<RunId> forget;
  // Runs here whose partition policy was changed.
  std::vector<FenceChange> fence;
  std::vector<Launch> start;
  std::vector<WantedImage> images;
  // Only what the engine does not know yet.
  std::vector<VmReport> reports;
  // Runs here whose object the watch does not show: ask for it.
  std::vector<RunId> orphans;
  // Runs that are newer than what the engine remembers (a restored backup): left alone and
  // reported.
  std::vector<RunId> strange;
};

Actions Decide(const Picture& picture);

// What the engine shall know of a run that is here.
v1::VmObserved ObservedOf(const RunState& run);
// The same but for the order of reports.
bool SameReport(const v1::VmObserved& a, const v1::VmObserved& b);
// Whether the engine wants this Vm to run on `host`, at its current attempt.
bool ShallRun(const Resource& vm, absl::string_view host);

}  // namespace espalier::agent
