#include "provider/plugin_server.h"

#include <unistd.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/base/worker_pool.h"
#include "go_plugin/go_plugin.pb.h"
#include "grpc_health/grpc_health.pb.h"
#include "provider/certificate.h"
#include "provider/channel.h"
#include "provider/lane.h"
#include "provider/rpc_server.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {
namespace {

// What Go's own SDK allows in each direction: state of one object may be large.
constexpr std::size_t kMessageBytes = 256 << 20;
// Core makes as many calls at once as -parallelism says; each may wait for an engine. What more
// would come waits, as the calls that core holds anyway.
constexpr std::size_t kMaxWorkers = 1024;
// How long calls under way may take once core has said that it is done: for the answer to that to
// be written, which core does not even look at. Core waits for our end.
constexpr absl::Duration kDrainTime = absl::Milliseconds(5);

using Methods = std::map<std::string, RpcServer::Handler>;

// The provider's own methods. What can be answered at once is answered by the server's thread, what
// may wait for an engine by workers.
class ProviderMethods {
 public:
  // Borrowed; they outlive the methods.
  ProviderMethods(Clock& clock, Log& log, Provider& provider, WorkerPool& workers)
      : clock_(clock),
        log_(log),
        provider_(provider),
        workers_(workers),
        reads_(clock, provider, workers),
        plans_(clock, provider, workers),
        applies_(clock, provider, workers) {}

  void AddTo(Methods& methods) {
    AtOnce<tfplugin6::GetMetadata>(methods, "GetMetadata");
    AtOnce<tfplugin6::GetProviderSchema>(methods, "GetProviderSchema");
    AtOnce<tfplugin6::ValidateProviderConfig>(methods, "ValidateProviderConfig");
    AtOnce<tfplugin6::ValidateResourceConfig>(methods, "ValidateResourceConfig");
    AtOnce<tfplugin6::ValidateDataResourceConfig>(methods, "ValidateDataResourceConfig");
    AtOnce<tfplugin6::UpgradeResourceState>(methods, "UpgradeResourceState");
    AtOnce<tfplugin6::GetResourceIdentitySchemas>(methods, "GetResourceIdentitySchemas");
    AtOnce<tfplugin6::UpgradeResourceIdentity>(methods, "UpgradeResourceIdentity");
    ByWorker<tfplugin6::ConfigureProvider>(methods, "ConfigureProvider");
    Together<tfplugin6::ReadResource>(methods, "ReadResource", reads_);
    Together<tfplugin6::PlanResourceChange>(methods, "PlanResourceChange", plans_);
    Together<tfplugin6::ApplyResourceChange>(methods, "ApplyResourceChange", applies_);
    ByWorker<tfplugin6::ImportResourceState>(methods, "ImportResourceState");
    AtOnce<tfplugin6::GenerateResourceConfig>(methods, "GenerateResourceConfig");
    AtOnce<tfplugin6::MoveResourceState>(methods, "MoveResourceState");
    ByWorker<tfplugin6::ReadDataSource>(methods, "ReadDataSource");
    AtOnce<tfplugin6::ValidateListResourceConfig>(methods, "ValidateListResourceConfig");
    Streamed<tfplugin6::ListResource>(methods, "ListResource");
    AtOnce<tfplugin6::GetFunctions>(methods, "GetFunctions");
    AtOnce<tfplugin6::CallFunction>(methods, "CallFunction");
    AtOnce<tfplugin6::ValidateEphemeralResourceConfig>(methods, "ValidateEphemeralResourceConfig");
    ByWorker<tfplugin6::OpenEphemeralResource>(methods, "OpenEphemeralResource");
    ByWorker<tfplugin6::RenewEphemeralResource>(methods, "RenewEphemeralResource");
    ByWorker<tfplugin6::CloseEphemeralResource>(methods, "CloseEphemeralResource");
    AtOnce<tfplugin6::ValidateActionConfig>(methods, "ValidateActionConfig");
    AtOnce<tfplugin6::PlanAction>(methods, "PlanAction");
    Streamed<tfplugin6::InvokeAction>(methods, "InvokeAction");
    AtOnce<tfplugin6::StopProvider>(methods, "StopProvider");
  }

