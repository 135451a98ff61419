#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifdef __APPLE__
#include <sys/clonefile.h>
#else
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/process_posix.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// Read and written at once when a file is copied.
constexpr std::size_t kCopyBytes = 1024 * 1024;

absl::Status Failed(absl::string_view doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(doing, " ", path));
}

// A file descriptor that is closed with its owner.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Fd OpenFd(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return Fd(fd);
}

absl::StatusOr<std::string> ReadFrom(int fd, const std::string& path, std::int64_t offset,
                                     std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(fd, bytes.data() + done, size - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path);
    if (got == 0) break;
    done += got;
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteTo(int fd, const std::string& path, std::int64_t offset,
                     absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Failed("write", path);
    offset += put;
    bytes.remove_prefix(put);
  }
  return absl::OkStatus();
}

absl::Status SyncFd(int fd, const std::string& path) {
#ifdef __APPLE__
  // fsync leaves the bytes in the drive's cache there.
  if (fcntl(fd, F_FULLFSYNC) == 0) return absl::OkStatus();
#endif
  if (fsync(fd) != 0) return Failed("sync", path);
  return absl::OkStatus();
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes names in `dir` durable.
absl::Status SyncDir(const std::string& dir) {
  const Fd fd = OpenFd(dir, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return Failed("open directory", dir);
  return SyncFd(fd.get(), dir);
}

class PosixFile final : public File {
 public:
  PosixFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::StatusOr<std::string> ReadAt(std::int64_t offset, std::size_t size) override {
    return ReadFrom(fd_.get(), path_, offset, size);
  }
  absl::Status WriteAt(std::int64_t offset, absl::string_view bytes) override {
    return WriteTo(fd_.get(), path_, offset, bytes);
  }
  absl::Status Truncate(std::int64_t size) override {
    if (ftruncate(fd_.get(), size) != 0) return Failed("truncate", path_);
    return absl::OkStatus();
  }
  absl::Status Sync() override { return SyncFd(fd_.get(), path_); }
  absl::StatusOr<std::int64_t> Size() override {
    struct stat info{};
    if (fstat(fd_.get(), &info) != 0) return Failed("stat", path_);
    return info.st_size;
  }

 private:
  const Fd fd_;
  const std::string path_;
};

// Copies one piece of data; both files are open.
absl::Status CopyRange(int from, int to, const std::string& path, std::int64_t begin,
                       std::int64_t end) {
  while (begin < end) {
    const std::size_t size = std::min<std::int64_t>(kCopyBytes, end - begin);
    ESPALIER_ASSIGN_OR_RETURN(const std::string bytes, ReadFrom(from, path, begin, size));
    if (bytes.empty()) return absl::OkStatus();
    ESPALIER_RETURN_IF_ERROR(WriteTo(to, path, begin, bytes));
    begin += bytes.size();
  }
  return absl::OkStatus();
}

// Copies what is not a hole: disks of VMs are mostly empty.
absl::Status CopySparse(int from, int to, const std::string& path, std::int64_t size) {
  if (ftruncate(to, size) != 0) return Failed("truncate copy of", path);
  std::int64_t at = 0;
  while (at < size) {
    std::int64_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return absl::OkStatus();
    std::int64_t hole = size;
    if (data < 0) {
      // The file system does not know holes.
      data = at;
    } else {
      hole = lseek(from, data, SEEK_HOLE);
      if (hole < 0) hole = size;
    }
    ESPALIER_RETURN_IF_ERROR(CopyRange(from, to, path, data, hole));
    at = hole;
  }
  return absl::OkStatus();
}

class RealIo final : public Io {
 public:
  absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes) override {
    const Fd fd = OpenFd(path, O_RDONLY);
    if (!fd.ok()) return Failed("open", path);
    // Not by its size: pipes and files of /proc have none.
    std::string bytes;
    while (true) {
      char buffer[16384];
      const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed("read", path);
      if (got == 0) return bytes;
      bytes.append(buffer, got);
      if (bytes.size() > max_bytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("read ", path, ": larger than ", max_bytes, " bytes"));
      }
    }
  }

  absl::Status WriteFile(const std::string& path, absl::string_view bytes, mode_t mode) override {
    const std::string part =
        absl::StrCat(path, ".", getpid(), ".", next_part_.fetch_add(1), ".part");
    absl::Status status = WritePart(part, bytes, mode);
    if (status.ok() && rename(part.c_str(), path.c_str()) != 0) status = Failed("rename to", path);
    if (!status.ok()) {
      unlink(part.c_str());
      return status;
    }
    return SyncDir(ParentOf(path));
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, bool create) override {
    Fd fd = OpenFd(path, O_RDWR | (create ? O_CREAT : 0), 0600);
    if (!fd.ok() && !create && (errno == EACCES || errno == EROFS)) {
      // A file that may only be read; writing to it fails later.
      Fd read_only = OpenFd(path, O_RDONLY);
      if (!read_only.ok()) return Failed("open", path);
      return std::make_unique<PosixFile>(std::move(read_only), path);
    }
    if (!fd.ok()) return Failed("open", path);
    return std::make_unique<PosixFile>(std::move(fd), path);
  }

  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0) return Failed("stat", path);
    FileInfo result;
    result.type = S_ISREG(info.st_mode)   ? FileInfo::Type::kFile
                  : S_ISDIR(info.st_mode) ? FileInfo::Type::kDirectory
                  : S_ISLNK(info.st_mode) ? FileInfo::Type::kSymlink
                                          : FileInfo::Type::kOther;
    result.size_bytes = info.st_size;
    result.disk_bytes = std::int64_t{info.st_blocks} * 512;
