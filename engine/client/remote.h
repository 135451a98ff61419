// Remote: an engine reached over gRPC. It gives the same interfaces that the engine has inside.
// Thread-safe; owns its connection. gRPC stays in the .cc.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/api/audit.h"
#include "engine/api/resources.h"
#include "engine/api/secrets.h"
#include "engine/api/sessions.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/model/secret.h"

namespace espalier {

struct RemoteOptions {
  // "host:port". Without a CA file only loopback addresses are accepted.
  std::string engine;
  std::string token;
  // Where the token is read from when `token` is empty.
  std::string token_file;
  // PEM files; empty: no TLS, or no client certificate.
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
};

// Fills what is empty from ESPALIER_ENGINE, ESPALIER_TOKEN, ESPALIER_TOKEN_FILE, ESPALIER_CA_FILE,
// ESPALIER_CERT_FILE and ESPALIER_KEY_FILE; the engine is 127.0.0.1:7443 at last. A given token or
// token file wins over both of the environment.
RemoteOptions WithEnvironment(RemoteOptions options, const Environment& env);

class Remote {
 public:
  virtual ~Remote() = default;

  virtual Resources& resources() = 0;
  // For agents. Beats of one host go over one stream, which is made anew when it breaks.
  virtual Lease& lease() = 0;
  // For agents and reconcilers.
  virtual Secrets& secrets() = 0;
  virtual Audit& audit() = 0;

  virtual absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const CallContext& context, const v1::CreateTokenRequest& request) = 0;
  virtual absl::Status RevokeToken(const CallContext& context, const std::string& id) = 0;
  virtual absl::StatusOr<v1::ListTokensResponse> ListTokens(const CallContext& context) = 0;
  // Pulls under way; empty `host` is all.
  virtual absl::StatusOr<v1::GetProgressResponse> GetProgress(const CallContext& context,
                                                              const std::string& host) = 0;
};

// How far the host is with pulling the image of that digest; null if it pulls none. Lives as long
// as `progress`.
const v1::PullProgress* FindPull(const v1::GetProgressResponse& progress, const std::string& host,
                                 const std::string& digest);

// Whether a call that failed so surely did not reach the engine: nobody answered the connection. Of
// any other failure of the way nobody can know. Remotes mark what they return.
bool IsUnsent(const absl::Status& status);
absl::Status Unsent(absl::Status status);

// Does not connect yet: the first call does, and fails with UNAVAILABLE if nobody answers.
// INVALID_ARGUMENT for options that cannot work; NOT_FOUND for files that are not there.
absl::StatusOr<std::unique_ptr<Remote>> MakeRemote(Clock& clock, Threads& threads, Io& io,
                                                   const RemoteOptions& options);

}  // namespace espalier
