#include "engine/base/process_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
#include <libproc.h>
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/call_context.h"
#include "engine/base/launch_posix.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// How often a child is looked after whose pipes say nothing: it may have closed them, or left them
// to a child of its own.
constexpr absl::Duration kReapInterval = absl::Milliseconds(20);

// The parent's side of a run: feeds and drains the pipes until the child has ended.
class Conversation {
 public:
  Conversation(Clock& clock, const ProcessOptions& options)
      : clock_(clock),
        deadline_(clock.Elapsed() + options.deadline),
        cancellation_(options.cancellation) {}

  // The child's standard input, output and error.
  Pipe in, out, err;

  absl::StatusOr<ProcessResult> Hold(pid_t pid, absl::string_view input) {
    SetNonBlocking(in.write_end);
    SetNonBlocking(out.read_end);
    SetNonBlocking(err.read_end);
    if (input.empty()) in.CloseWrite();
    while (true) {
      const absl::Duration left = deadline_ - clock_.Elapsed();
      if (left <= absl::ZeroDuration()) {
        End(pid);
        return absl::DeadlineExceededError("process did not end in time and was killed");
      }
      if (cancellation_ != nullptr && cancellation_->cancelled()) {
        End(pid);
        return absl::CancelledError("process was killed because nobody waits for it any more");
      }
      Exchange(std::min(left, kReapInterval), input);
      int status = 0;
      const pid_t ended = waitpid(pid, &status, WNOHANG);
      if (ended == pid) return Finish(status);
      if (ended < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "wait for process");
    }
  }

 private:
  void Exchange(absl::Duration at_most, absl::string_view& input) {
    pollfd polled[3] = {
        {in.write_end, POLLOUT, 0}, {out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}};
    // Both closed nearly always means that the child is just ending.
    const bool ending = out.read_end < 0 && err.read_end < 0;
    const int millis = ending ? 1 : static_cast<int>(absl::ToInt64Milliseconds(at_most)) + 1;
    if (poll(polled, 3, millis) <= 0) return;
    if (polled[0].revents != 0) Feed(input);
    if (polled[1].revents != 0 && !Drain(out.read_end, result_.out)) out.CloseRead();
    if (polled[2].revents != 0 && !Drain(err.read_end, result_.err)) err.CloseRead();
  }

  void Feed(absl::string_view& input) {
    const ssize_t put = WriteQuietly(in.write_end, input);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (put > 0) input.remove_prefix(put);
    // A program that does not read its input is no error.
    if (put < 0 || input.empty()) in.CloseWrite();
  }

  absl::StatusOr<ProcessResult> Finish(int status) {
    if (out.read_end >= 0) Drain(out.read_end, result_.out);
    if (err.read_end >= 0) Drain(err.read_end, result_.err);
    result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return std::move(result_);
  }

  static void End(pid_t pid) {
    // The whole group: what the program has started ends with it.
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  Clock& clock_;
  const absl::Duration deadline_;
  const Cancellation* const cancellation_;
  ProcessResult result_;
};

// A descriptor of /dev/null or of the log file.
absl::StatusOr<int> OpenOutput(const std::string& log_file) {
  const int fd = log_file.empty()
                     ? open("/dev/null", O_RDWR | O_CLOEXEC)
                     : open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", log_file));
  return fd;
}

}  // namespace

