// A repository over ssh: git-upload-pack at the other end of the machine's OpenSSH, which is
// started without a shell and without anybody's configuration. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reconciler/git/fetch.h"
#include "reconciler/git/repository_url.h"
#include "reconciler/git/smart_transport.h"

namespace espalier {

// The files in SshLogin::dir.
inline constexpr char kSshKeyFile[] = "key";
inline constexpr char kSshKnownHostsFile[] = "known_hosts";

// What goes into the file of known hosts for this URL: the keys of its host alone. Errors are those
// of KnownHosts.
absl::StatusOr<std::string> SshKnownHosts(const SshLogin& login, const RepositoryUrl& url);

// The program and its arguments. REQUIRES: `url` is one of ssh.
absl::StatusOr<std::vector<std::string>> SshCommand(const SshLogin& login,
                                                    const RepositoryUrl& url);

// REQUIRES: the two files are in `login`'s directory. Errors of the connection:
// FAILED_PRECONDITION (a host key that is not known), UNAUTHENTICATED (our key is not taken),
// NOT_FOUND (no such repository), UNAVAILABLE, DEADLINE_EXCEEDED (silence).
absl::StatusOr<std::unique_ptr<SmartConnection>> ConnectSsh(const SshLogin& login,
                                                            const RepositoryUrl& url);

// What the end of ssh means, of its exit status and its words.
absl::Status SshFailure(int exit_code, absl::string_view words);

}  // namespace espalier
