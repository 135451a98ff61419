#include "macagent/driver/qemu.h"

#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "macagent/driver/qmp.h"
#include "macagent/driver/run_record.h"
#include "macagent/driver/unix_socket.h"

namespace espalier::agent {
namespace {

// A runner answers from memory; one that needs longer is stopped or the machine is overloaded.
constexpr absl::Duration kAskTimeout = absl::Seconds(2);
// From the record to the runner's socket: exec and a few system calls.
constexpr absl::Duration kRunnerComesUp = absl::Seconds(10);
// How often the list is worth a look while something changes, and else.
constexpr absl::Duration kWhileChanging = absl::Milliseconds(200);
constexpr absl::Duration kWhileQuiet = absl::Seconds(2);
constexpr std::uint32_t kMemoryForTheHost = 1024;

#if defined(__aarch64__)
constexpr char kArch[] = "arm64";
#else
constexpr char kArch[] = "amd64";
#endif

std::string BootId(Io& io) {
#ifdef __APPLE__
  char id[64] = {};
  std::size_t size = sizeof(id) - 1;
  if (sysctlbyname("kern.bootsessionuuid", id, &size, nullptr, 0) != 0) return "";
  return id;
#else
  const absl::StatusOr<std::string> id =
      io.ReadFile("/proc/sys/kernel/random/boot_id", limits::kFileBytes);
  return id.ok() ? std::string(absl::StripAsciiWhitespace(*id)) : "";
#endif
}

std::uint32_t MachineMemoryMib() {
  const std::int64_t bytes =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const std::int64_t mib = bytes / (1024 * 1024);
  return static_cast<std::uint32_t>(std::max<std::int64_t>(mib - kMemoryForTheHost, mib / 2));
}

// What of an image lies in a bundle; but for the disk, as far as the image has it.
constexpr char kDiskFile[] = "disk.img";
constexpr const char* kImageFiles[] = {kDiskFile, "vmlinuz", "initrd", "cmdline"};

bool NobodyListens(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

class QemuDriver final : public Driver {
 public:
  QemuDriver(Clock& clock, Io& io, Log& log, QemuOptions options, Capacity capacity, bool kvm)
      : clock_(clock),
        io_(io),
        log_(log),
        options_(std::move(options)),
        capacity_(std::move(capacity)),
        kvm_(kvm) {}

  Capacity GetCapacity() const override { return capacity_; }

  absl::StatusOr<std::string> Prepare(const RunSpec& spec) override {
    std::string dir = Bundle(spec.id);
    if (io_.Stat(absl::StrCat(dir, "/", kRunFile)).ok()) {
      return absl::AlreadyExistsError(absl::StrCat(ToString(spec.id), " was started"));
    }
    ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(dir));
    ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(dir, 0700));
    if (spec.disk_of == 0) return dir;
    ESPALIER_RETURN_IF_ERROR(TakeOver({spec.id.uid, spec.disk_of}, dir));
    return std::string();
  }

