// What scripts get from commands that list or count what is no declared object: one document,
// `{"items": [...]}` for a list, the same in JSON and YAML. One thread.
#pragma once

#include "absl/functional/function_ref.h"
#include "engine/cli/invocation.h"
#include "engine/model/writer.h"

namespace espalier::cli {

// Whether -o asks for a document rather than for text.
bool WantsDocument(const Invocation& invocation);

// Prints the document that `write` writes. REQUIRES: WantsDocument(invocation), and that `write`
// writes one value.
void PrintDocument(Invocation& invocation, absl::FunctionRef<void(DocumentWriter&)> write);

// Prints `{"items": [...]}` of the values that `write_items` writes. REQUIRES: as above.
void PrintItems(Invocation& invocation, absl::FunctionRef<void(DocumentWriter&)> write_items);

}  // namespace espalier::cli
