// Io: files and processes. The only door to the disk and to other programs; tests bring a fake with
// failure knobs. Paths are absolute or relative to the working directory. Thread-safe; calls block.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

class Cancellation;

struct FileInfo {
  enum class Type { kFile, kDirectory, kSymlink, kOther };
  Type type = Type::kFile;
  std::int64_t size_bytes = 0;
  // Bytes that the disk really holds: less than size_bytes for sparse files.
  std::int64_t disk_bytes = 0;
  absl::Time modified;
};

// An open file. One thread at a time; closed by its destructor.
class File {
 public:
  virtual ~File() = default;
  // Up to `size` bytes at `offset`; fewer only at the end of the file.
  virtual absl::StatusOr<std::string> ReadAt(std::int64_t offset, std::size_t size) = 0;
  // All of `bytes` at `offset`.
  virtual absl::Status WriteAt(std::int64_t offset, absl::string_view bytes) = 0;
  virtual absl::Status Truncate(std::int64_t size) = 0;
  // What was written is on the disk when this returns.
  virtual absl::Status Sync() = 0;
  virtual absl::StatusOr<std::int64_t> Size() = 0;
};

struct ProcessResult {
  // Exit status; 128 + n when ended by signal n.
  int exit_code = 0;
  // At most limits::kProcessOutput bytes of each.
  std::string out;
  std::string err;
};

struct ProcessOptions {
  // Program and arguments; argv[0] is looked up in PATH. No shell.
  std::vector<std::string> argv;
  std::string working_dir;
  // Added to (and winning over) the own environment.
  std::map<std::string, std::string> env;
  std::string stdin_bytes;
  // Killed after this long.
  absl::Duration deadline = absl::Seconds(60);
  // Killed soon after it is raised. Borrowed; may be null.
  const Cancellation* cancellation = nullptr;
  // Limits of the child; 0 is none.
  std::int64_t max_memory_bytes = 0;
  std::int64_t max_cpu_seconds = 0;
  std::int64_t max_file_bytes = 0;
};

struct SpawnOptions {
  std::vector<std::string> argv;
  std::string working_dir;
  std::map<std::string, std::string> env;
  // Where its standard output and error go (appended); empty is /dev/null.
  std::string log_file;
};

class Io {
 public:
  virtual ~Io() = default;

  // The file's bytes. NOT_FOUND; RESOURCE_EXHAUSTED above `max_bytes`.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) = 0;
  // Replaces the file so that readers and crashes see the old or the new bytes, never a part;
  // durable when it returns.
  virtual absl::Status WriteFile(const std::string& path, absl::string_view bytes, mode_t mode) = 0;
  // Opens for reading and writing; makes the file if `create`. NOT_FOUND without it.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool create) = 0;
  // NOT_FOUND. Symlinks are not followed.
  virtual absl::StatusOr<FileInfo> Stat(const std::string& path) = 0;
  // Names of the entries, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& dir) = 0;
  // Makes the directory and its parents; OK if it is there.
  virtual absl::Status MakeDirs(const std::string& path, mode_t mode) = 0;
  // Atomic within one file system.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // Gives a file one more name. ALREADY_EXISTS; within one file system.
  virtual absl::Status LinkFile(const std::string& from, const std::string& to) = 0;
  // Removes a file, or a directory with everything in it. OK if it is not there.
  virtual absl::Status RemoveAll(const std::string& path) = 0;
  // A copy that shares blocks where the file system can (reflink, clonefile), else a full copy.
  virtual absl::Status CloneFile(const std::string& from, const std::string& to) = 0;
  // Bytes free for this process on the file system of `path`.
  virtual absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) = 0;

  // Runs a program and waits for it. DEADLINE_EXCEEDED or CANCELLED when it had to be killed; a
  // non-zero exit is an answer, not an error.
  virtual absl::StatusOr<ProcessResult> Run(const ProcessOptions& options) = 0;
  // Starts a program in a session of its own, which outlives this process. Its process id.
  virtual absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) = 0;
  // Sends a signal. NOT_FOUND if there is no such process.
  virtual absl::Status Kill(pid_t pid, int signal) = 0;
  // Whether the process is there (and is not a zombie).
  virtual bool IsAlive(pid_t pid) = 0;
};

// The machine's disk and processes.
std::unique_ptr<Io> MakeRealIo();

}  // namespace espalier
