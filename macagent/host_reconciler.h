// HostReconciler: makes this host so as the engine wants it, and says what is here. One name,
// "host", is reconciled as a whole, because room on a host is shared: what shall end is stopped
// before what shall run is started. It lives on its Loop's thread; starting a run (which may copy a
// disk) happens in the background.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/loop/loop.h"
#include "macagent/decide.h"
#include "macagent/driver/driver.h"
#include "macagent/image/store.h"
#include "macagent/lease_keeper.h"
#include "macagent/ports.h"

namespace espalier::agent {

// Runs work on another thread, in order. RESOURCE_EXHAUSTED: too much waits already.
using Background = std::function<absl::Status(absl::AnyInvocable<void()>)>;

struct HostOptions {
  // Name of the Host object.
  std::string host;
  // Given to the Host when it is registered.
  std::map<std::string, std::string> labels;
  // Where guests' ports listen and are reached.
  std::string address = "127.0.0.1";
  std::string agent_version;
  // How long a guest has to shut down.
  absl::Duration stop_grace = absl::Seconds(20);
};

class HostReconciler final : public Reconciler {
 public:
  // All borrowed. `wake` makes the loop look again; called from background threads.
  HostReconciler(Clock& clock, Log& log, Resources& resources, Driver& driver, ImageStore& images,
                 Ports& ports, LeaseKeeper& lease, Background background,
                 std::function<void()> wake, HostOptions options);

  static Ref Name();

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  void Woken(Queue& queue) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

  // Whether the watch has shown the host. Thread-safe.
  bool is_registered() const { return registered_.load(std::memory_order_acquire); }

 private:
  // A run whose object the watch does not show.
  struct Orphan {
    absl::Duration next_look = -absl::InfiniteDuration();
    // When the engine first said that there is no such object; infinitely late if it did not.
    absl::Duration missing_since = absl::InfiniteDuration();
    // It was found that nobody wants it.
    bool unwanted = false;
  };

  absl::StatusOr<Picture> Look(const Snapshot& now);
  void CarryOut(const Actions& actions, const Picture& picture, const CallContext& context);
  void StopRun(const RunId& id);
  void ForgetRun(const RunId& id);
  void LaunchRun(RunSpec spec);
  // In the background.
  absl::Status StartRun(const RunSpec& spec);
  void LookAfterOrphan(const RunState& run, const CallContext& context);
  // Whether the engine's answer says that the run may end.
  bool IsUnwanted(const RunState& run, const CallContext& context, Orphan& orphan);

  v1::HostObserved ObservedHost(const Picture& picture, const Actions& actions);
  // Sends what the engine does not know yet.
  absl::Status Report(const Actions& actions, const Picture& picture, Turn& turn);
  std::int64_t NextSequence(std::int64_t known);
  absl::Duration NextLook(const Picture& picture) const;

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  Driver& driver_;
  ImageStore& images_;
  Ports& ports_;
  LeaseKeeper& lease_;
  const Background background_;
  const std::function<void()> wake_;
  const HostOptions options_;

  // The loop's thread.
  std::map<RunId, Orphan> orphans_;
  // When an unknown machine or image was seen first.
  std::map<std::string, absl::Time> seen_;
  std::int64_t sequence_ = 0;

  std::atomic<bool> registered_ = false;

  Mutex mu_;
  std::map<RunId, RunSpec> launching_ ABSL_GUARDED_BY(mu_);
  std::map<RunId, std::string> failed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::agent
