#include "engine/client/remote.h"

#include <utility>

#include "engine/base/status.h"
#include "engine/client/connection.h"
#include "engine/client/remote_lease.h"
#include "engine/client/remote_resources.h"
#include "espalier/v1/agent_service.grpc.pb.h"
#include "espalier/v1/audit_service.grpc.pb.h"
#include "espalier/v1/secret_service.grpc.pb.h"

namespace espalier {
namespace {

constexpr char kUnsent[] = "espalier/unsent";

class RemoteSecrets final : public Secrets {
 public:
  // `connection` must outlive it.
  explicit RemoteSecrets(const Connection& connection)
      : connection_(connection), stub_(v1::SecretService::NewStub(connection.channel())) {}

  absl::StatusOr<std::string> Reveal(const CallContext& context,
                                     const std::string& sealed) override {
    v1::RevealRequest request;
    request.set_sealed(sealed);
    v1::RevealResponse answer;
    ESPALIER_RETURN_IF_ERROR(connection_.Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          stub_->async()->Reveal(call, &request, &answer, std::move(done));
        }));
    return std::move(*answer.mutable_value());
  }

 private:
  const Connection& connection_;
  const std::unique_ptr<v1::SecretService::Stub> stub_;
};

// The audit trail of an engine elsewhere. Thread-safe.
class RemoteAudit final : public Audit {
 public:
  // `connection` must outlive it.
  explicit RemoteAudit(const Connection& connection)
      : connection_(connection), stub_(v1::AuditService::NewStub(connection.channel())) {}

  absl::StatusOr<AuditPage> List(const CallContext& context, const AuditQuery& query) override {
    AuditPage page;
    ESPALIER_RETURN_IF_ERROR(connection_.Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          stub_->async()->List(call, &query, &page, std::move(done));
        }));
    return page;
  }

 private:
  const Connection& connection_;
  const std::unique_ptr<v1::AuditService::Stub> stub_;
};

class GrpcRemote final : public Remote {
 public:
  explicit GrpcRemote(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)),
        resources_(*connection_),
        lease_(*connection_),
        secrets_(*connection_),
        audit_(*connection_),
        tokens_(v1::TokenService::NewStub(connection_->channel())) {}

  Resources& resources() override { return resources_; }
  Lease& lease() override { return lease_; }
  Secrets& secrets() override { return secrets_; }
  Audit& audit() override { return audit_; }

  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const CallContext& context, const v1::CreateTokenRequest& request) override {
    v1::CreateTokenResponse answer;
    ESPALIER_RETURN_IF_ERROR(connection_->Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          tokens_->async()->CreateToken(call, &request, &answer, std::move(done));
        }));
    return answer;
  }

  absl::Status RevokeToken(const CallContext& context, const std::string& id) override {
    v1::RevokeTokenRequest request;
    request.set_id(id);
    v1::RevokeTokenResponse answer;
    return connection_->Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          tokens_->async()->RevokeToken(call, &request, &answer, std::move(done));
        });
  }

  absl::StatusOr<v1::ListTokensResponse> ListTokens(const CallContext& context) override {
    const v1::ListTokensRequest request;
    v1::ListTokensResponse answer;
    ESPALIER_RETURN_IF_ERROR(connection_->Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          tokens_->async()->ListTokens(call, &request, &answer, std::move(done));
        }));
    return answer;
  }

  absl::StatusOr<v1::GetProgressResponse> GetProgress(const CallContext& context,
                                                      const std::string& host) override {
    v1::GetProgressRequest request;
    request.set_host(host);
    v1::GetProgressResponse answer;
    ESPALIER_RETURN_IF_ERROR(connection_->Unary(
        context, [&](grpc::ClientContext* call, std::function<void(grpc::Status)> done) {
          tokens_->async()->GetProgress(call, &request, &answer, std::move(done));
        }));
    return answer;
  }

 private:
  const std::unique_ptr<Connection> connection_;
  RemoteResources resources_;
  RemoteLease lease_;
  RemoteSecrets secrets_;
  RemoteAudit audit_;
  const std::unique_ptr<v1::TokenService::Stub> tokens_;
};

}  // namespace

RemoteOptions WithEnvironment(RemoteOptions options, const Environment& env) {
  const auto fill = [&](std::string& value, const char* name) {
    if (value.empty()) value = env(name).value_or("");
  };
  fill(options.engine, "ESPALIER_ENGINE");
  if (options.engine.empty()) options.engine = "127.0.0.1:7443";
  if (options.token_file.empty()) fill(options.token, "ESPALIER_TOKEN");
  if (options.token.empty()) fill(options.token_file, "ESPALIER_TOKEN_FILE");
  fill(options.ca_file, "ESPALIER_CA_FILE");
  fill(options.cert_file, "ESPALIER_CERT_FILE");
  fill(options.key_file, "ESPALIER_KEY_FILE");
  return options;
}

const v1::PullProgress* FindPull(const v1::GetProgressResponse& progress, const std::string& host,
                                 const std::string& digest) {
  const auto of_host = progress.hosts().find(host);
  if (of_host == progress.hosts().end()) return nullptr;
  const auto pull = of_host->second.pulls().find(digest);
  return pull == of_host->second.pulls().end() ? nullptr : &pull->second;
}

bool IsUnsent(const absl::Status& status) { return status.GetPayload(kUnsent).has_value(); }

absl::Status Unsent(absl::Status status) {
  status.SetPayload(kUnsent, absl::Cord());
  return status;
}

absl::StatusOr<std::unique_ptr<Remote>> MakeRemote(Clock& clock, Threads& threads, Io& io,
                                                   const RemoteOptions& options) {
  ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                            Connection::Make(clock, io, options));
  return std::make_unique<GrpcRemote>(std::move(connection));
}

}  // namespace espalier