 private:
  static std::string FullName(const char* method) {
    return absl::StrCat("/tfplugin6.Provider/", method);
  }

  template <typename Method>
  void AtOnce(Methods& methods, const char* name) {
    methods[FullName(name)] = [this, name](RpcCall& call) {
      const absl::Duration start = Start();
      typename Method::Request request;
      if (!call.Parse(request)) return;
      typename Method::Response response;
      provider_.Handle(request, response);
      Answered(name, request, start);
      call.Answer(response);
    };
  }

  template <typename Method>
  struct Exchange {
    typename Method::Request request;
    typename Method::Response response;
  };

  template <typename Method>
  void ByWorker(Methods& methods, const char* name) {
    methods[FullName(name)] = [this, name](RpcCall& call) {
      const absl::Duration start = Start();
      auto exchange = std::make_unique<Exchange<Method>>();
      if (!call.Parse(exchange->request)) return;
      RunByWorker([this, name, start, &call, exchange = std::move(exchange)] {
        provider_.Handle(exchange->request, exchange->response);
        Answered(name, exchange->request, start);
        call.Answer(exchange->response);
      });
    };
  }

  template <typename Method>
  void Together(Methods& methods, const char* name, Lane<Method>& lane) {
    methods[FullName(name)] = [this, name, &lane](RpcCall& call) {
      const absl::Duration start = Start();
      auto exchange = std::make_unique<Exchange<Method>>();
      if (!call.Parse(exchange->request)) return;
      const Call<Method> own{&exchange->request, &exchange->response};
      lane.Add(own,
               [this, name, start, &call, exchange = std::move(exchange)](RpcAnswers& answers) {
                 Answered(name, exchange->request, start);
                 answers.Add(call, exchange->response);
               });
    };
  }

  template <typename Method>
  void Streamed(Methods& methods, const char* name) {
    methods[FullName(name)] = [this, name](RpcCall& call) {
      const absl::Duration start = Start();
      auto request = std::make_unique<typename Method::Request>();
      if (!call.Parse(*request)) return;
      RunByWorker([this, name, start, &call, request = std::move(request)] {
        provider_.Handle(*request, [&](const auto& event) { return call.Write(event); });
        Answered(name, *request, start);
        call.Finish(absl::OkStatus());
      });
    };
  }

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
    const absl::string_view type = TypeName(request);
    log_.Debug("call answered",
               {{"tf_rpc", method},
                {type.empty() ? "" : TypeKey(method), type},
                {telemetry::kDuration, absl::ToDoubleMilliseconds(clock_.Elapsed() - start)}});
  }

