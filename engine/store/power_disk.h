// PowerDisk: the disk under SQLite, with a memory of what was synced. Shows what a file would be
// after a loss of power at any moment: synced writes for certain, later ones or not, as chance has
// it. For tests only; one at a time, since SQLite keeps its disks in a global list.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"

struct sqlite3_vfs;

namespace espalier {

class PowerDisk {
 public:
  // From now on SQLite opens all files through this.
  PowerDisk();
  // REQUIRES: all files are closed.
  ~PowerDisk();
  PowerDisk(const PowerDisk&) = delete;
  PowerDisk& operator=(const PowerDisk&) = delete;

  // Called on the writing thread before each sync. Set before the first file is opened.
  std::function<void()> before_sync = nullptr;

  // Writes what the files would be after a loss of power right now into the folder `dir`.
  void CopyAfterPowerLoss(Random& random, const std::string& dir);

  // What the files do; for the functions that SQLite calls.
  void Opened(const std::string& path);
  void Deleted(const std::string& path);
  void Wrote(const std::string& path, std::int64_t offset, absl::string_view bytes);
  void Truncated(const std::string& path, std::int64_t size);
  void Synced(const std::string& path);

 private:
  // A write, or with `truncates` a new size.
  struct Change {
    std::int64_t offset = 0;
    std::string bytes;
    bool truncates = false;
  };
  struct Tracked {
    std::string synced;
    std::vector<Change> pending;
  };

  static void ApplyChange(const Change& change, std::string& content);

  Mutex mu_;
  std::map<std::string, Tracked> files_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<sqlite3_vfs> vfs_;
};

}  // namespace espalier
