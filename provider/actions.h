// Actions: what a configuration has done once, in between, without owning anything
// (Terraform 1.14). They act through the engine's own words: holds and what they bring about. The
// table of types is in the .cc; to add one, write its file and add its row there.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "provider/diagnostic.h"
#include "provider/engine.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What an action works with.
struct ActionRun {
  const Value& config;
  const Value& default_namespace;
  Engine& engine;
  // Tells the user how far it is, once if it is the same again; false once nobody listens any more,
  // and the action should end.
  absl::FunctionRef<bool(const std::string& message)> progress;
};

struct ActionType {
  Schema schema;
  // The mistakes of a configuration; what is unknown counts as valid.
  void (*validate)(const Value& config, Diagnostics& diagnostics);
  // Does it, and returns when it is done, has failed or was interrupted. REQUIRES: the
  // configuration is valid and wholly known.
  Diagnostics (*invoke)(const ActionRun& run);
};

// In order of their names.
const std::vector<ActionType>& AllActionTypes();
// Null if there is none.
const ActionType* FindActionType(absl::string_view type_name);

// The types.
ActionType HostDrainType();
ActionType ImageCacheRefreshType();
ActionType VmRestartType();

// The attribute in which a configuration may say why.
Attribute ReasonAttribute(Attribute::Use use);
// "drain by terraform ci: new disk": as what the engine's people see it.
std::string WhyOfAction(absl::string_view what, const ActionRun& run);

// Places or (with `clear`) ends a hold. What the engine refuses and calls that fail are errors with
// that summary. The revision from which on the object has it; 0 after an error.
std::int64_t ChangeHold(Engine& engine, const Ref& ref, v1::HoldChange change,
                        absl::string_view summary, Diagnostics& diagnostics);

// The end of a wait that did not come to what was waited for, as an error.
void AddEnd(const WaitResult& waited, absl::Duration timeout, absl::string_view summary,
            absl::string_view consequence, Diagnostics& diagnostics);

}  // namespace espalier::provider
