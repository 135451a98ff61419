// Qmp: the control socket of a qemu process, as far as a runner needs it. One thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "macagent/driver/unix_socket.h"

namespace espalier::agent {

class Qmp {
 public:
  // Connects and greets. UNAVAILABLE or NOT_FOUND: qemu is not there (yet).
  static absl::StatusOr<std::unique_ptr<Qmp>> Connect(const std::string& dir,
                                                      const std::string& name);

  // Sends a command without arguments ("system_powerdown", "quit"); its answer is not waited for.
  absl::Status Send(absl::string_view command);

  // Takes in what qemu has said, without waiting.
  void Poll();
  // qemu said that the machine is shutting down, and why ("guest-shutdown", "host-qmp-quit",
  // "guest-panic"); empty until then.
  const std::string& shutdown_reason() const { return shutdown_reason_; }

 private:
  explicit Qmp(Socket socket) : socket_(std::move(socket)) {}
  void TakeLine(absl::string_view line);

  Socket socket_;
  std::string unread_;
  std::string shutdown_reason_;
};

}  // namespace espalier::agent