  // By the names that providers in Go use; a field without a name is left out of the line.
  static absl::string_view TypeKey(absl::string_view method) {
    // Most say "Resource" as well.
    static constexpr std::pair<absl::string_view, absl::string_view> kKeys[] = {
        {"DataSource", "tf_data_source_type"},
        {"DataResource", "tf_data_source_type"},
        {"EphemeralResource", "tf_ephemeral_resource_type"},
        {"ListResource", "tf_list_resource_type"},
        {"Action", "tf_action_type"},
        {"Function", "tf_function_name"},
        {"Resource", "tf_resource_type"}};
    for (const auto& [part, key] : kKeys) {
      if (absl::StrContains(method, part)) return key;
    }
    return "";
  }
  // What of the schema the call is about; empty for those that are about all of it.
  template <typename Request>
  static absl::string_view TypeName(const Request& request) {
    if constexpr (requires { request.type_name(); }) {
      return request.type_name();
    } else if constexpr (requires { request.target_type_name(); }) {
      return request.target_type_name();
    } else if constexpr (requires { request.action_type(); }) {
      return request.action_type();
    } else if constexpr (requires { request.name(); }) {
      return request.name();
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

// What go-plugin's client expects beside the provider: the end, output, and whether we are there.
class PluginMethods {
 public:
  explicit PluginMethods(Wakeup& ended) : ended_(ended) {}

  void AddTo(Methods& methods) {
    methods["/plugin.GRPCController/Shutdown"] = [this](RpcCall& call) {
      ended_.Notify();
      call.Answer(plugin::Empty());
    };
    // Core shows what comes here as a warning, so nothing comes; an end of the stream would be one
    // too.
    methods["/plugin.GRPCStdio/StreamStdio"] = [this](RpcCall& call) {
      MutexLock lock(mu_);
      silent_.push_back(&call);
    };
    // Terraform does not ask; other hosts of plugins do, by this name.
    methods["/grpc.health.v1.Health/Check"] = [](RpcCall& call) {
      grpc::health::v1::HealthCheckRequest request;
      if (!call.Parse(request)) return;
      if (!request.service().empty() && request.service() != "plugin") {
        call.Finish(absl::NotFoundError("no such service"));
        return;
      }
      grpc::health::v1::HealthCheckResponse response;
      response.set_status(grpc::health::v1::HealthCheckResponse::SERVING);
      call.Answer(response);
    };
  }

  // Ends the streams on which nothing comes.
  void EndSilence() {
    std::vector<RpcCall*> silent;
    {
      MutexLock lock(mu_);
      silent.swap(silent_);
    }
    for (RpcCall* call : silent) call->Finish(absl::OkStatus());
  }

 private:
  Wakeup& ended_;
  Mutex mu_;
  std::vector<RpcCall*> silent_ ABSL_GUARDED_BY(mu_);
};

class RpcPluginServer final : public PluginServer {
 public:
  RpcPluginServer(Clock& clock, Threads& threads, Log& log, Provider& provider, Wakeup& ended)
      : provider_methods_(clock, log, provider, workers_),
        plugin_methods_(ended),
        workers_(clock, threads, "worker", kMaxWorkers, std::numeric_limits<std::size_t>::max()),
        rpc_(clock, threads, AllMethods(), {.message_bytes = kMessageBytes, .calls = kMaxWorkers}) {
  }

  ~RpcPluginServer() override {
    Stop();
    workers_.Stop();
  }

  absl::Status Start(const PluginEnvironment& environment, const std::string& unique) {
    ServerIdentity identity;
    std::unique_ptr<TlsServer> tls;
    if (!environment.client_cert.empty()) {
      // Only core holds the key of its certificate: nobody else on the machine can drive us with
      // the user's rights.
      ESPALIER_ASSIGN_OR_RETURN(identity, MakeServerIdentity());
      ESPALIER_ASSIGN_OR_RETURN(tls, TlsServer::Make(identity, environment.client_cert));
    }
    socket_ = SocketPath(environment, unique);
    int port = 0;
    ESPALIER_ASSIGN_OR_RETURN(Descriptor listener,
                              socket_.empty() ? ListenOnLoopback(port) : ListenAt(socket_));
    ESPALIER_RETURN_IF_ERROR(rpc_.Start(std::move(listener), std::move(tls)));
    line_ = socket_.empty() ? HandshakeLine(environment, "tcp", absl::StrCat("127.0.0.1:", port),
                                            identity.certificate_der)
                            : HandshakeLine(environment, "unix", socket_, identity.certificate_der);
    return absl::OkStatus();
  }

  const std::string& handshake_line() const override { return line_; }

  void Stop() override {
    if (!socket_.empty()) ::unlink(socket_.c_str());
    plugin_methods_.EndSilence();
    rpc_.Stop(kDrainTime);
  }

 private:
  Methods AllMethods() {
    Methods methods;
    provider_methods_.AddTo(methods);
    plugin_methods_.AddTo(methods);
    return methods;
  }

  ProviderMethods provider_methods_;
  PluginMethods plugin_methods_;
  std::string socket_;
  std::string line_;
  // Ends before the methods that its work belongs to.
  WorkerPool workers_;
  RpcServer rpc_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PluginServer>> StartPluginServer(
    const PluginEnvironment& environment, const std::string& unique, Clock& clock, Threads& threads,
    Log& log, Provider& provider, Wakeup& ended) {
  auto server = std::make_unique<RpcPluginServer>(clock, threads, log, provider, ended);
  ESPALIER_RETURN_IF_ERROR(server->Start(environment, unique));
  return server;
}

}  // namespace espalier::provider
