#include "provider/plugin_server.h"

#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "go_plugin/go_plugin.grpc.pb.h"
#include "grpc_health/grpc_health.grpc.pb.h"
#include "provider/certificate.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier::provider {
namespace {

// What Go's own SDK allows in each direction: state of one object may be large.
constexpr int kMessageBytes = 256 << 20;
// How long calls under way may take once core has said that it is done: for the answer to that to
// be written, which core does not even look at. Core waits for our end.
constexpr int kDrainMilliseconds = 5;

class ProviderService final : public tfplugin6::Provider::Service {
 public:
  ProviderService(Clock& clock, Log& log, Provider& provider)
      : clock_(clock), log_(log), provider_(provider) {}

#define ESPALIER_FORWARD(Method)                                                       \
  grpc::Status Method(grpc::ServerContext*, const tfplugin6::Method::Request* request, \
                      tfplugin6::Method::Response* response) override {                \
    return Timed(#Method, *request, [&] { provider_.Handle(*request, *response); });   \
  }
  ESPALIER_FORWARD(GetMetadata)
  ESPALIER_FORWARD(GetProviderSchema)
  ESPALIER_FORWARD(ValidateProviderConfig)
  ESPALIER_FORWARD(ValidateResourceConfig)
  ESPALIER_FORWARD(ValidateDataResourceConfig)
  ESPALIER_FORWARD(UpgradeResourceState)
  ESPALIER_FORWARD(GetResourceIdentitySchemas)
  ESPALIER_FORWARD(UpgradeResourceIdentity)
  ESPALIER_FORWARD(ConfigureProvider)
  ESPALIER_FORWARD(ReadResource)
  ESPALIER_FORWARD(PlanResourceChange)
  ESPALIER_FORWARD(ApplyResourceChange)
  ESPALIER_FORWARD(ImportResourceState)
  ESPALIER_FORWARD(GenerateResourceConfig)
  ESPALIER_FORWARD(MoveResourceState)
  ESPALIER_FORWARD(ReadDataSource)
  ESPALIER_FORWARD(ValidateListResourceConfig)
  ESPALIER_FORWARD(GetFunctions)
  ESPALIER_FORWARD(CallFunction)
  ESPALIER_FORWARD(ValidateEphemeralResourceConfig)
  ESPALIER_FORWARD(OpenEphemeralResource)
  ESPALIER_FORWARD(RenewEphemeralResource)
  ESPALIER_FORWARD(CloseEphemeralResource)
  ESPALIER_FORWARD(ValidateActionConfig)
  ESPALIER_FORWARD(PlanAction)
  ESPALIER_FORWARD(StopProvider)
#undef ESPALIER_FORWARD

#define ESPALIER_FORWARD_STREAM(Method)                                                        \
  grpc::Status Method(grpc::ServerContext* context, const tfplugin6::Method::Request* request, \
                      grpc::ServerWriter<tfplugin6::Method::Event>* writer) override {         \
    const auto sink = [&](const tfplugin6::Method::Event& event) {                             \
      return !context->IsCancelled() && writer->Write(event);                                  \
    };                                                                                         \
    return Timed(#Method, *request, [&] { provider_.Handle(*request, sink); });                \
  }
  ESPALIER_FORWARD_STREAM(ListResource)
  ESPALIER_FORWARD_STREAM(InvokeAction)
#undef ESPALIER_FORWARD_STREAM

 private:
  template <typename Request>
  grpc::Status Timed(const char* method, const Request& request, absl::FunctionRef<void()> handle) {
    if (!log_.Enabled(LogLevel::kDebug)) {
      handle();
      return grpc::Status::OK;
    }
    const absl::Duration start = clock_.Elapsed();
    handle();
    log_.Debug("call answered",
               {{"tf_rpc", method},
                {TypeKey(method), TypeName(request)},
                {telemetry::kDuration, absl::ToDoubleMilliseconds(clock_.Elapsed() - start)}});
    return grpc::Status::OK;
  }

  // By the names that providers in Go use; a field without a name is left out of the line.
  static absl::string_view TypeKey(absl::string_view method) {
    if (absl::StrContains(method, "Resource")) {
      return absl::StrContains(method, "DataResource") ? "tf_data_source_type" : "tf_resource_type";
    }
    return absl::StrContains(method, "DataSource") ? "tf_data_source_type" : "";
  }
  template <typename Request>
  static absl::string_view TypeName(const Request& request) {
    if constexpr (requires { request.type_name(); }) {
      return request.type_name();
    } else {
      return "";
    }
  }

  Clock& clock_;
  Log& log_;
  Provider& provider_;
};

class ControllerService final : public plugin::GRPCController::Service {
 public:
  ControllerService(StopSignal& closing, Wakeup& ended) : closing_(closing), ended_(ended) {}

  grpc::Status Shutdown(grpc::ServerContext*, const plugin::Empty*, plugin::Empty*) override {
    closing_.Stop();
    ended_.Notify();
    return grpc::Status::OK;
  }

 private:
  StopSignal& closing_;
  Wakeup& ended_;
};

// Core shows what comes here as a warning, so nothing comes; an end of the stream would be one too.
class StdioService final : public plugin::GRPCStdio::Service {
 public:
  StdioService(Clock& clock, StopSignal& closing) : clock_(clock), closing_(closing) {}

  grpc::Status StreamStdio(grpc::ServerContext*, const google::protobuf::Empty*,
                           grpc::ServerWriter<plugin::StdioData>*) override {
    Wakeup wakeup;
    const StopSignal::Listener listener(closing_, wakeup);
    clock_.WaitUntil(wakeup, absl::InfiniteDuration());
    return grpc::Status::OK;
  }

 private:
  Clock& clock_;
  StopSignal& closing_;
};

// Terraform does not ask; other hosts of plugins do, by this name.
class HealthService final : public grpc::health::v1::Health::Service {
 public:
  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    if (!request->service().empty() && request->service() != "plugin") {
      return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service");
    }
    response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const PluginEnvironment& environment,
                                                     const ServerIdentity& identity) {
  if (environment.client_cert.empty()) return grpc::InsecureServerCredentials();
  // Only core holds the key of this certificate: nobody else on the machine can drive us with the
  // user's rights.
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = environment.client_cert;
  options.pem_key_cert_pairs.push_back({identity.key_pem, identity.certificate_pem});
  return grpc::SslServerCredentials(options);
}

class GrpcPluginServer final : public PluginServer {
 public:
  GrpcPluginServer(Clock& clock, Log& log, Provider& provider, Wakeup& ended)
      : provider_(clock, log, provider), controller_(closing_, ended), stdio_(clock, closing_) {}

  absl::Status Start(const PluginEnvironment& environment, const std::string& unique) {
    ServerIdentity identity;
    if (!environment.client_cert.empty()) {
      ESPALIER_ASSIGN_OR_RETURN(identity, MakeServerIdentity());
    }
    socket_ = SocketPath(environment, unique);
    const std::string address = socket_.empty() ? "127.0.0.1:0" : absl::StrCat("unix:", socket_);
    grpc::ServerBuilder builder;
    // One connection, which one queue serves best: the thread that reads a call also answers it.
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    int port = 0;
    builder.AddListeningPort(address, Credentials(environment, identity), &port);
    builder.RegisterService(&provider_);
    builder.RegisterService(&controller_);
    builder.RegisterService(&stdio_);
    builder.RegisterService(&health_);
    builder.SetMaxReceiveMessageSize(kMessageBytes);
    builder.SetMaxSendMessageSize(kMessageBytes);
    // The socket is made when the server starts; no other thread makes files then.
    const mode_t before = ::umask(077);
    server_ = builder.BuildAndStart();
    ::umask(before);
    if (server_ == nullptr || port == 0) {
      return absl::InternalError(absl::StrCat("cannot listen on ", address));
    }
    line_ = socket_.empty() ? HandshakeLine(environment, "tcp", absl::StrCat("127.0.0.1:", port),
                                            identity.certificate_der)
                            : HandshakeLine(environment, "unix", socket_, identity.certificate_der);
    return absl::OkStatus();
  }

  const std::string& handshake_line() const override { return line_; }

  void Stop() override {
    if (!socket_.empty()) ::unlink(socket_.c_str());
    closing_.Stop();
    server_->Shutdown(gpr_time_from_millis(kDrainMilliseconds, GPR_TIMESPAN));
  }

 private:
  StopSignal closing_;
  ProviderService provider_;
  ControllerService controller_;
  StdioService stdio_;
  HealthService health_;
  std::string socket_;
  std::string line_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PluginServer>> StartPluginServer(
    const PluginEnvironment& environment, const std::string& unique, Clock& clock, Log& log,
    Provider& provider, Wakeup& ended) {
  auto server = std::make_unique<GrpcPluginServer>(clock, log, provider, ended);
  ESPALIER_RETURN_IF_ERROR(server->Start(environment, unique));
  return server;
}

}  // namespace espalier::provider
