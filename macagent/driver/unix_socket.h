// Unix sockets between an agent, its runners and their machines: one line is asked, some bytes are
// answered, the connection ends. They wait in the operating system rather than through a Clock, so
// nothing that the simulation runs uses them.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier::agent {

// A socket's file descriptor; closed at its end.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Connects to the socket `name` in the directory `dir`, however long that path is (socket addresses
// hold about 100 bytes). NOT_FOUND or UNAVAILABLE: nobody listens there. Reads and writes on it end
// after `timeout`.
absl::StatusOr<Socket> ConnectUnix(const std::string& dir, const std::string& name,
                                   absl::Duration timeout);

// Asks one line and reads the answer to its end. As ConnectUnix; DEADLINE_EXCEEDED when the other
// side does not answer in time, UNAVAILABLE when it breaks off.
absl::StatusOr<std::string> AskUnix(const std::string& dir, const std::string& name,
                                    absl::string_view line, absl::Duration timeout);

// Listens on a socket. One thread. The name is held for as long as this object (or the process)
// lives, also if nothing is ever served: two processes can agree by it on who is the one.
class UnixServer {
 public:
  // Takes the name over from a listener that is gone. ALREADY_EXISTS: somebody listens there.
  static absl::StatusOr<std::unique_ptr<UnixServer>> Listen(const std::string& dir,
                                                            const std::string& name);

  // Answers what is asked until `timeout` is over; a slow asker is left after a second.
  void Serve(absl::Duration timeout, absl::FunctionRef<std::string(absl::string_view)> answer);

 private:
  explicit UnixServer(Socket listener) : listener_(std::move(listener)) {}
  Socket listener_;
};

}  // namespace espalier::agent
