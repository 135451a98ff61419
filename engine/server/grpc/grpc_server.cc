#include "engine/server/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/worker_pool.h"
#include "engine/server/grpc/agent_service.h"
#include "engine/server/grpc/audit_service.h"
#include "engine/server/grpc/calls.h"
#include "engine/server/grpc/resources_service.h"
#include "engine/server/grpc/secret_service.h"
#include "engine/server/grpc/token_service.h"
#include "engine/server/watch_pump.h"

namespace espalier {
namespace {

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const TlsFiles& tls) {
  if (!tls.enabled()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      tls.client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls.client_ca;
  options.pem_key_cert_pairs.push_back({tls.key, tls.certificate});
  return grpc::SslServerCredentials(options);
}

class Server final : public GrpcServer {
 public:
  Server(const Served& served, const CallLimits& call_limits)
      : clock_(served.clock),
        pool_(served.clock, served.threads, "grpc-call", call_limits.at_work, call_limits.waiting),
        pump_(served.clock, served.threads,
              [&tokens = served.tokens](const std::string& id) { return tokens.Stands(id); }),
        calls_(served, pool_),
        resources_(calls_, pump_),
        agents_(calls_),
        tokens_(calls_, pump_),
        secrets_(calls_),
        audit_(calls_) {}

  ~Server() override { ESPALIER_CHECK(stopped_); }

  absl::Status Listen(const Address& address, const TlsFiles& tls) {
    grpc::ServerBuilder builder;
    const int bytes = static_cast<int>(limits::kMessageBytes);
    builder.SetMaxReceiveMessageSize(bytes).SetMaxSendMessageSize(bytes);
    // Without this a second daemon could share the port, and callers would meet either.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // A client that vanished is noticed within half a minute, and its watch is closed.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);
    int port = 0;
    builder.AddListeningPort(address.ToString(), CredentialsOf(tls), &port);
    builder.RegisterService(&resources_);
    builder.RegisterService(&agents_);
    builder.RegisterService(&tokens_);
    builder.RegisterService(&secrets_);
    builder.RegisterService(&audit_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", address.ToString(),
                       " (is the address taken, do the certificates fit?)"));
    }
    address_ = Address{.host = address.host, .port = static_cast<std::uint16_t>(port)}.ToString();
    return absl::OkStatus();
  }

  std::string address() const override { return address_; }

  void Stop(absl::Duration grace) override {
    ESPALIER_CHECK(!stopped_);
    stopped_ = true;
    calls_.Drain(clock_.Elapsed() + grace);
    pump_.Stop();
    // What still runs are sessions, and calls that used up the grace: cancelled at once.
    if (server_ != nullptr) server_->Shutdown(gpr_inf_past(GPR_CLOCK_REALTIME));
    pool_.Stop();
    if (server_ != nullptr) server_->Wait();
  }

 private:
  Clock& clock_;
  WorkerPool pool_;
  WatchPump pump_;
  Calls calls_;
  ResourcesService resources_;
  AgentService agents_;
  TokenService tokens_;
  SecretService secrets_;
  AuditService audit_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const Served& served,
                                                              const std::string& address,
                                                              const TlsFiles& tls,
                                                              const CallLimits& call_limits) {
  ESPALIER_ASSIGN_OR_RETURN(const Address parsed, CheckListen(address, tls.enabled()));
  auto server = std::make_unique<Server>(served, call_limits);
  if (absl::Status listening = server->Listen(parsed, tls); !listening.ok()) {
    server->Stop(absl::ZeroDuration());
    return listening;
  }
  return server;
}

}  // namespace espalier
