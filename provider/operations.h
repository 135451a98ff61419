// Operations: what Terraform asks to be done to an object, over the engine. Never lies in state:
// once the engine has an object, its uid is in what is returned, whatever goes wrong later.
// Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "engine/base/log.h"
#include "provider/diagnostic.h"
#include "provider/engine.h"
#include "provider/incarnations.h"
#include "provider/plan.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What goes into state. A null state is "not there".
struct Outcome {
  Value state;
  Diagnostics diagnostics;
  PrivateData kept;
};

// The object that a configuration or state is about. REQUIRES: its name is known.
Ref RefFor(const Schema& schema, const Value& object);

// The object of a planned change that the engine can be asked about; none if there is nothing to
// ask, or nothing to ask about yet.
std::optional<Ref> PreviewTarget(const Schema& schema, const Change& change, const Value& prior);

// A change that is planned, and has a target.
struct Intent {
  const Schema& schema;
  const Change& change;
  const Value& prior;
  const Ref& target;
  Takeover takeover = Takeover::kNone;
};

// An object that is to be made.
struct Creation {
  const Schema& schema;
  const Value& planned;
  // The same with its secrets: what the engine gets.
  const Value& wanted;
};
// The summary of what is said about it.
std::string CannotCreate(const Creation& creation);

// An object that the engine has now, and what it said about it.
struct Stored {
  Resource object;
  Diagnostics diagnostics;
};

class Operations {
 public:
  // Borrowed; they outlive the operations.
  Operations(Engine& engine, Incarnations& incarnations, Log& log);

  // Asks the engine what it would say to the change: conflicts of owners, missing room. Only adds
  // diagnostics; what is planned must not depend on them.
  Diagnostics Preview(const Intent& intent);
  // Whether it would say nothing to any of them, asked about all at once. False also if it cannot
  // be asked so: each is to be previewed alone then, so that what is said never depends on who else
  // was asked about.
  bool HasNothingToSay(absl::Span<const Intent> intents);

  Outcome Create(const Creation& creation);
  // Create in two steps, so that several can share the first. Store: the object as the engine has
  // it; none if it was refused, and why. StoreAll: all of them in order, or none;
  // FAILED_PRECONDITION: each is to be stored alone, anything else: nobody can know whether they
  // are there. Then, for each, Created, which waits until it is ready: not at all if IsReady.
  std::optional<Stored> Store(const Creation& creation, Diagnostics& diagnostics);
  absl::StatusOr<std::vector<Stored>> StoreAll(absl::Span<const Creation> creations);
  bool IsReady(const Resource& stored, const Value& planned) const;
  Outcome Created(const Creation& creation, Stored stored);
  // `wanted`: as in Creation. Refused if the object's spec is not the one that was read any more.
  Outcome Update(const Schema& schema, const Value& prior, const Value& planned,
                 const Value& wanted, const PrivateData& kept);
  // Deletes and waits until the object is gone; builtin objects are released instead.
  Outcome Delete(const Schema& schema, const Value& prior, const PrivateData& kept);
  // `kept`: of the state.
  Outcome Read(const Schema& schema, const Value& state, const PrivateData& kept);
  // The same for several: the objects first, all at once, then what has become of each. An error:
  // each is to be read alone. REQUIRES: all refs are of one kind and namespace.
  absl::StatusOr<Objects> Find(absl::Span<const Ref> refs);
  Outcome ReadFrom(const Objects& objects, const Schema& schema, const Value& state,
                   const PrivateData& kept);
  // Changes nothing: core imports while it plans. What another manager owns is refused unless
  // `transfer`.
  Outcome Import(const Schema& schema, const Ref& ref, bool transfer);
  // Shows what matches, in order of namespace and name, until `visit` returns false. REQUIRES: the
  // query is about one kind.
  void List(Query query, absl::FunctionRef<bool(const Resource&)> visit, Diagnostics& diagnostics);
  Outcome ReadData(const Schema& schema, const Value& config, const Value& default_namespace);

 private:
  // As the engine is asked about it while it is planned.
  Declared Wanted(const Intent& intent) const;
  // Stores the wanted object, which is `uid` or, if that is empty, must be new. Refusals and
  // failed calls are diagnostics.
  absl::StatusOr<Resource> Write(const Schema& schema, const Value& wanted, const std::string& uid,
                                 const PrivateData& kept, absl::string_view summary,
                                 Diagnostics& diagnostics);
  // What the object of this incarnation has become; null if it was not found.
  Outcome StateFrom(const Resource* found, const Schema& schema, const Value& state,
                    const PrivateData& kept);
  std::string PullText(const std::optional<Resource>& waited);
  // The object once it is ready, or as it was seen last, with the reason as a diagnostic. `step` is
  // what was done to it: "create" or "update".
  Resource Await(Resource stored, const Value& planned, absl::string_view step,
                 Diagnostics& diagnostics);
  void LogChange(absl::string_view message, const Ref& ref, const std::string& uid);
  // Whether the object is no longer ours to keep in state.
  bool Release(const Ref& ref, absl::string_view summary, Diagnostics& diagnostics);
  bool Destroy(const Ref& ref, const std::string& uid, absl::Duration timeout,
               absl::string_view summary, Diagnostics& diagnostics);

  Engine& engine_;
  Incarnations& incarnations_;
  Log& log_;
};

}  // namespace espalier::provider
