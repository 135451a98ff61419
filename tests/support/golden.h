// Goldens: expected texts that are kept in files below tests/golden/ and rewritten by
// ESPALIER_UPDATE_GOLDEN=1. Tests only.
#pragma once

#include <string>

namespace espalier {

// Whether this run rewrites the goldens; a test that did so ends as skipped.
bool UpdatesGoldens();

// The text kept in tests/golden/`name`; empty if there is none. If this run rewrites the goldens,
// it is made `actual` first. REQUIRES: the working directory is the root of the repository.
std::string Golden(const std::string& name, const std::string& actual);

}  // namespace espalier
