// Operations: what Terraform asks to be done to an object, over the engine. Never lies in state:
// once the engine has an object, its uid is in what is returned, whatever goes wrong later.
// Thread-safe.
#pragma once

#include <string>

#include "engine/base/log.h"
#include "provider/diagnostic.h"
#include "provider/engine.h"
#include "provider/plan.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What goes into state. A null state is "not there".
struct Outcome {
  Value state;
  // What survives beside the state: the uid.
  std::string private_data;
  Diagnostics diagnostics;
};

class Operations {
 public:
  // Borrowed; they outlive the operations.
  Operations(Engine& engine, Log& log);

  // Asks the engine what it would say to the change: conflicts of owners, missing room. Only adds
  // diagnostics. `known_uid`: the incarnation that stands there now and will have gone when the
  // change is made; empty if there is none.
  Diagnostics Preview(const Schema& schema, const Change& change, const Value& prior,
                      const std::string& known_uid);

  Outcome Create(const Schema& schema, const Value& planned);
  Outcome Update(const Schema& schema, const Value& prior, const Value& planned);
  // Deletes and waits until the object is gone; builtin objects are released instead.
  Outcome Delete(const Schema& schema, const Value& prior);
  Outcome Read(const Schema& schema, const Value& state);
  // `id` is "namespace/name", or the name alone.
  Outcome Import(const Schema& schema, absl::string_view id, const Value& default_namespace);
  Outcome ReadData(const Schema& schema, const Value& config, const Value& default_namespace);

 private:
  struct Stored;
  // Refused writes and failed calls as diagnostics; the stored object otherwise.
  absl::StatusOr<Resource> Write(const Schema& schema, const Value& planned, const std::string& uid,
                                 absl::string_view summary, Diagnostics& diagnostics);

  Engine& engine_;
  Log& log_;
};

// Private data is "1 <uid>": a version of its form, and the incarnation that Terraform knows.
std::string PrivateData(absl::string_view uid);
// The uid, or empty for anything else.
std::string UidOfPrivate(absl::string_view private_data);

}  // namespace espalier::provider
