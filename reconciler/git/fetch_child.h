// The fetch as a child process: `espalier-reconciler fetch-child` reads a request from its standard
// input and writes an answer to its standard output. Secrets travel in that pipe, never in
// arguments or the environment, and the child forgets its environment before anything else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/io.h"
#include "reconciler/git/fetch.h"

namespace espalier {

// Fetches as FetchIntoMirror does. Thread-safe; blocks.
using Fetch = std::function<absl::StatusOr<FetchAnswer>(const FetchRequest&)>;

struct FetchChildOptions {
  // Program and first arguments: {"/proc/self/exe", "fetch-child"}.
  std::vector<std::string> command;
  // The child is killed after this long: DEADLINE_EXCEEDED.
  absl::Duration deadline = absl::Seconds(60);
  // 0 is none: sanitizers need an address space without end.
  std::int64_t max_memory_bytes = 0;
  // Raised: children are killed and their fetches are CANCELLED. Borrowed; may be null.
  const Cancellation* cancellation = nullptr;
};

// A Fetch that runs each request in a child. INTERNAL if the child broke, RESOURCE_EXHAUSTED if it
// ran into its limits.
Fetch FetchInChild(Io& io, FetchChildOptions options);

// The child's side: the request in, the answer out. Never fails: errors are answers.
std::string AnswerFetch(absl::string_view request);

// The lines that go through the pipe.
std::string EncodeFetchRequest(const FetchRequest& request);
absl::StatusOr<FetchRequest> DecodeFetchRequest(absl::string_view text);
std::string EncodeFetchAnswer(const absl::StatusOr<FetchAnswer>& answer);
absl::StatusOr<FetchAnswer> DecodeFetchAnswer(absl::string_view text);

}  // namespace espalier
