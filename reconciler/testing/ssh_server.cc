#include "reconciler/testing/ssh_server.h"

#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

extern char** environ;

namespace espalier {
namespace {

// Debian's; an absolute path is what sshd itself insists on.
constexpr char kSshd[] = "/usr/sbin/sshd";

// Runs sshd on the connection until it ends.
void RunSshd(const std::string& config, const std::string& log, int fd, int stop) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
  std::string arguments[] = {kSshd, "-i", "-f", config, "-E", log};
  char* argv[] = {arguments[0].data(),
                  arguments[1].data(),
                  arguments[2].data(),
                  arguments[3].data(),
                  arguments[4].data(),
                  arguments[5].data(),
                  nullptr};
  pid_t pid = 0;
  ESPALIER_CHECK(posix_spawn(&pid, kSshd, &actions, nullptr, argv, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  // It ends with its client, or with the test.
  bool stopped = false;
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    pollfd polled = {stop, POLLIN, 0};
    if (!stopped && poll(&polled, 1, 20) > 0) {
      kill(pid, SIGKILL);
      stopped = true;
    }
  }
}

}  // namespace

SshKeyPair MakeSshKey(Io& io, const std::string& dir, const std::string& type,
                      const std::string& passphrase) {
  ESPALIER_CHECK(io.MakeDirs(dir, 0700).ok());
  const std::string file = absl::StrCat(dir, "/made-key");
  ESPALIER_CHECK(io.RemoveAll(file).ok());
  const absl::StatusOr<ProcessResult> made =
      io.Run({.argv = {"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "", "-f", file}});
  ESPALIER_CHECK(made.ok() && made->exit_code == 0);
  return {.private_key = io.ReadFile(file, 65536).value(),
          .public_key =
              std::string(absl::StripAsciiWhitespace(io.ReadFile(file + ".pub", 65536).value()))};
}

bool SshServer::Installed(Io& io) { return io.Stat(kSshd).ok(); }

SshServer::SshServer(Threads& threads, Io& io, const Options& options)
    : io_(io), dir_(options.dir) {
  ESPALIER_CHECK(io.MakeDirs(dir_, 0700).ok());
  // sshd checks that it is there when root starts it.
  if (geteuid() == 0) mkdir("/run/sshd", 0755);
  std::string config = absl::StrCat("AuthorizedKeysFile ", dir_,
                                    "/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n"
                                    "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
                                    "KbdInteractiveAuthentication no\nLogLevel DEBUG2\n");
  for (std::size_t i = 0; i < options.host_keys.size(); ++i) {
    const std::string file = absl::StrCat(dir_, "/host-key-", i);
    ESPALIER_CHECK(io.WriteFile(file, options.host_keys[i].private_key, 0600).ok());
    absl::StrAppend(&config, "HostKey ", file, "\n");
  }
  ESPALIER_CHECK(
      io.WriteFile(absl::StrCat(dir_, "/authorized_keys"), options.authorized_key + "\n", 0600)
          .ok());
  const std::string config_file = absl::StrCat(dir_, "/sshd_config");
  ESPALIER_CHECK(io.WriteFile(config_file, config, 0600).ok());
  server_ = std::make_unique<LoopbackServer>(
      threads, [config_file, log = absl::StrCat(dir_, "/log")](int fd, int stop) {
        RunSshd(config_file, log, fd, stop);
      });
}

std::string SshServer::url() const {
  const passwd* const user = getpwuid(geteuid());
  ESPALIER_CHECK(user != nullptr);
  return absl::StrCat("ssh://", user->pw_name, "@", server_->address());
}

std::string SshServer::log() const {
  return io_.ReadFile(absl::StrCat(dir_, "/log"), 16 * 1024 * 1024).value_or("");
}

}  // namespace espalier
