#include "engine/base/process_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
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

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/call_context.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

extern char** environ;

namespace espalier {
namespace {

// How often a child is looked after whose pipes say nothing: it may have closed them, or left them
// to a child of its own.
constexpr absl::Duration kReapInterval = absl::Milliseconds(20);

// The two ends of a pipe; neither is inherited by programs that other threads start.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }

  absl::Status Open() {
    int ends[2];
#ifdef __APPLE__
    if (pipe(ends) != 0) return absl::ErrnoToStatus(errno, "make pipe");
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#else
    if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "make pipe");
#endif
    read_end = ends[0];
    write_end = ends[1];
    return absl::OkStatus();
  }
  void CloseRead() { Close(read_end); }
  void CloseWrite() { Close(write_end); }

 private:
  static void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
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
  int fds[3] = {-1, -1, -1};
  std::int64_t max_memory_bytes = 0;
  std::int64_t max_cpu_seconds = 0;
  std::int64_t max_file_bytes = 0;
};

// Looks a program up as execvp would, with the PATH that the child will see.
std::string FindProgram(const std::string& name, absl::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  for (absl::string_view dir : absl::StrSplit(path, ':')) {
    std::string candidate = absl::StrCat(dir.empty() ? "." : dir, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

absl::Status Prepare(const std::vector<std::string>& argv, const std::string& working_dir,
                     const std::map<std::string, std::string>& env, Launch& launch) {
  if (argv.empty()) return absl::InvalidArgumentError("no program given");
  std::map<std::string, std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(absl::string_view(*entry), absl::MaxSplits('=', 1));
    merged.insert(parts);
  }
  for (const auto& [name, value] : env) merged[name] = value;
  launch.program = FindProgram(argv[0], merged["PATH"]);
  if (launch.program.empty()) {
    return absl::NotFoundError(absl::StrCat("program ", argv[0], " is not on PATH"));
  }
  launch.working_dir = working_dir;
  launch.argv_text = argv;
  for (const auto& [name, value] : merged) {
    launch.env_text.push_back(absl::StrCat(name, "=", value));
  }
  for (std::string& text : launch.argv_text) launch.argv.push_back(text.data());
  for (std::string& text : launch.env_text) launch.env.push_back(text.data());
  launch.argv.push_back(nullptr);
  launch.env.push_back(nullptr);
  return absl::OkStatus();
}

void Limit(int resource, std::int64_t value) {
  if (value <= 0) return;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = static_cast<rlim_t>(value);
  setrlimit(resource, &limit);
}

// In the child: becomes the program, or writes errno to `error_fd` and ends. Async-signal-safe.
[[noreturn]] void BecomeProgram(const Launch& launch, int error_fd) {
  int error = 0;
  // First above the standard ones, so that no dup2 overwrites what a later one needs.
  int high[3];
  for (int i = 0; i < 3; ++i) high[i] = fcntl(launch.fds[i], F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; ++i) {
    if (dup2(high[i], i) < 0) error = errno;
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  Limit(RLIMIT_AS, launch.max_memory_bytes);
  Limit(RLIMIT_CPU, launch.max_cpu_seconds);
  Limit(RLIMIT_FSIZE, launch.max_file_bytes);
  if (error == 0 && !launch.working_dir.empty() && chdir(launch.working_dir.c_str()) != 0) {
    error = errno;
  }
  if (error == 0) {
    execve(launch.program.c_str(), launch.argv.data(), launch.env.data());
    error = errno;
  }
  while (write(error_fd, &error, sizeof(error)) < 0 && errno == EINTR) {
  }
  _exit(127);
}

// Reads one value of a child's report; false at its end without one.
template <typename T>
bool ReadValue(int fd, T& value) {
  char* at = reinterpret_cast<char*>(&value);
  std::size_t missing = sizeof(value);
  while (missing > 0) {
    const ssize_t got = read(fd, at, missing);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    missing -= got;
  }
  return true;
}

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Takes what is there. False when the other side has closed.
bool Drain(int fd, std::string& kept) {
  char buffer[16384];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (got == 0) return false;
    // What is above the limit is read all the same: the program must not block on it.
    const std::size_t room = limits::kProcessOutput - kept.size();
    kept.append(buffer, std::min<std::size_t>(room, got));
  }
}

// write() without the signal that a closed pipe brings: who embeds this library need not ignore it.
ssize_t WriteQuietly(int fd, absl::string_view bytes) {
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t put = write(fd, bytes.data(), bytes.size());
  const int error = errno;
  sigset_t pending;
  if (put < 0 && error == EPIPE && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE)) {
    int taken = 0;
    sigwait(&pipe_signal, &taken);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return put;
}

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

void ReapChild(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

absl::StatusOr<ProcessResult> RunProcess(Clock& clock, const ProcessOptions& options) {
  Launch launch;
  ESPALIER_RETURN_IF_ERROR(Prepare(options.argv, options.working_dir, options.env, launch));
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
  int error = 0;
  if (ReadValue(failure.read_end, error)) {
    ReapChild(pid);
    return absl::ErrnoToStatus(error, absl::StrCat("run ", launch.program));
  }
  absl::StatusOr<ProcessResult> result = talk.Hold(pid, options.stdin_bytes);
  if (!result.ok()) return Annotate(result.status(), absl::StrCat("run ", options.argv[0]));
  return result;
}

absl::StatusOr<pid_t> SpawnProcess(const SpawnOptions& options) {
  Launch launch;
  ESPALIER_RETURN_IF_ERROR(Prepare(options.argv, options.working_dir, options.env, launch));
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
  if (!ReadValue(report.read_end, pid)) return absl::InternalError("fork of the program failed");
  int error = 0;
  if (ReadValue(report.read_end, error)) {
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
