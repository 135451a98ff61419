// Engine: calls to the engine as this provider makes them: in the name of its instance, patient
// with an engine that restarts, awake to the stop signal. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "provider/stop.h"

namespace espalier::provider {

// How far an object is on its way to what is waited for.
struct Verdict {
  enum class Progress { kWaiting, kDone, kFailed };
  Progress progress = Progress::kWaiting;
  // In people's words.
  std::string why;
};
// Null: the object is gone.
using Judge = absl::FunctionRef<Verdict(const Resource*)>;
using Objects = std::map<Ref, Resource>;
using JudgeAll = absl::FunctionRef<Verdict(const Objects&)>;

struct WaitResult {
  enum class End { kDone, kFailed, kTimedOut, kStopped };
  End end = End::kDone;
  // The object as it was seen last; none if it is gone, or if many were waited for.
  std::optional<Resource> last;
  // The last verdict's words, or what the engine answered last.
  std::string why;
};

// Whether nobody can know if a write that was answered so was carried out.
bool IsUnsure(const absl::Status& status);

class Engine {
 public:
  // All borrowed, and outlive the engine. `request_timeout`: how long each call may take.
  Engine(Clock& clock, Random& random, StopSignal& stop, Remote& remote, std::string instance,
         absl::Duration request_timeout);

  absl::StatusOr<Resource> Get(const Ref& ref);
  // Shows what matches, in order of kind, namespace and name, one page after the other, until
  // `visit` returns false. CANCELLED when the user stops.
  absl::Status List(Query query, absl::FunctionRef<bool(const Resource&)> visit);
  // Stores one object, or (dry run) says what would be said to it, without the object; with
  // `transfer` also if another manager owns it. One that does not fit into its namespace's quota is
  // tried for some seconds.
  absl::StatusOr<ApplyResult> Apply(Declared declared, bool dry_run, bool transfer);
  absl::StatusOr<ApplyResult> Delete(const Ref& ref, const std::string& uid, bool dry_run);
  // Stores all of the objects, or none if one of them is refused.
  absl::StatusOr<ApplyResult> ApplyAll(std::vector<Declared> declared);
  // What the engine would say to the objects and to giving these up, all at once. Asked once and
  // without patience: whoever needs an answer for each asks for each.
  absl::StatusOr<ApplyResult> PreviewAll(std::vector<Declared> declared,
                                         absl::Span<const Ref> release);
  // Those that are there. The same. REQUIRES: all are of one kind and namespace.
  absl::StatusOr<Objects> GetAll(absl::Span<const Ref> refs);
  // Gives the object up without deleting it.
  absl::StatusOr<ApplyResult> Release(const Ref& ref);
  // Watches the object until `judge` is done with it, `timeout` is over, or the user stops.
  WaitResult Wait(const Ref& ref, absl::Duration timeout, Judge judge);
  // The same for everything that matches, once all of it is known.
  WaitResult WaitForAll(const Query& query, absl::Duration timeout, JudgeAll judge);
  // How far the host is with pulling the image of that digest; none if it pulls none, or if nobody
  // can say: it is a detail of a message, and asked for once.
  std::optional<v1::PullProgress> PullOf(const std::string& host, const std::string& digest);
  // Sets and clears holds.
  absl::StatusOr<ApplyResult> ChangeHold(v1::HoldChange change);
  // Makes a token. Asked again only if the engine surely did not hear of it: nobody would know of
  // the first one.
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const v1::CreateTokenRequest& request);
  absl::Status RevokeToken(const std::string& id);

  // Since some moment; only differences mean something.
  absl::Duration Elapsed() const { return clock_.Elapsed(); }
  absl::Time Now() const { return clock_.Now(); }

  // Whether this instance owns the object; nobody's objects are not owned.
  bool Owns(const Resource& resource) const;
  Owner owner() const;

 private:
  // Of a call that ends when the user stops.
  CallContext Context() const;
  // Makes a write, whose outcome is asked for also when the user stops: one that was broken off is
  // asked for once more, briefly, under its name, and so is one that begins only then, because it
  // tidies up.
  template <typename Answer>
  absl::StatusOr<Answer> Write(absl::FunctionRef<absl::StatusOr<Answer>(const CallContext&)> call);
  ApplyRequest RequestFor(std::vector<Declared> declared) const;
  void AsPreview(ApplyRequest& request) const;
  absl::StatusOr<ApplyResult> Apply(const ApplyRequest& request);
  // What a watch has told.
  struct Seen {
    Objects objects;
    bool synced = false;
    std::string resume;
  };
  // `complete`: so many objects are all that there can be; 0 if that is not known.
  WaitResult Follow(const Query& query, std::size_t complete, absl::Duration timeout,
                    JudgeAll judge);
  absl::Status Start(const Query& query, absl::Duration timeout, Wakeup& wakeup,
                     std::unique_ptr<Watch>& watch);
  // Takes everything that the watch holds ready.
  absl::Status Drain(Watch& watch, Seen& seen);
  // When a call without an answer is made again.
  enum class Repeat {
    // While the engine is away.
    kRead,
    // Also when nobody can know whether it was carried out: it has a name.
    kNamedWrite,
    // Only while the engine surely did not hear of it.
    kWrite,
  };
  // Calls until the answer is not that the engine is away, for a while.
  template <typename Answer>
  absl::StatusOr<Answer> Patiently(Repeat repeat, absl::FunctionRef<absl::StatusOr<Answer>()> call);

  Clock& clock_;
  Random& random_;
  StopSignal& stop_;
  Remote& remote_;
  Resources& resources_;
  const std::string instance_;
  // This process's plan, of which the engine is asked in parts.
  const std::string preview_;
  const absl::Duration request_timeout_;
};

}  // namespace espalier::provider
