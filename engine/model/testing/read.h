// Reading test objects from short JSON texts. Tests only.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/kind.h"
#include "engine/model/problem.h"

namespace espalier {

// An object of the kind named "it" whose spec is the JSON text, without defaults. Fails the program
// if there are problems.
Resource Make(const std::string& title, absl::string_view spec);

// "error: spec.cpu: is 0, ..." for each problem: without file and object.
std::vector<std::string> Lines(const Problems& problems);

}  // namespace espalier
