#include "engine/base/piped_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "engine/base/status.h"

namespace espalier {

absl::StatusOr<std::unique_ptr<PipedProcess>> PipedProcess::Start(
    const PipedProcessOptions& options) {
  Launch launch;
  ESPALIER_RETURN_IF_ERROR(PrepareLaunch(options.argv, options.working_dir, options.env, launch));
  launch.dies_with_parent = true;
  Pipe in, out, err, failure;
  for (Pipe* pipe : {&in, &out, &err, &failure}) ESPALIER_RETURN_IF_ERROR(pipe->Open());
  launch.fds[0] = in.read_end;
  launch.fds[1] = out.write_end;
  launch.fds[2] = err.write_end;
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid == 0) BecomeProgram(launch, failure.write_end);
  failure.CloseWrite();
  ESPALIER_RETURN_IF_ERROR(AwaitLaunch(launch, pid, failure.read_end));
  std::unique_ptr<PipedProcess> process(new PipedProcess(pid, options.idle_timeout));
  process->in_.write_end = std::exchange(in.write_end, -1);
  process->out_.read_end = std::exchange(out.read_end, -1);
  process->err_.read_end = std::exchange(err.read_end, -1);
  SetNonBlocking(process->in_.write_end);
  SetNonBlocking(process->out_.read_end);
  SetNonBlocking(process->err_.read_end);
  return process;
}

PipedProcess::~PipedProcess() {
  if (!ended_) Kill();
}

absl::StatusOr<std::size_t> PipedProcess::Read(char* buffer, std::size_t size) {
  while (out_.read_end >= 0) {
    const ssize_t got = read(out_.read_end, buffer, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      return absl::ErrnoToStatus(errno, "read from process");
    }
    if (!Await(out_.read_end, POLLIN)) return absl::DeadlineExceededError("nothing comes any more");
  }
  return 0;
}

absl::Status PipedProcess::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = WriteQuietly(in_.write_end, bytes);
    if (put >= 0) {
      bytes.remove_prefix(put);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!Await(in_.write_end, POLLOUT)) {
        return absl::DeadlineExceededError("nothing is taken any more");
      }
    } else if (errno != EINTR) {
      return absl::UnavailableError("the process reads no more");
    }
  }
  return absl::OkStatus();
}

bool PipedProcess::Await(int fd, short events) {
  while (true) {
    pollfd polled[2] = {{fd, events, 0}, {err_.read_end, POLLIN, 0}};
    const int ready = poll(polled, 2, static_cast<int>(absl::ToInt64Milliseconds(idle_timeout_)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    // Words alone are no progress, but whoever says some is alive.
    if (polled[1].revents != 0 && !Drain(err_.read_end, said_)) err_.CloseRead();
    if (polled[0].revents != 0) return true;
  }
}

ProcessResult PipedProcess::Finish() {
  in_.CloseWrite();
  out_.CloseRead();
  // A program that ends closes its standard error.
  while (err_.read_end >= 0 && Await(err_.read_end, POLLIN)) {
  }
  if (err_.read_end >= 0) kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = "",
          .err = std::move(said_)};
}

void PipedProcess::Kill() {
  kill(pid_, SIGKILL);
  ReapChild(pid_);
  ended_ = true;
}

}  // namespace espalier
