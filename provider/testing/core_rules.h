// What Terraform's core demands of a plan and of the result of an apply, written down once as a
// program, so that tests can ask whether an answer of ours would be refused. Ours alone: nothing of
// it ships. Pure.
//
// Core compares values with refinements left out, except where one was promised in a plan.
#pragma once

#include <string>
#include <vector>

#include "provider/path.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What core proposes as the new state: the configuration, with what is computed taken from `prior`
// where the configuration says nothing. `prior` is null for a create.
Value ProposedNew(const Attributes& attributes, const Value& prior, const Value& config);

// Why core would refuse `planned`, each with its path; empty if it would not. "Provider produced
// invalid plan".
std::vector<std::string> PlanErrors(const Attributes& attributes, const Value& prior,
                                    const Value& config, const Value& planned);

// Why core would refuse `actual` after `planned`: both the plan that is made again during apply
// ("inconsistent final plan") and what an apply gives ("inconsistent result after apply").
std::vector<std::string> ResultErrors(const Value& planned, const Value& actual);

// Whether core replaces the object: one of the paths really changes. A path that exists neither in
// `prior` nor in `planned` is added to `errors`.
bool Replaces(const Value& prior, const Value& planned, const std::vector<Path>& paths,
              std::vector<std::string>& errors);

}  // namespace espalier::provider
