// Resources: the one way to read and write declared objects. Local in the daemon, remote everywhere
// else; callers cannot tell which.
//
// Thread-safe. Every call takes a CallContext (caller, timeout, cancellation, operation id,
// min_revision for read-your-writes). Calls may block; never call from the executor that serves it.
// Requests and answers are the messages of schemas/espalier/v1/resources_service.proto, whose
// comments state each field.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"
#include "espalier/v1/plan.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {

using ApplyRequest = v1::ApplyRequest;
using ApplyResult = v1::ApplyResult;
using Declared = v1::Declared;
using DeleteRequest = v1::DeleteRequest;
using DriftReport = v1::DriftReport;
using DriftRequest = v1::DriftRequest;
using Event = v1::Event;
using ListPage = v1::ListPage;
using Owner = v1::Owner;
using Plan = v1::Plan;
using Query = v1::Query;
using StatusWrite = v1::StatusWrite;
using WatchBatch = v1::WatchBatch;

// An object that several hold and nobody changes.
using ResourcePtr = std::shared_ptr<const Resource>;

// A WatchBatch whose objects are shared with those who keep them instead of copied.
struct SharedBatch {
  struct Event {
    v1::Event::Type type = v1::Event::TYPE_UNSPECIFIED;
    ResourcePtr resource;
    std::int64_t revision = 0;
  };
  std::vector<Event> events;
  std::string resume;
  std::int64_t revision = 0;
  bool synced = false;
};

// A running watch. Belongs to one thread; destroying it ends it.
class Watch {
 public:
  virtual ~Watch() = default;

  // What happened since the last call, in order of revision, none missing; all events of one
  // revision come in one batch. Waits for the first event until the clock's Elapsed() reaches
  // `deadline`, then answers an empty batch (whose `resume` may still have moved). OUT_OF_RANGE:
  // the watcher was too slow or the revision is compacted, start again from nothing. Any other
  // error: start again from the last `resume`.
  virtual absl::StatusOr<WatchBatch> Next(absl::Duration deadline) = 0;

  // The same as Next, for those who keep the objects: where engine and watcher are one process they
  // are the engine's own.
  virtual absl::StatusOr<SharedBatch> NextShared(absl::Duration deadline);

  // From now on raises `wakeup` whenever Next would not block, so that one thread can wait for
  // several watches and a timer. `wakeup` must outlive the watch.
  virtual void NotifyOn(Wakeup& wakeup) = 0;
};

class Resources {
 public:
  virtual ~Resources() = default;

  // The object as of now. NOT_FOUND if there is none.
  virtual absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) = 0;

  // One page in order of kind, namespace and name, and the revision that it is consistent with.
  // Further pages show later changes; a watch from the first page's `resume` misses none of them.
  virtual absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) = 0;

  // As List, but shows the objects of the page to `visit`, in order, where they are kept; the
  // answer comes without items. For those who only look: copying an object takes longer than
  // reading it. `visit` must keep no reference and must not call back.
  virtual absl::StatusOr<ListPage> VisitPage(const CallContext& context, const Query& query,
                                             absl::FunctionRef<void(const Resource&)> visit);

  // Makes the set so: plans it at one revision and, unless it is a dry run or has errors, stores
  // it. OK carries {plan, problems, applied}: validation, conflict of owners, digest mismatch and
  // budget are answers, not errors. Up to limits::kAtomicObjects written objects are one atomic
  // commit; more are stored in ordered chunks, each atomic, resumed by repeating the same operation
  // id. Errors: PERMISSION_DENIED, RESOURCE_EXHAUSTED (limits.h), UNAVAILABLE, and ABORTED:
  // somebody wrote in between or `revision` was stale; read again and decide anew.
  virtual absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                            const ApplyRequest& request) = 0;

  // Reports what is; one result per write, in order. Observed parts are guarded by (uid, attempt,
  // sequence): an older one is FAILED_PRECONDITION and changes nothing. Controllers' parts are
  // guarded by the object's revision: a stale one is ABORTED. NOT_FOUND if the object (or that uid)
  // is gone. A write that changes nothing is OK and makes no revision.
  virtual std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) = 0;

  // Asks for deletion: objects that run somewhere stay, with deleting_since, until their controller
  // has seen them let go; others go at once. The plan says what happens; conflicts are problems in
  // the answer. NOT_FOUND; ABORTED if the uid or revision is not the given one.
  virtual absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                             const DeleteRequest& request) = 0;

  // Events after `resume` (a token of ListPage or WatchBatch), in order, none missing. With an
  // empty token all matching objects come first, then what happens. An object that stops matching
  // the query yields GONE. OUT_OF_RANGE (here or from Next): that revision is compacted or of
  // another epoch.
  virtual absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context,
                                                            const Query& query,
                                                            const std::string& resume) = 0;

  // What differs from what `owner` declared in `scope`; with the declared set, also what was
  // deleted by another hand.
  virtual absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                            const DriftRequest& request) = 0;
};

// Whether the object matches all conditions of the query (paging aside). Pure.
bool Matches(const Query& query, const Resource& resource);

// The hosts that a query may name to see the object: a Host's own, where a Vm is placed, where its
// disk is kept, where runs of it are still ending. A name may come twice. Views of `resource`.
absl::InlinedVector<absl::string_view, 4> HostsOf(const Resource& resource);

}  // namespace espalier
