// SshServer: the machine's sshd on a free loopback port, one process for each connection, with keys
// and a log of its own. Whoever runs the test may log in. For tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "tests/support/loopback_server.h"

namespace espalier {

// Made by ssh-keygen.
struct SshKeyPair {
  std::string private_key;
  // "ssh-ed25519 AAAA...".
  std::string public_key;
};

// `type` as ssh-keygen's -t; `dir` is for its files.
SshKeyPair MakeSshKey(Io& io, const std::string& dir, const std::string& type,
                      const std::string& passphrase = "");

class SshServer {
 public:
  struct Options {
    // Empty directory of its own.
    std::string dir;
    std::vector<SshKeyPair> host_keys;
    std::string authorized_key;
  };

  // False if the machine has no sshd.
  static bool Installed(Io& io);

  SshServer(Threads& threads, Io& io, const Options& options);

  int port() const { return server_->port(); }
  // "ssh://user@127.0.0.1:port".
  std::string url() const;
  // What sshd said so far, with everything that clients tried.
  std::string log() const;

 private:
  Io& io_;
  const std::string dir_;
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace espalier
