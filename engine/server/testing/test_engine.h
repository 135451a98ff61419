// TestEngine: an engine without controllers, on a memory store and the real clock, served on
// loopback ports that the system chose. For tests that go over the wire. Owned by the test;
// thread-safe but for Restart.
#pragma once

#include <memory>
#include <string>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "engine/server/auth/authorize.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/grpc_server.h"
#include "engine/server/local_resources.h"
#include "engine/server/metrics.h"
#include "engine/server/sessions.h"
#include "engine/server/vault.h"
#include "engine/store/store.h"

namespace espalier {

class TestEngine {
 public:
  explicit TestEngine(TlsFiles tls = {}, const std::string& address = "127.0.0.1:0");
  ~TestEngine();

  // "127.0.0.1:34567".
  const std::string& address() const { return address_; }
  // A token's text, and its id if the test wants to revoke it.
  std::string NewToken(v1::TokenInfo::Role role, const std::string& of = "",
                       std::string* id = nullptr);
  // A client with the token.
  std::unique_ptr<Remote> Connect(const std::string& token, RemoteOptions options = {});
  std::unique_ptr<Remote> ConnectAs(v1::TokenInfo::Role role, const std::string& of = "");

  // The server goes away, and comes back on the same port with the same objects.
  void StopServing();
  void ServeAgain();

  Clock& clock() { return *clock_; }
  Threads& threads() { return *threads_; }
  Io& io() { return *io_; }
  LocalResources& resources() { return *resources_; }
  SessionRegistry& sessions() { return sessions_; }
  Tokens& tokens() { return tokens_; }
  Served served() {
    return {*clock_, *threads_,           authorized_, sessions_, sessions_,
            tokens_, resources_->audit(), *vault_,     metrics_};
  }

 private:
  void Serve(const std::string& address);

  const TlsFiles tls_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  const std::unique_ptr<Log> log_ = MakeNullLog();
  Random random_{1};
  const std::unique_ptr<Store> store_;
  // Its key is in memory alone.
  const std::unique_ptr<Io> key_disk_;
  const std::unique_ptr<Vault> vault_;
  const std::unique_ptr<LocalResources> resources_;
  AuthorizedResources authorized_;
  SessionRegistry sessions_;
  Tokens tokens_;
  Metrics metrics_;
  std::unique_ptr<GrpcServer> grpc_;
  std::string address_;
};

// What a caller of the engine's own tests says it is: an admin.
CallContext AdminContext();
// An Image of that name, declared by the CLI, as a set of one.
ApplyRequest ImageSet(const std::string& name, const std::string& reference = "r.example/a:1");

}  // namespace espalier
