// How a program is started: pipes, what is made ready before the fork, and what the child does
// between fork and exec. For the files that run processes alone. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace espalier {

// The two ends of a pipe; neither is inherited by programs that other threads start.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  absl::Status Open();
  void CloseRead();
  void CloseWrite();
};

// Everything that the child needs, made before fork: between fork and exec only async-signal-safe
// calls are allowed, because another thread may have held malloc's lock.
struct Launch {
  std::string program;
  std::string working_dir;
  std::vector<std::string> argv_text;
  std::vector<std::string> env_text;
  std::vector<char*> argv;
  std::vector<char*> env;
  // Its standard input, output and error.
  int fds[3] = {-1, -1, -1};
  std::int64_t max_memory_bytes = 0;
  std::int64_t max_cpu_seconds = 0;
  std::int64_t max_file_bytes = 0;
  // Killed when the thread that started it ends (Linux).
  bool dies_with_parent = false;
};

// Fills in what to run. `env` is added to (and wins over) the own environment. NOT_FOUND: there is
// no such program on the PATH that the child will see.
absl::Status PrepareLaunch(const std::vector<std::string>& argv, const std::string& working_dir,
                           const std::map<std::string, std::string>& env, Launch& launch);

// In the child: becomes the program, or writes errno to `error_fd` and ends. Async-signal-safe.
[[noreturn]] void BecomeProgram(const Launch& launch, int error_fd);

// In the parent, which has closed its copy of the child's `error_fd`: OK once the child has become
// the program; else it is reaped.
absl::Status AwaitLaunch(const Launch& launch, pid_t pid, int error_fd);

// Reads one value of a child's report; false at its end without one.
bool ReadReport(int fd, void* value, std::size_t size);

void ReapChild(pid_t pid);

// write() without the signal that a closed pipe brings: who embeds this library need not ignore it.
ssize_t WriteQuietly(int fd, absl::string_view bytes);

void SetNonBlocking(int fd);

// Takes what is there, and keeps at most limits::kProcessOutput of it. False when the other side
// has closed. REQUIRES: `fd` does not block.
bool Drain(int fd, std::string& kept);

}  // namespace espalier