  absl::Status Start(const RunSpec& spec) override {
    if (spec.guest_os == "darwin") {
      return absl::InvalidArgumentError("qemu runs no macOS guests");
    }
    const std::string dir = Bundle(spec.id);
    const std::string record = absl::StrCat(dir, "/", kRunFile);
    if (io_.Stat(record).ok()) return absl::OkStatus();
    ESPALIER_RETURN_IF_ERROR(GrowDisk(dir, spec.disk_gib));
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(dir, "/metadata.json"),
                                           nlohmann::json(spec.metadata).dump(), 0600));
    if (kvm_) ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(dir, "/use-kvm"), "", 0600));
    const RunState run = {.spec = spec,
                          .phase = RunPhase::kStarting,
                          .message = "",
                          .memory_mib = spec.memory_mib,
                          .started_at = clock_.Now()};
    // From here on it is a run: whoever finds the record after a crash knows that a runner may be
    // there.
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(record, EncodeRun(run), 0600));
    const absl::StatusOr<pid_t> runner = io_.Spawn({.argv = options_.runner,
                                                    .working_dir = dir,
                                                    .env = {},
                                                    .log_file = absl::StrCat(dir, "/runner.log")});
    if (!runner.ok()) {
      ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(record));
      return absl::UnavailableError(runner.status().message());
    }
    return absl::OkStatus();
  }

  absl::Status Stop(const RunId& id, absl::Duration grace) override {
    const std::string line = absl::StrCat("stop ", absl::ToInt64Milliseconds(grace));
    absl::Status told = Tell(id, line, true);
    if (!absl::IsUnavailable(told)) return told;
    // The runner is not there yet. It reads this once it listens; if it began to listen just
    // before, it is told once more.
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(Bundle(id), "/", kStopFile), line, 0600));
    told = Tell(id, line, true);
    return absl::IsUnavailable(told) ? absl::OkStatus() : told;
  }

  absl::Status Renew(const RunId& id, absl::Duration until) override {
    return Tell(id, absl::StrCat("renew ", absl::ToInt64Microseconds(until)), false);
  }

  absl::Status SetFence(const RunId& id, bool fence, absl::Duration until) override {
    return Tell(id, absl::StrCat("fence ", fence ? 1 : 0, " ", absl::ToInt64Microseconds(until)),
                false);
  }

  absl::StatusOr<Listing> List() override {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names, io_.List(options_.dir));
    Listing listing;
    bool changing = false;
    for (const std::string& name : names) {
      const absl::StatusOr<RunId> id = ParseRunId(name);
      if (!id.ok()) continue;
      absl::StatusOr<RunState> run = Look(*id);
      // Prepared, not started.
      if (absl::IsNotFound(run.status())) continue;
      ESPALIER_RETURN_IF_ERROR(Annotate(run.status(), ToString(*id)));
      changing |= run->phase == RunPhase::kStarting || run->phase == RunPhase::kStopping;
      listing.runs.push_back(*std::move(run));
    }
    listing.look_again = clock_.Elapsed() + (changing ? kWhileChanging : kWhileQuiet);
    return listing;
  }

  absl::Status Forget(const RunId& id) override {
    const absl::StatusOr<RunState> run = Look(id);
    if (run.ok() && !HasEnded(run->phase)) {
      return absl::FailedPreconditionError(absl::StrCat(ToString(id), " lives"));
    }
    if (!run.ok() && !absl::IsNotFound(run.status())) return run.status();
    return io_.RemoveAll(Bundle(id));
  }

 private:
  std::string Bundle(const RunId& id) const {
    return absl::StrCat(options_.dir, "/", ToString(id));
  }

  // Gives the files of an ended run to the bundle `dir` as well. Links and not moves: whatever
  // becomes of the new run before it is started, the old one still has them.
  absl::Status TakeOver(const RunId& from, const std::string& dir) {
    ESPALIER_ASSIGN_OR_RETURN(const RunState run, Look(from));
    if (!HasEnded(run.phase)) {
      return absl::FailedPreconditionError(absl::StrCat(ToString(from), " lives"));
    }
    for (const char* file : kImageFiles) {
      const std::string name = absl::StrCat(Bundle(from), "/", file);
      if (std::string(file) != kDiskFile && absl::IsNotFound(io_.Stat(name).status())) continue;
      ESPALIER_RETURN_IF_ERROR(io_.LinkFile(name, absl::StrCat(dir, "/", file)));
    }
    return absl::OkStatus();
  }

  absl::Status GrowDisk(const std::string& dir, std::uint32_t gib) {
    ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<File> disk,
                              io_.Open(absl::StrCat(dir, "/", kDiskFile), false));
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t size, disk->Size());
    const std::int64_t wanted = std::int64_t{gib} << 30;
    return size < wanted ? disk->Truncate(wanted) : absl::OkStatus();
  }

  absl::StatusOr<RunState> ReadRecord(const RunId& id) {
    ESPALIER_ASSIGN_OR_RETURN(
        const std::string text,
        io_.ReadFile(absl::StrCat(Bundle(id), "/", kRunFile), limits::kFileBytes));
    return DecodeRun(text);
  }

  // The run as it is now. NOT_FOUND if it was not started.
  absl::StatusOr<RunState> Look(const RunId& id) {
    ESPALIER_ASSIGN_OR_RETURN(RunState run, ReadRecord(id));
    if (HasEnded(run.phase)) return run;
    const absl::StatusOr<std::string> answer =
        AskUnix(Bundle(id), kRunnerSocket, "status", kAskTimeout);
    if (answer.ok()) return DecodeRun(*answer);
    // It is there and does not answer: what it wrote last is the best that is known.
    if (!NobodyListens(answer.status())) return run;
    // It may have ended between the two looks.
    ESPALIER_ASSIGN_OR_RETURN(run, ReadRecord(id));
    if (HasEnded(run.phase)) return run;
    const absl::Duration age = clock_.Now() - run.started_at;
    if (run.phase == RunPhase::kStarting && age >= absl::ZeroDuration() && age < kRunnerComesUp) {
      return run;
    }
    return EndOrphan(id, std::move(run));
  }

  // The runner is gone without a last word: killed, or the host was booted anew.
  absl::StatusOr<RunState> EndOrphan(const RunId& id, RunState run) {
    const std::string dir = Bundle(id);
    if (absl::StatusOr<std::unique_ptr<Qmp>> qmp = Qmp::Connect(dir, kQmpSocket); qmp.ok()) {
      // Nobody would end this machine with its lease. The socket in the bundle proves that it is
      // ours.
      ESPALIER_RETURN_IF_ERROR((*qmp)->Send("quit"));
      run.phase = RunPhase::kStopping;
      return run;
    }
    run.phase = RunPhase::kFailed;
    run.message = "its runner ended without a word";
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(dir, "/", kRunFile), EncodeRun(run), 0600));
    log_.Warn("runner is gone", {{telemetry::kUid, id.uid}, {telemetry::kAttempt, id.attempt}});
    return run;
  }

  // Says something to a run that lives.
  absl::Status Tell(const RunId& id, const std::string& line, bool ended_is_fine) {
    const absl::StatusOr<RunState> run = ReadRecord(id);
    if (absl::IsNotFound(run.status())) {
      return absl::NotFoundError(absl::StrCat("no run ", ToString(id)));
    }
    ESPALIER_RETURN_IF_ERROR(run.status());
    if (HasEnded(run->phase)) {
      return ended_is_fine
                 ? absl::OkStatus()
                 : absl::FailedPreconditionError(absl::StrCat(ToString(id), " has ended"));
    }
    const absl::StatusOr<std::string> answer =
        AskUnix(Bundle(id), kRunnerSocket, line, kAskTimeout);
    if (answer.ok() && *answer == "ok") return absl::OkStatus();
    if (answer.ok()) return absl::InternalError(absl::StrCat("runner: ", *answer));
    // Not there yet, or any more: the next look tells which.
    return absl::UnavailableError(answer.status().message());
  }

  Clock& clock_;
  Io& io_;
  Log& log_;
  const QemuOptions options_;
  const Capacity capacity_;
  const bool kvm_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> MakeQemuDriver(Clock& clock, Io& io, Log& log,
                                                       const QemuOptions& options) {
  const absl::StatusOr<ProcessResult> version = io.Run({.argv = {QemuProgram(), "--version"}});
  if (!version.ok() || version->exit_code != 0) {
    return absl::FailedPreconditionError(absl::StrCat(QemuProgram(), " does not run here"));
  }
  ESPALIER_RETURN_IF_ERROR(io.MakeDirs(options.dir, 0700));
  const bool kvm = KvmWorks(io, options.dir);
  log.Info("qemu driver",
           {{telemetry::kPath, options.dir}, {telemetry::kReason, kvm ? "kvm" : "tcg"}});
  Capacity capacity;
  capacity.driver = "qemu";
#ifdef __APPLE__
  capacity.os = "darwin";
#else
  capacity.os = "linux";
#endif
  capacity.arch = kArch;
  capacity.cpu =
      options.cpu > 0 ? options.cpu : static_cast<std::uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  capacity.memory_mib = options.memory_mib > 0 ? options.memory_mib : MachineMemoryMib();
  capacity.boot_id = BootId(io);
  return std::make_unique<QemuDriver>(clock, io, log, options, std::move(capacity), kvm);
}

}  // namespace espalier::agent
