#include "tests/support/docker_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

bool Accepts(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ESPALIER_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  ESPALIER_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

absl::StatusOr<std::unique_ptr<DockerRegistry>> DockerRegistry::Start(Clock& clock, Io& io,
                                                                      const std::string& dir) {
  std::unique_ptr<DockerRegistry> registry(new DockerRegistry(clock, io));
  // Somebody else may take the port in between: then another one is tried.
  for (int tries = 0; tries < 5; ++tries) {
    const int port = FreePort();
    registry->address_ = absl::StrCat("127.0.0.1:", port);
    registry->log_file_ = absl::StrCat(dir, "/registry.log");
    const std::string config = absl::StrCat(dir, "/registry.yml");
    ESPALIER_RETURN_IF_ERROR(
        io.WriteFile(config,
                     absl::StrCat("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                                  "storage:\n  filesystem: {rootdirectory: ",
                                  dir,
                                  "/registry}\n"
                                  "  maintenance: {uploadpurging: {enabled: false}}\n"
                                  "http: {addr: \"",
                                  registry->address_, "\"}\n"),
                     0600));
    ESPALIER_ASSIGN_OR_RETURN(registry->pid_,
                              io.Spawn({.argv = {"docker-registry", "serve", config},
                                        .env = {{"OTEL_TRACES_EXPORTER", "none"}},
                                        .log_file = registry->log_file_}));
    for (int looks = 0; looks < 1000 && io.IsAlive(registry->pid_); ++looks) {
      if (Accepts(port)) return registry;
      clock.Sleep(absl::Milliseconds(10));
    }
  }
  return absl::UnavailableError("docker-registry does not serve");
}

DockerRegistry::~DockerRegistry() {
  if (pid_ == 0 || !io_.Kill(pid_, SIGKILL).ok()) return;
  for (int looks = 0; looks < 1000 && io_.IsAlive(pid_); ++looks) {
    clock_.Sleep(absl::Milliseconds(5));
  }
}

}  // namespace espalier
