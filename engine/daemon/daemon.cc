#include "engine/daemon/daemon.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/control/control.h"
#include "engine/control/image_source.h"
#include "engine/daemon/capacity.h"
#include "engine/daemon/cluster_settings.h"
#include "engine/daemon/housekeeping.h"
#include "engine/daemon/registry_login.h"
#include "engine/listen/http_server.h"
#include "engine/listen/listen.h"
#include "engine/net/http.h"
#include "engine/oci/registry.h"
#include "engine/server/auth/authorize.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/grpc_server.h"
#include "engine/server/local_resources.h"
#include "engine/server/metrics.h"
#include "engine/server/rest/rest.h"
#include "engine/server/sessions.h"
#include "engine/server/vault.h"
#include "engine/store/sqlite.h"

namespace espalier {
namespace {

// Together with what an idle HTTP connection may take to end this stays below five seconds.
constexpr absl::Duration kGrace = absl::Seconds(2);

// A JSON string of bytes that need little escaping: paths and addresses.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

class RealDaemon final : public Daemon {
 public:
  RealDaemon(Machine machine, DaemonOptions options)
      : machine_(std::move(machine)), options_(std::move(options)) {}
  ~RealDaemon() override { ESPALIER_CHECK(store_ == nullptr); }

  // Stop takes down whatever part of it has been started.
  absl::Status Open() {
    ESPALIER_ASSIGN_OR_RETURN(const TlsFiles tls, LoadTls(machine_.io, options_.tls_cert,
                                                          options_.tls_key, options_.client_ca));
    // Said before anything is opened: it is the mistake that is easily made.
    ESPALIER_RETURN_IF_ERROR(CheckListen(options_.grpc, tls.enabled()).status());
    ESPALIER_RETURN_IF_ERROR(CheckListen(options_.http, tls.enabled()).status());
    ESPALIER_RETURN_IF_ERROR(OpenData());
    StartControl();
    const Served served = {machine_.clock,      machine_.threads, *authorized_,
                           *sessions_,          *sessions_,       *tokens_,
                           resources_->audit(), *vault_,          metrics_};
    ESPALIER_ASSIGN_OR_RETURN(grpc_, GrpcServer::Start(served, options_.grpc, tls));
    rest_ = std::make_unique<RestService>(
        served, [this] { return MeasureGauges(); },
        // Goes through the writer, so it says what the next write would be told.
        [this] { return store_->Commit({}).status(); });
    ESPALIER_ASSIGN_OR_RETURN(
        http_,
        HttpServer::Start(machine_.clock, machine_.threads,
                          {.admit = [this](const HttpCall& call) { return rest_->Admit(call); },
                           .answer = [this](const HttpCall& call) { return rest_->Answer(call); }},
                          {.address = options_.http,
                           .tls = tls,
                           // Watches, and as many ordinary connections beside them.
                           .threads = 2 * limits::kRestWatches,
                           .waiting = 2 * limits::kRestWatches,
                           .body_bytes = limits::kRestBody}));
    machine_.log.Info("engine serves", {{telemetry::kAddress, grpc_->address()},
                                        {telemetry::kPath, options_.data_dir}});
    return WriteReadyFile();
  }

  std::string grpc_address() const override { return grpc_->address(); }
  std::string http_address() const override { return http_->address(); }

  void Stop() override {
    if (!options_.ready_file.empty() && http_ != nullptr) {
      machine_.io.RemoveAll(options_.ready_file).IgnoreError();
    }
    http_stop_.Cancel();
    if (http_ != nullptr) http_->Stop();
    if (grpc_ != nullptr) grpc_->Stop(kGrace);
    if (control_ != nullptr) control_->Stop();
    if (housekeeping_ != nullptr) housekeeping_->Stop();
    http_.reset();
    rest_.reset();
    grpc_.reset();
    control_.reset();
    registry_.reset();
    outgoing_.reset();
    housekeeping_.reset();
    sessions_.reset();
    authorized_.reset();
    tokens_.reset();
    resources_.reset();
    vault_.reset();
    if (store_ == nullptr) return;
    const absl::Status closed = store_->Close();
    if (!closed.ok()) {
      machine_.log.Error("database was not closed", {{telemetry::kError, closed.ToString()}});
    }
    store_.reset();
  }

