#include "macagent/driver/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

// A closed connection is an error of send, not a signal: by option where there is no flag for it.
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

namespace espalier::agent {
namespace {

constexpr absl::Duration kSlowAsker = absl::Seconds(1);

absl::Status Failed(absl::string_view doing, const std::string& name) {
  const int error = errno;
  if (error == ENOENT) return absl::NotFoundError(absl::StrCat("no socket ", name));
  if (error == EAGAIN || error == EWOULDBLOCK) {
    return absl::DeadlineExceededError(absl::StrCat(doing, " ", name, ": no answer in time"));
  }
  return absl::UnavailableError(absl::StrCat(doing, " ", name, ": ", std::strerror(error)));
}

// False if the path does not fit into an address.
bool SetPath(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

// An address, and the open directory that it may go through.
struct Address {
  sockaddr_un path;
  std::optional<Socket> dir;
};

absl::StatusOr<Address> MakeAddress(const std::string& dir, const std::string& name) {
  Address address;
  const std::string path = absl::StrCat(dir, "/", name);
  if (SetPath(path, address.path)) return address;
  // The kernel knows an open directory under a short name as well.
  address.dir.emplace(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (address.dir->fd() < 0) return Failed("open", dir);
  if (!SetPath(absl::StrCat("/proc/self/fd/", address.dir->fd(), "/", name), address.path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is too long for a socket"));
  }
  return address;
}

absl::StatusOr<Socket> NewSocket() {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "make socket");
  fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof(yes));
#endif
  return Socket(fd);
}

void SetTimeout(int fd, absl::Duration timeout) {
  const timeval value = absl::ToTimeval(timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof(value));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value));
}

absl::Status SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Failed("write to", "socket");
    bytes.remove_prefix(sent);
  }
  return absl::OkStatus();
}

// Reads up to a line end (taken away) or, without `line`, to the end.
absl::StatusOr<std::string> Receive(int fd, bool line) {
  std::string bytes;
  char buffer[4096];
  while (bytes.size() < limits::kFileBytes) {
    const ssize_t got = recv(fd, buffer, line ? 1 : sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read from", "socket");
    if (got == 0) return bytes;
    if (line && buffer[0] == '\n') return bytes;
    bytes.append(buffer, got);
  }
  return absl::ResourceExhaustedError("answer is too long");
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Socket> ConnectUnix(const std::string& dir, const std::string& name,
                                   absl::Duration timeout) {
  ESPALIER_ASSIGN_OR_RETURN(Socket socket, NewSocket());
  SetTimeout(socket.fd(), timeout);
  ESPALIER_ASSIGN_OR_RETURN(const Address address, MakeAddress(dir, name));
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.path),
              sizeof(address.path)) != 0) {
    return Failed("connect to", absl::StrCat(dir, "/", name));
  }
  return socket;
}

absl::StatusOr<std::string> AskUnix(const std::string& dir, const std::string& name,
                                    absl::string_view line, absl::Duration timeout) {
  ESPALIER_ASSIGN_OR_RETURN(const Socket socket, ConnectUnix(dir, name, timeout));
  ESPALIER_RETURN_IF_ERROR(SendAll(socket.fd(), absl::StrCat(line, "\n")));
  ESPALIER_ASSIGN_OR_RETURN(std::string answer, Receive(socket.fd(), false));
  if (answer.empty()) return absl::UnavailableError(absl::StrCat(dir, "/", name, " broke off"));
  return answer;
}

absl::StatusOr<std::unique_ptr<UnixServer>> UnixServer::Listen(const std::string& dir,
                                                               const std::string& name) {
  const std::string path = absl::StrCat(dir, "/", name);
  if (ConnectUnix(dir, name, kSlowAsker).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("somebody listens on ", path));
  }
  unlink(path.c_str());
  ESPALIER_ASSIGN_OR_RETURN(Socket listener, NewSocket());
  ESPALIER_ASSIGN_OR_RETURN(const Address address, MakeAddress(dir, name));
  if (bind(listener.fd(), reinterpret_cast<const sockaddr*>(&address.path), sizeof(address.path)) !=
          0 ||
      listen(listener.fd(), 16) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("listen on ", path));
  }
  fcntl(listener.fd(), F_SETFL, O_NONBLOCK);
  return std::unique_ptr<UnixServer>(new UnixServer(std::move(listener)));
}

void UnixServer::Serve(absl::Duration timeout,
                       absl::FunctionRef<std::string(absl::string_view)> answer) {
  pollfd waiting = {.fd = listener_.fd(), .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <= 0) return;
  while (true) {
    const Socket asker(accept(listener_.fd(), nullptr, nullptr));
    if (asker.fd() < 0) return;
    fcntl(asker.fd(), F_SETFD, FD_CLOEXEC);
    SetTimeout(asker.fd(), kSlowAsker);
    const absl::StatusOr<std::string> line = Receive(asker.fd(), true);
    // An asker that went away gets no answer, and nobody else is hurt by that.
    if (line.ok()) (void)SendAll(asker.fd(), answer(*line));
  }
}

}  // namespace espalier::agent
