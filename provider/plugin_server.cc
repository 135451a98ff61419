#include "provider/plugin_server.h"

#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/base/worker_pool.h"
#include "go_plugin/go_plugin.grpc.pb.h"
#include "grpc_health/grpc_health.grpc.pb.h"
#include "provider/certificate.h"
#include "provider/lane.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier::provider {
namespace {

// What Go's own SDK allows in each direction: state of one object may be large.
constexpr int kMessageBytes = 256 << 20;
// Core makes as many calls at once as -parallelism says; each may wait for an engine. What more
// would come waits, as the calls that gRPC holds anyway.
constexpr std::size_t kMaxWorkers = 1024;
// How long calls under way may take once core has said that it is done: for the answer to that to
// be written, which core does not even look at. Core waits for our end.
constexpr int kDrainMilliseconds = 5;

// A stream of events that is written one by one. Deletes itself once it is finished.
template <typename Event>
class EventStream final : public grpc::ServerWriteReactor<Event> {
 public:
  explicit EventStream(Clock& clock) : clock_(clock) {}

  // Blocks until the event is on its way; false if nobody listens any more.
  bool Write(const Event& event) {
    this->StartWrite(&event);
    clock_.WaitUntil(written_, absl::InfiniteDuration());
    return listening_;
  }

 private:
  void OnWriteDone(bool ok) override {
    listening_ = ok;
    written_.Notify();
  }
  void OnDone() override { delete this; }

