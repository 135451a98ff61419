// PipedProcess: a program that is talked with while it runs, over its standard input and output.
// Io::Run is for those that are asked once. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/io.h"
#include "engine/base/launch_posix.h"

namespace espalier {

struct PipedProcessOptions {
  // Program and arguments; argv[0] is looked up in PATH. No shell.
  std::vector<std::string> argv;
  std::string working_dir;
  // Added to (and winning over) the own environment.
  std::map<std::string, std::string> env;
  // A read or write that waits longer than this fails.
  absl::Duration idle_timeout = absl::Seconds(30);
};

class PipedProcess {
 public:
  // Starts the program in the caller's process group; it is killed when the caller's thread ends
  // (Linux). NOT_FOUND: there is no such program.
  static absl::StatusOr<std::unique_ptr<PipedProcess>> Start(const PipedProcessOptions& options);
  // Kills the program if it still runs.
  ~PipedProcess();

  // Up to `size` bytes of its output, waiting until there are some; 0 at the end.
  // DEADLINE_EXCEEDED after idle_timeout.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);
  // All of `bytes` into its input. UNAVAILABLE: it does not read any more; DEADLINE_EXCEEDED.
  absl::Status Write(absl::string_view bytes);

  // Closes its input, and gives it idle_timeout to end before it is killed. Its exit status and
  // what it said on its standard error; what was not read of its output is dropped. Once, as the
  // last.
  ProcessResult Finish();

 private:
  PipedProcess(pid_t pid, absl::Duration idle_timeout) : pid_(pid), idle_timeout_(idle_timeout) {}

  // Waits until `fd` is ready for `events`, and takes what comes on standard error meanwhile.
  // False after idle_timeout.
  bool Await(int fd, short events);
  void Kill();

  const pid_t pid_;
  const absl::Duration idle_timeout_;
  bool ended_ = false;
  Pipe in_, out_, err_;
  std::string said_;
};

}  // namespace espalier
