#include "macagent/driver/qmp.h"

#include <errno.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

// As in unix_socket.cc.
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

namespace espalier::agent {
namespace {

constexpr absl::Duration kQmpTimeout = absl::Seconds(2);

}  // namespace

absl::StatusOr<std::unique_ptr<Qmp>> Qmp::Connect(const std::string& dir, const std::string& name) {
  ESPALIER_ASSIGN_OR_RETURN(Socket socket, ConnectUnix(dir, name, kQmpTimeout));
  std::unique_ptr<Qmp> qmp(new Qmp(std::move(socket)));
  // The greeting need not be read first: qemu takes the command as soon as it has said hello.
  ESPALIER_RETURN_IF_ERROR(qmp->Send("qmp_capabilities"));
  return qmp;
}

absl::Status Qmp::Send(absl::string_view command) {
  const std::string line = absl::StrCat("{\"execute\": \"", command, "\"}\n");
  const ssize_t sent = send(socket_.fd(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  return absl::UnavailableError("qemu does not take commands");
}

void Qmp::Poll() {
  char buffer[4096];
  while (true) {
    const ssize_t got = recv(socket_.fd(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    unread_.append(buffer, got);
    std::size_t end = 0;
    while ((end = unread_.find('\n')) != std::string::npos) {
      TakeLine(absl::string_view(unread_).substr(0, end));
      unread_.erase(0, end + 1);
    }
    // qemu's lines are short; what is not one is not kept.
    if (unread_.size() > limits::kProcessOutput) unread_.clear();
  }
}

void Qmp::TakeLine(absl::string_view line) {
  const nlohmann::json message =
      nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!message.is_object() || message.value("event", "") != "SHUTDOWN") return;
  const auto data = message.find("data");
  if (data != message.end() && data->is_object()) {
    shutdown_reason_ = data->value("reason", "unknown");
  }
}

}  // namespace espalier::agent
