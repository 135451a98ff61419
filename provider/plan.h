// Plan: what a change of configuration makes of an object, decided by the model alone: defaults,
// what replaces, what becomes known only later. Pure: the same input gives the same plan, which
// core demands when it plans again during apply.
#pragma once

#include <vector>

#include "provider/convert.h"
#include "provider/path.h"
#include "provider/private_data.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

struct Change {
  enum class Verb { kNone, kCreate, kUpdate, kReplace, kDelete };
  Verb verb = Verb::kNone;
  Value planned;
  // Attributes whose change replaces the object.
  std::vector<Path> requires_replace;
  // The planned object for the engine; not filled for kNone and kDelete.
  Converted wanted;
};

// `prior` is null for a create, `config` for a delete. `default_namespace`: for objects that name
// none; may be unknown. What is to be taken over is updated although nothing else changes. What the
// model cannot hold is a problem, and so is a configuration of which nothing is known; core has no
// such. REQUIRES: both conform to the schema.
Change PlanChange(const Schema& schema, const Value& prior, const Value& config,
                  const Value& default_namespace, Takeover takeover, Problems& problems);

// Whether more differs than what the engine does not know of.
bool TouchesEngine(const Schema& schema, const Value& prior, const Value& planned);

// The mistakes of a configuration, with their paths. What is unknown counts as valid.
// `write_only_allowed`: core keeps write-only values out of state, which is said of all since 1.11.
void ValidateConfig(const Schema& schema, const Value& config, Problems& problems,
                    bool write_only_allowed = true);

// What was planned, with the unknown parts taken from `actual`: core accepts no other result.
Value Settle(const Value& planned, const Value& actual);

}  // namespace espalier::provider
