// ReferencePage: the page of the reference for one kind, generated from the model. Pure.
#pragma once

#include <string>

#include "engine/model/kind.h"

namespace espalier {

// Markdown: what the kind is, a table of fields for its spec and one for each object in it, its
// status, and the columns of its table.
std::string ReferencePage(const KindInfo& kind);

// The page that lists the kinds and what all of them have.
std::string ReferenceIndex();

}  // namespace espalier
