// DriftChoice: what of a source's drift its branch can declare, and what it cannot and why. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/model/ref.h"
#include "reconciler/patch.h"
#include "reconciler/source_set.h"

namespace espalier {

// An object of the branch that is another than it declares.
struct ChosenObject {
  Ref ref;
  // Where it is declared, from the root of the repository.
  std::string file;
  // Who changed it, how and why; and the fields that shall be declared as they are live.
  v1::DriftRow row;
};

// Something that cannot be declared.
struct LeftOut {
  // "vm ci/build", "vm ci/build spec.cpu".
  std::string what;
  std::string why;
};

struct DriftChoice {
  std::vector<ChosenObject> objects;
  std::vector<LeftOut> left_out;
};

// Of the drift of `set`, what was asked for; nothing asked: all of what the set declares. Things
// that nobody declares are told of only if they are asked for. REQUIRES: the report is about the
// set.
DriftChoice ChooseDrift(const DriftReport& report, const LoadedSet& set,
                        const std::set<Ref>& asked);

// The edits of the branch's files that declare it.
std::vector<PatchRequest::File> EditsFor(const std::vector<ChosenObject>& objects);

}  // namespace espalier
