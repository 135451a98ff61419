// Loop: the one way in which anything converges. Events of a watch become names, names are
// reconciled one at a time on the loop's own thread, and the outcome says what happens next. Retry
// policy lives only here.
//
//   watch --> view --> names --> queue --> Reconcile --> Done | RequeueAfter | Retry | Stalled
//                                  ^                                |             |
//                                  +------ timer, back-off ---------+-------------+
//
// How to write a reconciler:
//   1. Act on the state that `turn.now` shows, never on what the event was: events may be merged,
//   and
//      after a restart there are none.
//   2. Do one step, idempotently; write with the revision that you decided on; tell the loop of
//   each
//      write with turn.Wrote, so that it waits until its view shows the write before it asks again.
//   3. Never wait and never retry inside: return RequeueAfter or Retry.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/loop/queue.h"
#include "engine/loop/view.h"
#include "engine/model/ref.h"

namespace espalier {

// Nothing to do until something changes.
struct Done {};
// Look again after this long, whatever happens.
struct RequeueAfter {
  absl::Duration delay;
};
// It failed for a reason that may pass: again after a back-off.
struct Retry {
  absl::Status status;
};
// It cannot go on until somebody changes something; looked at again when that happens, or by the
// next resync.
struct Stalled {
  absl::Status status;
};
using Outcome = std::variant<Done, RequeueAfter, Retry, Stalled>;

// What a reconciler is given, for the time of one call.
class Turn {
 public:
  Turn(const Snapshot& now_known, const CallContext& call) : now(now_known), context(call) {}

  // The loop's view.
  const Snapshot& now;
  // For calls to Resources: the loop's caller, cancelled when the loop stops.
  const CallContext& context;

  // A write of this turn has this revision. The same name is not reconciled again before the view
  // has reached it (or some seconds have passed in which it did not).
  void Wrote(std::int64_t revision) { wrote_ = std::max(wrote_, revision); }
  std::int64_t wrote() const { return wrote_; }

 private:
  std::int64_t wrote_ = 0;
};

// Called on the loop's thread only.
class Reconciler {
 public:
  // As reconcilers call them; outside of them the short names are others'.
  using Change = ObjectChange;
  using Queue = NameQueue;

  virtual ~Reconciler() = default;

  // Appends the names that shall be looked at because of `change`; also asked for every object at
  // each resync (then before == after). By default the changed object's own name. A name need not
  // be an object: Ref{kNoKind, "", "placement"} is one as well.
  virtual void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names);

  virtual Outcome Reconcile(const Ref& name, Turn& turn) = 0;

  // The loop was woken, by its watch or by somebody who was given its wakeup(). Names to look at
  // may be added to the loop's queue.
  virtual void Woken(Queue& queue) {}
};

struct LoopOptions {
  // Of the thread and in logs: "vm", "image-cache".
  std::string name;
  // What it watches: one query, so that all kinds in it are seen at one revision.
  Query query;
  // As whom it calls.
  Caller caller;
  // How often every name is looked at although nothing happened.
  absl::Duration resync = absl::Minutes(10);
};

class Loop {
 public:
  // All borrowed.
  Loop(Clock& clock, Threads& threads, Random& random, Log& log, Resources& resources,
       Reconciler& reconciler, LoopOptions options);
  // REQUIRES: Stop() was called if Start() was.
  ~Loop();

  // Runs Step() on an own thread until Stop().
  void Start();
  // Ends the intake, cancels the calls of the reconciliation under way, waits for it, and joins.
  // What is still queued is dropped: the next start finds it again. Any thread but the loop's.
  void Stop();

  // Does everything that can be done now, without waiting; Elapsed() of when there is more. The
  // body of the loop's thread; tests drive it themselves. REQUIRES: not started.
  absl::Duration Step();

  // The name shall be looked at. Thread-safe.
  void Add(const Ref& name);
  // The same, not before `due` (Elapsed()). Thread-safe.
  void AddAt(const Ref& name, absl::Duration due);

  // Raise it to make the loop call Woken. Lives as long as the loop.
  Wakeup& wakeup() { return wakeup_; }
  // Thread-safe.
  std::shared_ptr<const Snapshot> snapshot() const { return view_.snapshot(); }

 private:
  void Run();
  void TakeIn();
  void Resync();
  void ReconcileOne(const Ref& name);
  bool MustWait(const Ref& name, const Snapshot& now);
  void Settle(const Ref& name, const Outcome& outcome);

  Clock& clock_;
  Threads& threads_;
  Log& log_;
  Random& random_;
  Reconciler& reconciler_;
  const LoopOptions options_;
  Cancellation cancellation_;
  CallContext context_;

  Wakeup wakeup_;
  NameQueue queue_;
  ObjectView view_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<Thread> thread_;

  // The loop's thread.
  struct Awaited {
    std::int64_t revision = 0;
    absl::Duration since;
  };
  // Own writes that the view has not shown yet.
  absl::flat_hash_map<Ref, Awaited> awaited_;
  // Names in awaited_ that were asked for meanwhile.
  std::vector<Ref> parked_;
  absl::Duration next_resync_ = absl::InfiniteDuration();
  // The view's failure is logged when it begins and when it is over, not at every attempt.
  bool view_failing_ = false;
};

}  // namespace espalier