absl::StatusOr<ProcessResult> RunProcess(Clock& clock, const ProcessOptions& options) {
  Launch launch;
  ESPALIER_RETURN_IF_ERROR(PrepareLaunch(options.argv, options.working_dir, options.env, launch));
  Conversation talk(clock, options);
  Pipe failure;
  ESPALIER_RETURN_IF_ERROR(talk.in.Open());
  ESPALIER_RETURN_IF_ERROR(talk.out.Open());
  ESPALIER_RETURN_IF_ERROR(talk.err.Open());
  ESPALIER_RETURN_IF_ERROR(failure.Open());
  launch.fds[0] = talk.in.read_end;
  launch.fds[1] = talk.out.write_end;
  launch.fds[2] = talk.err.write_end;
  launch.max_memory_bytes = options.max_memory_bytes;
  launch.max_cpu_seconds = options.max_cpu_seconds;
  launch.max_file_bytes = options.max_file_bytes;

  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid == 0) {
    // A group of its own, so that all of it can be ended at the deadline.
    setpgid(0, 0);
    BecomeProgram(launch, failure.write_end);
  }
  // Here as well: whoever comes first, the group is there before anybody signals it.
  setpgid(pid, pid);
  talk.in.CloseRead();
  talk.out.CloseWrite();
  talk.err.CloseWrite();
  failure.CloseWrite();
  ESPALIER_RETURN_IF_ERROR(AwaitLaunch(launch, pid, failure.read_end));
  absl::StatusOr<ProcessResult> result = talk.Hold(pid, options.stdin_bytes);
  if (!result.ok()) return Annotate(result.status(), absl::StrCat("run ", options.argv[0]));
  return result;
}

absl::StatusOr<pid_t> SpawnProcess(const SpawnOptions& options) {
  Launch launch;
  ESPALIER_RETURN_IF_ERROR(PrepareLaunch(options.argv, options.working_dir, options.env, launch));
  Pipe report;
  ESPALIER_RETURN_IF_ERROR(report.Open());
  // Closed when this function returns; a pipe's ends serve as the two descriptors.
  Pipe files;
  ESPALIER_ASSIGN_OR_RETURN(files.read_end, OpenOutput(""));
  ESPALIER_ASSIGN_OR_RETURN(files.write_end, OpenOutput(options.log_file));
  launch.fds[0] = files.read_end;
  launch.fds[1] = launch.fds[2] = files.write_end;

  const pid_t middle = fork();
  if (middle < 0) return absl::ErrnoToStatus(errno, "fork");
  if (middle == 0) {
    // The session's leader ends at once: the program belongs to init, and never gets a terminal.
    setsid();
    const pid_t program = fork();
    if (program != 0) _exit(program < 0 ? 1 : 0);
    const pid_t self = getpid();
    while (write(report.write_end, &self, sizeof(self)) < 0 && errno == EINTR) {
    }
    BecomeProgram(launch, report.write_end);
  }
  report.CloseWrite();
  ReapChild(middle);
  pid_t pid = 0;
  if (!ReadReport(report.read_end, &pid, sizeof(pid)))
    return absl::InternalError("fork of the program failed");
  int error = 0;
  if (ReadReport(report.read_end, &error, sizeof(error))) {
    return absl::ErrnoToStatus(error, absl::StrCat("start ", launch.program));
  }
  return pid;
}

absl::Status KillProcess(pid_t pid, int signal) {
  // 0 and below would mean groups, among them our own.
  if (pid <= 0) return absl::InvalidArgumentError("process ids are positive");
  if (kill(pid, signal) == 0) return absl::OkStatus();
  if (errno == ESRCH) return absl::NotFoundError(absl::StrCat("no process ", pid));
  return absl::ErrnoToStatus(errno, absl::StrCat("signal process ", pid));
}

bool IsProcessAlive(pid_t pid) {
  if (pid <= 0) return false;
#ifdef __APPLE__
  proc_bsdinfo info{};
  if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) <= 0) {
    return kill(pid, 0) == 0 || errno == EPERM;
  }
  return info.pbi_status != SZOMB;
#else
  const int fd = open(absl::StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char buffer[512];
  const ssize_t got = read(fd, buffer, sizeof(buffer));
  close(fd);
  if (got <= 0) return false;
  // "pid (name) state": the name may hold anything, the state follows its last parenthesis.
  const absl::string_view line(buffer, got);
  const std::size_t name_end = line.rfind(')');
  if (name_end == absl::string_view::npos || name_end + 2 >= line.size()) return false;
  const char state = line[name_end + 2];
  return state != 'Z' && state != 'X';
#endif
}

}  // namespace espalier