#ifdef __APPLE__
    result.modified = absl::TimeFromTimespec(info.st_mtimespec);
#else
    result.modified = absl::TimeFromTimespec(info.st_mtim);
#endif
    return result;
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    DIR* const stream = opendir(dir.c_str());
    if (stream == nullptr) return Failed("open directory", dir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    const int error = errno;
    closedir(stream);
    if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("list ", dir));
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status MakeDirs(const std::string& path, mode_t mode) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string dir = path.substr(0, end);
      if (mkdir(dir.c_str(), mode) != 0) {
        const int error = errno;
        struct stat info{};
        if (stat(dir.c_str(), &info) != 0) {
          return absl::ErrnoToStatus(error, absl::StrCat("make directory ", dir));
        }
        if (!S_ISDIR(info.st_mode)) {
          return absl::FailedPreconditionError(absl::StrCat(dir, " is not a directory"));
        }
      }
      if (end == std::string::npos) return absl::OkStatus();
    }
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("rename ", from, " to ", to));
    }
    return SyncDir(ParentOf(to));
  }

  absl::Status LinkFile(const std::string& from, const std::string& to) override {
    if (link(from.c_str(), to.c_str()) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("link ", from, " to ", to));
    }
    return SyncDir(ParentOf(to));
  }

  absl::Status RemoveAll(const std::string& path) override {
    std::error_code error;
    // What another process takes away meanwhile (a machine that ends, its socket) is no failure,
    // but the library stops at it. Each time something less is there.
    do {
      std::filesystem::remove_all(path, error);
    } while (error == std::errc::no_such_file_or_directory);
    if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("remove ", path));
    return absl::OkStatus();
  }

  absl::Status CloneFile(const std::string& from, const std::string& to) override {
    if (unlink(to.c_str()) != 0 && errno != ENOENT) return Failed("replace", to);
#ifdef __APPLE__
    if (clonefile(from.c_str(), to.c_str(), 0) == 0) return absl::OkStatus();
#endif
    absl::Status status = CloneOrCopy(from, to);
    if (!status.ok()) unlink(to.c_str());
    return status;
  }

  absl::StatusOr<std::int64_t> FreeBytes(const std::string& path) override {
    struct statvfs info{};
    if (statvfs(path.c_str(), &info) != 0) return Failed("stat file system of", path);
    return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
  }

  absl::StatusOr<ProcessResult> Run(const ProcessOptions& options) override {
    return RunProcess(*clock_, options);
  }
  absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) override {
    return SpawnProcess(options);
  }
  absl::Status Kill(pid_t pid, int signal) override { return KillProcess(pid, signal); }
  bool IsAlive(pid_t pid) override { return IsProcessAlive(pid); }

 private:
  static absl::Status WritePart(const std::string& part, absl::string_view bytes, mode_t mode) {
    const Fd fd = OpenFd(part, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd.ok()) return Failed("create", part);
    // Not left to open(): the umask must not decide who reads a token.
    if (fchmod(fd.get(), mode) != 0) return Failed("set mode of", part);
    ESPALIER_RETURN_IF_ERROR(WriteTo(fd.get(), part, 0, bytes));
    return SyncFd(fd.get(), part);
  }

  static absl::Status CloneOrCopy(const std::string& from, const std::string& to) {
    const Fd source = OpenFd(from, O_RDONLY);
    if (!source.ok()) return Failed("open", from);
    struct stat info{};
    if (fstat(source.get(), &info) != 0) return Failed("stat", from);
    const Fd target = OpenFd(to, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (!target.ok()) return Failed("create", to);
#ifndef __APPLE__
    if (ioctl(target.get(), FICLONE, source.get()) == 0) return absl::OkStatus();
#endif
    return CopySparse(source.get(), target.get(), from, info.st_size);
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  // Tells the unfinished files of WriteFile calls apart.
  std::atomic<std::uint64_t> next_part_ = 0;
};

}  // namespace

std::unique_ptr<Io> MakeRealIo() { return std::make_unique<RealIo>(); }

}  // namespace espalier
