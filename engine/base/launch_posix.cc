#include "engine/base/launch_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"

extern char** environ;

namespace espalier {
namespace {

void Close(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// Looks a program up as execvp would, with the PATH that the child will see.
std::string FindProgram(const std::string& name, absl::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  for (absl::string_view dir : absl::StrSplit(path, ':')) {
    std::string candidate = absl::StrCat(dir.empty() ? "." : dir, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

void Limit(int resource, std::int64_t value) {
  if (value <= 0) return;
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = static_cast<rlim_t>(value);
  setrlimit(resource, &limit);
}

}  // namespace

Pipe::~Pipe() {
  CloseRead();
  CloseWrite();
}

absl::Status Pipe::Open() {
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

void Pipe::CloseRead() { Close(read_end); }
void Pipe::CloseWrite() { Close(write_end); }

absl::Status PrepareLaunch(const std::vector<std::string>& argv, const std::string& working_dir,
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

void BecomeProgram(const Launch& launch, int error_fd) {
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
#ifdef __linux__
  if (launch.dies_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
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

absl::Status AwaitLaunch(const Launch& launch, pid_t pid, int error_fd) {
  int error = 0;
  if (!ReadReport(error_fd, &error, sizeof(error))) return absl::OkStatus();
  ReapChild(pid);
  return absl::ErrnoToStatus(error, absl::StrCat("run ", launch.program));
}

bool ReadReport(int fd, void* value, std::size_t size) {
  char* at = static_cast<char*>(value);
  std::size_t missing = size;
  while (missing > 0) {
    const ssize_t got = read(fd, at, missing);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    missing -= got;
  }
  return true;
}

void ReapChild(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

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

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

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

}  // namespace espalier
