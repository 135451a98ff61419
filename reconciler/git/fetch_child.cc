#include "reconciler/git/fetch_child.h"

#include <csignal>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "reconciler/git/repository_url.h"
#include "reconciler/git/ssh_connection.h"

namespace espalier {
namespace {

// The files that ssh reads, for as long as a fetch lasts. Here and not in the child, which may be
// killed.
class SshFiles {
 public:
  SshFiles(Io& io, std::string dir) : io_(io), dir_(std::move(dir)) {}
  ~SshFiles() { Remove(); }
  SshFiles(const SshFiles&) = delete;
  SshFiles& operator=(const SshFiles&) = delete;

  absl::Status Write(const SshLogin& login, const RepositoryUrl& url) {
    ESPALIER_ASSIGN_OR_RETURN(const std::string known_hosts, SshKnownHosts(login, url));
    // What a process left that was killed itself.
    Remove();
    ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(dir_, 0700));
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(PathOf(kSshKnownHostsFile), known_hosts, 0600));
    // OpenSSH wants the last line to end.
    return io_.WriteFile(PathOf(kSshKeyFile),
                         absl::StrCat(absl::StripAsciiWhitespace(login.private_key), "\n"), 0600);
  }

 private:
  std::string PathOf(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  // Tried again before the next fetch.
  void Remove() { (void)io_.RemoveAll(dir_); }

  Io& io_;
  const std::string dir_;
};

absl::StatusOr<FetchAnswer> RunChild(Io& io, const FetchChildOptions& options,
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

absl::StatusOr<FetchAnswer> FetchWith(Io& io, const FetchChildOptions& options,
                                      const FetchRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const RepositoryUrl url, ParseRepositoryUrl(request.url));
  if (url.transport != RepositoryUrl::Transport::kSsh) return RunChild(io, options, request);
  FetchRequest with_files = request;
  with_files.ssh.dir = absl::StrCat(request.mirror, ".ssh");
  SshFiles files(io, with_files.ssh.dir);
  ESPALIER_RETURN_IF_ERROR(files.Write(request.ssh, url));
  return RunChild(io, options, with_files);
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
