#include "engine/store/power_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/io.h"

namespace espalier {
namespace {

// What SQLite allocates for each open file; the real disk's own part follows it.
struct PowerFile {
  sqlite3_file base;
  PowerDisk* disk;
  // Null for files without a name, which nobody looks for after a restart.
  std::string* path;

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

PowerFile* Power(sqlite3_file* file) { return reinterpret_cast<PowerFile*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Power(file)->real(); }
sqlite3_vfs* RealDisk() { return sqlite3_vfs_find("unix"); }

int Close(sqlite3_file* file) {
  delete Power(file)->path;
  return Real(file)->pMethods->xClose(Real(file));
}
int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return Real(file)->pMethods->xRead(Real(file), to, size, offset);
}
int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  if (Power(file)->path != nullptr) {
    const absl::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(size));
    Power(file)->disk->Wrote(*Power(file)->path, offset, bytes);
  }
  return Real(file)->pMethods->xWrite(Real(file), from, size, offset);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Power(file)->path != nullptr) Power(file)->disk->Truncated(*Power(file)->path, size);
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
// Nothing is really synced: the machine that runs the test keeps its power.
int Sync(sqlite3_file* file, int) {
  if (Power(file)->path != nullptr) Power(file)->disk->Synced(*Power(file)->path);
  return SQLITE_OK;
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* out) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), out);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), op, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}

// Version 1 has no shared memory: a write-ahead log is possible for an exclusive owner only, which
// the store is meant to be.
constexpr sqlite3_io_methods kMethods = {1,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  PowerFile* power = Power(file);
  power->base.pMethods = nullptr;
  power->disk = static_cast<PowerDisk*>(vfs->pAppData);
  power->path = nullptr;
  const int result = RealDisk()->xOpen(RealDisk(), name, power->real(), flags, out_flags);
  if (result != SQLITE_OK) return result;
  power->base.pMethods = &kMethods;
  if (name != nullptr) {
    power->path = new std::string(name);
    power->disk->Opened(*power->path);
  }
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_dir) {
  static_cast<PowerDisk*>(vfs->pAppData)->Deleted(name);
  return RealDisk()->xDelete(RealDisk(), name, sync_dir);
}

}  // namespace

PowerDisk::PowerDisk() : vfs_(std::make_unique<sqlite3_vfs>(*RealDisk())) {
  vfs_->szOsFile = static_cast<int>(sizeof(PowerFile)) + RealDisk()->szOsFile;
  vfs_->zName = "espalier-power";
  vfs_->pAppData = this;
  vfs_->pNext = nullptr;
  vfs_->xOpen = Open;
  vfs_->xDelete = Delete;
  ESPALIER_CHECK(sqlite3_vfs_register(vfs_.get(), /*makeDflt=*/1) == SQLITE_OK);
}

PowerDisk::~PowerDisk() {
  ESPALIER_CHECK(sqlite3_vfs_unregister(vfs_.get()) == SQLITE_OK);
  ESPALIER_CHECK(sqlite3_vfs_register(RealDisk(), /*makeDflt=*/1) == SQLITE_OK);
}

void PowerDisk::Opened(const std::string& path) {
  // Files are made and removed for certain: SQLite syncs their folder where it matters.
  MutexLock lock(mu_);
  files_.try_emplace(path);
}

void PowerDisk::Deleted(const std::string& path) {
  MutexLock lock(mu_);
  files_.erase(path);
}

void PowerDisk::Wrote(const std::string& path, std::int64_t offset, absl::string_view bytes) {
  MutexLock lock(mu_);
  files_[path].pending.push_back({offset, std::string(bytes), false});
}

void PowerDisk::Truncated(const std::string& path, std::int64_t size) {
  MutexLock lock(mu_);
  files_[path].pending.push_back({size, "", true});
}

void PowerDisk::Synced(const std::string& path) {
  if (before_sync != nullptr) before_sync();
  MutexLock lock(mu_);
  Tracked& file = files_[path];
  for (const Change& change : file.pending) ApplyChange(change, file.synced);
  file.pending.clear();
}

void PowerDisk::ApplyChange(const Change& change, std::string& content) {
  if (change.truncates) {
    content.resize(static_cast<std::size_t>(change.offset));
    return;
  }
  const auto offset = static_cast<std::size_t>(change.offset);
  content.resize(std::max(content.size(), offset + change.bytes.size()));
  content.replace(offset, change.bytes.size(), change.bytes);
}

void PowerDisk::CopyAfterPowerLoss(Random& random, const std::string& dir) {
  const std::unique_ptr<Io> io = MakeRealIo();
  ESPALIER_CHECK(io->MakeDirs(dir, 0700).ok());
  MutexLock lock(mu_);
  for (const auto& [path, file] : files_) {
    std::string content = file.synced;
    // From "nothing of it" to "all of it but one piece", in any order of pieces.
    const double chance = static_cast<double>(random.Below(101)) / 100;
    for (const Change& change : file.pending) {
      if (random.Chance(chance)) ApplyChange(change, content);
    }
    const std::string name = path.substr(path.rfind('/') + 1);
    ESPALIER_CHECK(io->WriteFile(absl::StrCat(dir, "/", name), content, 0600).ok());
  }
}

}  // namespace espalier
