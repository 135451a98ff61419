#include "reconciler/git/fetch_child.h"

#include <csignal>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

absl::StatusOr<std::string> FetchWith(Io& io, const FetchChildOptions& options,
                                      const FetchRequest& request) {
  ProcessOptions process;
  process.argv = options.command;
  process.stdin_bytes = EncodeFetchRequest(request);
  process.deadline = options.deadline;
  process.cancellation = options.cancellation;
  process.max_memory_bytes = options.max_memory_bytes;
  process.max_cpu_seconds = limits::kFetchCpuSeconds;
  process.max_file_bytes = limits::kFetchBytes;
  absl::StatusOr<ProcessResult> result = io.Run(process);
  if (!result.ok()) {
    if (absl::IsDeadlineExceeded(result.status())) {
      return absl::DeadlineExceededError(absl::StrCat("the repository did not answer within ",
                                                      absl::FormatDuration(options.deadline)));
    }
    return Annotate(result.status(), "starting the fetching child");
  }
  if (result->exit_code == 128 + SIGXCPU || result->exit_code == 128 + SIGXFSZ) {
    return absl::ResourceExhaustedError("the fetch ran into its limits");
  }
  if (result->exit_code != 0) {
    return absl::InternalError(
        absl::StrCat("the fetching child ended with status ", result->exit_code));
  }
  return DecodeFetchAnswer(result->out);
}

}  // namespace

Fetch FetchInChild(Io& io, FetchChildOptions options) {
  return [&io, options = std::move(options)](const FetchRequest& request) {
    return FetchWith(io, options, request);
  };
}

std::string AnswerFetch(absl::string_view request) {
  absl::StatusOr<FetchRequest> decoded = DecodeFetchRequest(request);
  if (!decoded.ok()) return EncodeFetchAnswer(decoded.status());
  const GitLibrary library;
  return EncodeFetchAnswer(FetchIntoMirror(library, *decoded));
}

}  // namespace espalier
