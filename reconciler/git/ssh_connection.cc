#include "reconciler/git/ssh_connection.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/piped_process.h"
#include "engine/base/status.h"
#include "reconciler/git/known_hosts.h"

namespace espalier {
namespace {

constexpr std::size_t kShownBytes = 500;
// What ssh itself ends with; everything else is the program's at the other end.
constexpr int kSshFailed = 255;

// The last words of a stranger, as one line of plain letters.
std::string Shown(absl::string_view words) {
  words = absl::StripAsciiWhitespace(words);
  if (words.size() > kShownBytes) words.remove_prefix(words.size() - kShownBytes);
  std::string shown;
  for (const char c : words) {
    if (c == '\n') {
      absl::StrAppend(&shown, "; ");
    } else if (absl::ascii_isprint(c)) {
      shown.push_back(c);
    }
  }
  return shown.empty() ? "it said nothing" : shown;
}

class SshConnection final : public SmartConnection {
 public:
  explicit SshConnection(std::unique_ptr<PipedProcess> ssh) : ssh_(std::move(ssh)) {}

  bool stateless() const override { return false; }
  // One conversation from the start.
  absl::Status Open(Part) override { return absl::OkStatus(); }

  absl::Status Write(absl::string_view bytes) override {
    const absl::Status status = ssh_->Write(bytes);
    return absl::IsUnavailable(status) ? End() : status;
  }

  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    absl::StatusOr<std::size_t> got = ssh_->Read(buffer, size);
    // git does not end a conversation without an answer: at the end ssh knows why.
    if (got.ok() && *got == 0) return End();
    return got;
  }

 private:
  absl::Status End() {
    if (failure_.ok()) {
      const ProcessResult result = ssh_->Finish();
      failure_ = SshFailure(result.exit_code, result.err);
    }
    return failure_;
  }

  const std::unique_ptr<PipedProcess> ssh_;
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<std::string> SshKnownHosts(const SshLogin& login, const RepositoryUrl& url) {
  ESPALIER_ASSIGN_OR_RETURN(const KnownHosts hosts, KnownHosts::Parse(login.known_hosts));
  ESPALIER_ASSIGN_OR_RETURN(KnownHosts::Host host, hosts.Find(url.host, url.port));
  return std::move(host.lines);
}

absl::StatusOr<std::vector<std::string>> SshCommand(const SshLogin& login,
                                                    const RepositoryUrl& url) {
  ESPALIER_ASSIGN_OR_RETURN(const KnownHosts hosts, KnownHosts::Parse(login.known_hosts));
  ESPALIER_ASSIGN_OR_RETURN(const KnownHosts::Host host, hosts.Find(url.host, url.port));
  std::vector<std::string> command = {"ssh", "-F", "none", "-T", "-a", "-x"};
  for (const std::string& option : {
           // The host is proven by the given keys, or nothing is sent.
           std::string("StrictHostKeyChecking=yes"),
           absl::StrCat("UserKnownHostsFile=", kSshKnownHostsFile),
           std::string("GlobalKnownHostsFile=/dev/null"),
           absl::StrCat("HostKeyAlgorithms=", absl::StrJoin(host.algorithms, ",")),
           std::string("CheckHostIP=no"),
           std::string("VerifyHostKeyDNS=no"),
           std::string("UpdateHostKeys=no"),
           std::string("CanonicalizeHostname=no"),
           // We are proven by the given key; nobody is there to be asked.
           std::string("BatchMode=yes"),
           std::string("IdentitiesOnly=yes"),
           std::string("IdentityAgent=none"),
           absl::StrCat("IdentityFile=", kSshKeyFile),
           std::string("PreferredAuthentications=publickey"),
           // Nothing else happens on the way.
           std::string("ProxyCommand=none"),
           std::string("PermitLocalCommand=no"),
           std::string("ClearAllForwardings=yes"),
           std::string("ControlMaster=no"),
           std::string("ControlPath=none"),
           std::string("EscapeChar=none"),
           // Silence has an end.
           std::string("ConnectTimeout=15"),
           std::string("ServerAliveInterval=10"),
           std::string("ServerAliveCountMax=3"),
           // Below it, why no algorithm was agreed upon is not said.
           std::string("LogLevel=INFO"),
       }) {
    command.push_back("-o");
    command.push_back(option);
  }
  command.insert(command.end(), {"-p", absl::StrCat(url.port), "-l", url.user, "--", url.host,
                                 absl::StrCat("git-upload-pack '", url.path, "'")});
  return command;
}

absl::StatusOr<std::unique_ptr<SmartConnection>> ConnectSsh(const SshLogin& login,
                                                            const RepositoryUrl& url) {
  PipedProcessOptions options;
  ESPALIER_ASSIGN_OR_RETURN(options.argv, SshCommand(login, url));
  // So that the two files need no path: ssh reads meanings into some letters of paths.
  options.working_dir = login.dir;
  // The environment may have been given up for safety.
  options.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  absl::StatusOr<std::unique_ptr<PipedProcess>> ssh = PipedProcess::Start(options);
  if (absl::IsNotFound(ssh.status())) {
    return absl::FailedPreconditionError(
        "repositories over ssh need OpenSSH's client (package openssh-client)");
  }
  if (!ssh.ok()) return Annotate(ssh.status(), "starting ssh");
  return std::make_unique<SshConnection>(*std::move(ssh));
}

absl::Status SshFailure(int exit_code, absl::string_view words) {
  const std::string shown = Shown(words);
  if (exit_code != kSshFailed) {
    const std::string lower = absl::AsciiStrToLower(words);
    if (absl::StrContains(lower, "does not appear to be a git repository") ||
        absl::StrContains(lower, "not found") || absl::StrContains(lower, "does not exist")) {
      return absl::NotFoundError(absl::StrCat("the host has no such repository: ", shown));
    }
    return absl::UnavailableError(absl::StrCat("the host ended the conversation: ", shown));
  }
  if (absl::StrContains(words, "Host key verification failed") ||
      absl::StrContains(words, "no matching host key type") ||
      absl::StrContains(words, "REVOKED HOST KEY")) {
    return absl::FailedPreconditionError(
        absl::StrCat("the host shows no key of known_hosts, nothing was sent: ", shown));
  }
  if (absl::StrContains(words, "Permission denied")) {
    return absl::UnauthenticatedError(absl::StrCat("the host does not take our key: ", shown));
  }
  return absl::UnavailableError(absl::StrCat("ssh: ", shown));
}

}  // namespace espalier