 private:
  absl::Status OpenData() {
    ESPALIER_RETURN_IF_ERROR(
        Annotate(machine_.io.MakeDirs(options_.data_dir, 0700), "making the data directory"));
    ESPALIER_ASSIGN_OR_RETURN(store_,
                              OpenSqliteStore(machine_.clock, machine_.threads,
                                              absl::StrCat(options_.data_dir, "/espalier.db")));
    ESPALIER_ASSIGN_OR_RETURN(vault_, Vault::Open(machine_.io, machine_.log, *store_,
                                                  absl::StrCat(options_.data_dir, "/secrets.key"),
                                                  options_.forget_secrets));
    LocalResources::Options options{
        .capacity =
            [this](const ObjectMap& before, const EarlierObjects& earlier, const PlanOutput& plan) {
              return capacity_.VerdictOf(before, earlier, plan);
            },
        .vault = vault_.get()};
    ESPALIER_ASSIGN_OR_RETURN(
        resources_, LocalResources::Open(machine_.clock, machine_.random, machine_.log, *store_,
                                         std::move(options)));
    if (options_.forget_secrets) ESPALIER_RETURN_IF_ERROR(vault_->ForgetAll());
    authorized_ = std::make_unique<AuthorizedResources>(*resources_, &resources_->audit());
    tokens_ =
        std::make_unique<Tokens>(machine_.clock, machine_.random, *store_, resources_->audit());
    sessions_ = std::make_unique<SessionRegistry>(machine_.clock, LeaseTermsOf(*resources_));
    return tokens_->WriteFirstAdminToken(machine_.io, TokenFile()).status();
  }

  void StartControl() {
    housekeeping_ =
        std::make_unique<Housekeeping>(machine_.clock, machine_.threads, machine_.log, *resources_);
    outgoing_ = MakeHttp(&http_stop_);
    registry_ = oci::MakeRegistry(machine_.clock, machine_.random, *outgoing_,
                                  MakeRegistryLogin(*resources_, *vault_, machine_.io, machine_.log,
                                                    options_.secrets_dir, machine_.environment),
                                  &http_stop_);
    control_ = std::make_unique<control::Control>(
        control::ControlOptions{.clock = machine_.clock,
                                .threads = machine_.threads,
                                .random = machine_.random,
                                .log = machine_.log,
                                .resources = *resources_,
                                .sessions = *sessions_,
                                .images = control::MakeImageSource(*registry_)});
    control_->Start();
  }

  Gauges MeasureGauges() const {
    Gauges gauges;
    for (const KindInfo& kind : AllKinds()) gauges.objects[kind.name] = 0;
    const ObjectMap objects = resources_->Snapshot();
    objects.ForEach(
        [&](const Resource& object) { ++gauges.objects[InfoOf(object.body_case()).name]; });
    gauges.revision = objects.revision();
    gauges.watches = resources_->watches();
    gauges.sessions = sessions_->size();
    return gauges;
  }

  std::string TokenFile() const { return absl::StrCat(options_.data_dir, "/admin-token"); }

  absl::Status WriteReadyFile() {
    if (options_.ready_file.empty()) return absl::OkStatus();
    const std::string text =
        absl::StrCat("{\"grpc\":", Quoted(grpc_->address()), ",\"http\":", Quoted(http_->address()),
                     ",\"admin_token_file\":", Quoted(TokenFile()), ",\"pid\":", ::getpid(), "}\n");
    return Annotate(machine_.io.WriteFile(options_.ready_file, text, 0644),
                    "writing the ready file");
  }

  const Machine machine_;
  const DaemonOptions options_;
  Cancellation http_stop_;
  Metrics metrics_;
  CapacityBook capacity_;
  // In the order in which they are made; each borrows from those above it.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<LocalResources> resources_;
  std::unique_ptr<AuthorizedResources> authorized_;
  std::unique_ptr<Tokens> tokens_;
  std::unique_ptr<SessionRegistry> sessions_;
  std::unique_ptr<Housekeeping> housekeeping_;
  std::unique_ptr<Http> outgoing_;
  std::unique_ptr<oci::Registry> registry_;
  std::unique_ptr<control::Control> control_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<RestService> rest_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(Machine machine,
                                                      const DaemonOptions& options) {
  auto daemon = std::make_unique<RealDaemon>(std::move(machine), options);
  if (absl::Status opened = daemon->Open(); !opened.ok()) {
    daemon->Stop();
    return opened;
  }
  return daemon;
}

}  // namespace espalier
