// FakeIo: a disk and processes in memory, with failure knobs. Passes the same tests as the real Io
// (engine/base/io_test.cc). Paths are plain text: no symlinks, no "..". Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/mutex.h"

namespace espalier {

class FakeIo final : public Io {
 public:
  // `clock` gives the files' times. The root directory is there.
  explicit FakeIo(Clock& clock);
  ~FakeIo() override;

  // --- Knobs.

  // Calls of `operation` ("ReadFile", "WriteFile", "Open", "ReadAt", "WriteAt", "Truncate", "Sync",
  // "Stat", "List", "MakeDirs", "Rename", "LinkFile", "RemoveAll", "CloneFile", "FreeBytes", "Run",
  // "Spawn", "Kill") on a path (or argv[0]) that contains `part` fail with `status`: the first
  // `skip` go through, then `times` fail.
  void FailNext(absl::string_view operation, absl::string_view part, const absl::Status& status,
                int times = 1, int skip = 0);
  // What FreeBytes says, less what is written from now on; writes beyond it fail.
  void SetFreeBytes(std::int64_t bytes);
  // The machine loses power: what no Sync has seen is gone from files, and all processes end. Names
  // of files and directories stay.
  void LosePower();
  // Answers Run. Without it every program is missing. Called without locks held.
  void SetRunner(std::function<absl::StatusOr<ProcessResult>(const ProcessOptions&)> runner);
  // Calls of an operation so far, failed ones as well.
  int calls(absl::string_view operation) const;

  // --- Io.
  absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) override;
  absl::Status WriteFile(const std::string& path, absl::string_view bytes, mode_t mode) override;
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool create) override;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override;
  absl::Status MakeDirs(const std::string& path, mode_t mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status LinkFile(const std::string& from, const std::string& to) override;
  absl::Status RemoveAll(const std::string& path) override;
  absl::Status CloneFile(const std::string& from, const std::string& to) override;
  absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) override;
  absl::StatusOr<ProcessResult> Run(const ProcessOptions& options) override;
  absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) override;
  absl::Status Kill(pid_t pid, int signal) override;
  bool IsAlive(pid_t pid) override;

 private:
  class Handle;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;  // shared: an open file outlives its name
  struct Failure {
    std::string operation;
    std::string part;
    absl::Status status;
    int times = 0;
    int skip = 0;
  };

  absl::Status Enter(absl::string_view operation, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<NodePtr> Find(absl::string_view operation, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckParent(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status TakeRoom(std::int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  NodePtr NewFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  mutable Mutex mu_;
  // Every file and directory by its path without a slash at the end.
  std::map<std::string, NodePtr> nodes_ ABSL_GUARDED_BY(mu_);
  std::vector<Failure> failures_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mu_);
  std::int64_t free_bytes_ ABSL_GUARDED_BY(mu_) = std::int64_t{1} << 40;
  std::function<absl::StatusOr<ProcessResult>(const ProcessOptions&)> runner_ ABSL_GUARDED_BY(mu_);
  // Those that Spawn started and no SIGKILL or SIGTERM has ended.
  std::set<pid_t> processes_ ABSL_GUARDED_BY(mu_);
  pid_t next_pid_ ABSL_GUARDED_BY(mu_) = 1000;
};

}  // namespace espalier