  Clock& clock_;
  Wakeup written_;
  // Handed over by `written_`.
  bool listening_ = true;
};

// What is answered at once is answered by gRPC's own threads, of which there are two; what may wait
// for an engine, by workers.
class ProviderService final : public tfplugin6::Provider::CallbackService {
 public:
  ProviderService(Clock& clock, Log& log, Provider& provider, WorkerPool& workers)
      : clock_(clock),
        log_(log),
        provider_(provider),
        workers_(workers),
        reads_(provider, workers),
        plans_(provider, workers),
        applies_(provider, workers) {}

#define ESPALIER_METHOD(Method, Answer)                                              \
  grpc::ServerUnaryReactor* Method(grpc::CallbackServerContext* context,             \
                                   const tfplugin6::Method::Request* request,        \
                                   tfplugin6::Method::Response* response) override { \
    const absl::Duration start = Start();                                            \
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();                   \
    auto done = [this, reactor, request, start] {                                    \
      Answered(#Method, *request, start);                                            \
      reactor->Finish(grpc::Status::OK);                                             \
    };                                                                               \
    Answer;                                                                          \
    return reactor;                                                                  \
  }
#define ESPALIER_AT_ONCE(Method) \
  ESPALIER_METHOD(Method, provider_.Handle(*request, *response); done())
#define ESPALIER_BY_WORKER(Method)                                      \
  ESPALIER_METHOD(Method, RunByWorker([this, request, response, done] { \
                    provider_.Handle(*request, *response);              \
                    done();                                             \
                  }))
#define ESPALIER_TOGETHER(Method, lane) ESPALIER_METHOD(Method, lane.Add({request, response}, done))
  ESPALIER_AT_ONCE(GetMetadata)
  ESPALIER_AT_ONCE(GetProviderSchema)
  ESPALIER_AT_ONCE(ValidateProviderConfig)
  ESPALIER_AT_ONCE(ValidateResourceConfig)
  ESPALIER_AT_ONCE(ValidateDataResourceConfig)
  ESPALIER_AT_ONCE(UpgradeResourceState)
  ESPALIER_AT_ONCE(GetResourceIdentitySchemas)
  ESPALIER_AT_ONCE(UpgradeResourceIdentity)
  ESPALIER_BY_WORKER(ConfigureProvider)
  ESPALIER_TOGETHER(ReadResource, reads_)
  ESPALIER_TOGETHER(PlanResourceChange, plans_)
  ESPALIER_TOGETHER(ApplyResourceChange, applies_)
  ESPALIER_BY_WORKER(ImportResourceState)
  ESPALIER_AT_ONCE(GenerateResourceConfig)
  ESPALIER_AT_ONCE(MoveResourceState)
  ESPALIER_BY_WORKER(ReadDataSource)
  ESPALIER_AT_ONCE(ValidateListResourceConfig)
  ESPALIER_AT_ONCE(GetFunctions)
  ESPALIER_AT_ONCE(CallFunction)
  ESPALIER_AT_ONCE(ValidateEphemeralResourceConfig)
  ESPALIER_BY_WORKER(OpenEphemeralResource)
  ESPALIER_BY_WORKER(RenewEphemeralResource)
  ESPALIER_BY_WORKER(CloseEphemeralResource)
  ESPALIER_AT_ONCE(ValidateActionConfig)
  ESPALIER_AT_ONCE(PlanAction)
  ESPALIER_AT_ONCE(StopProvider)
#undef ESPALIER_TOGETHER
#undef ESPALIER_BY_WORKER
#undef ESPALIER_AT_ONCE
#undef ESPALIER_METHOD

#define ESPALIER_STREAM(Method)                                                            \
  grpc::ServerWriteReactor<tfplugin6::Method::Event>* Method(                              \
      grpc::CallbackServerContext*, const tfplugin6::Method::Request* request) override {  \
    const absl::Duration start = Start();                                                  \
    auto* stream = new EventStream<tfplugin6::Method::Event>(clock_);                      \
    RunByWorker([this, request, stream, start] {                                           \
      provider_.Handle(*request, [&](const auto& event) { return stream->Write(event); }); \
      Answered(#Method, *request, start);                                                  \
      stream->Finish(grpc::Status::OK);                                                    \
    });                                                                                    \
    return stream;                                                                         \
  }
  ESPALIER_STREAM(ListResource)
  ESPALIER_STREAM(InvokeAction)
#undef ESPALIER_STREAM

 private:
  void RunByWorker(absl::AnyInvocable<void()> work) {
    ESPALIER_CHECK(workers_.Post(std::move(work)).ok());
  }

  // When a call came, if anybody will read how long it took.
  absl::Duration Start() const {
    return log_.Enabled(LogLevel::kDebug) ? clock_.Elapsed() : absl::ZeroDuration();
  }

  template <typename Request>
  void Answered(const char* method, const Request& request, absl::Duration start) {
    if (!log_.Enabled(LogLevel::kDebug)) return;
    log_.Debug("call answered",
               {{"tf_rpc", method},
                {TypeKey(method), TypeName(request)},
                {telemetry::kDuration, absl::ToDoubleMilliseconds(clock_.Elapsed() - start)}});
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
  WorkerPool& workers_;
  Lane<tfplugin6::ReadResource> reads_;
  Lane<tfplugin6::PlanResourceChange> plans_;
  Lane<tfplugin6::ApplyResourceChange> applies_;
};

class ControllerService final : public plugin::GRPCController::CallbackService {
 public:
  explicit ControllerService(Wakeup& ended) : ended_(ended) {}

  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* context, const plugin::Empty*,
                                     plugin::Empty*) override {
    ended_.Notify();
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  Wakeup& ended_;
};

// Core shows what comes here as a warning, so nothing comes; an end of the stream would be one too:
// it ends with the connection.
class StdioService final : public plugin::GRPCStdio::CallbackService {
 public:
  grpc::ServerWriteReactor<plugin::StdioData>* StreamStdio(
      grpc::CallbackServerContext*, const google::protobuf::Empty*) override {
    return new Silence();
  }

 private:
  class Silence final : public grpc::ServerWriteReactor<plugin::StdioData> {
   public:
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };
};

// Terraform does not ask; other hosts of plugins do, by this name.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (request->service().empty() || request->service() == "plugin") {
      response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
      reactor->Finish(grpc::Status::OK);
    } else {
      reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service"));
    }
    return reactor;
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
  GrpcPluginServer(Clock& clock, Threads& threads, Log& log, Provider& provider, Wakeup& ended)
      : provider_(clock, log, provider, workers_),
        controller_(ended),
        workers_(clock, threads, "worker", kMaxWorkers, std::numeric_limits<std::size_t>::max()) {}
  ~GrpcPluginServer() override {
    server_.reset();
    workers_.Stop();
  }

  absl::Status Start(const PluginEnvironment& environment, const std::string& unique) {
    ServerIdentity identity;
    if (!environment.client_cert.empty()) {
      ESPALIER_ASSIGN_OR_RETURN(identity, MakeServerIdentity());
    }
    socket_ = SocketPath(environment, unique);
    const std::string address = socket_.empty() ? "127.0.0.1:0" : absl::StrCat("unix:", socket_);
    grpc::ServerBuilder builder;
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
    server_->Shutdown(gpr_time_from_millis(kDrainMilliseconds, GPR_TIMESPAN));
  }

 private:
  ProviderService provider_;
  ControllerService controller_;
  StdioService stdio_;
  HealthService health_;
  std::string socket_;
  std::string line_;
  // Ends before the services that its work belongs to.
  WorkerPool workers_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PluginServer>> StartPluginServer(
    const PluginEnvironment& environment, const std::string& unique, Clock& clock, Threads& threads,
    Log& log, Provider& provider, Wakeup& ended) {
  auto server = std::make_unique<GrpcPluginServer>(clock, threads, log, provider, ended);
  ESPALIER_RETURN_IF_ERROR(server->Start(environment, unique));
  return server;
}

}  // namespace espalier::provider
