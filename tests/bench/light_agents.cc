#include "tests/bench/light_agents.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/client/connection.h"
#include "engine/client/remote_lease.h"
#include "engine/client/remote_resources.h"
#include "espalier/v1/resources_service.grpc.pb.h"

namespace espalier {
namespace {

// The engine's default between two beats of a host.
constexpr absl::Duration kBeatInterval = absl::Seconds(5);

// A Mac with room for some dozens of Linux VMs, so that a fleet of ten a host is no full one.
void DescribeHost(v1::HostObserved& host) {
  host.set_sequence(1);
  host.set_boot_id("boot-1");
  host.set_os("darwin");
  host.set_arch("arm64");
  host.set_cpu(128);
  host.set_memory_mib(512 * 1024);
  host.set_driver("light");
}

}  // namespace

class LightAgents::Agent final : public grpc::ClientReadReactor<WatchBatch> {
 public:
  Agent(LightAgents& all, std::string host, std::unique_ptr<Connection> connection)
      : all_(all),
        host_(std::move(host)),
        connection_(std::move(connection)),
        stub_(v1::ResourcesService::NewStub(connection_->channel())),
        lease_(*connection_) {}

  ~Agent() override {
    if (!watching_) return;
    call_.TryCancel();
    all_.clock_.WaitUntil(done_, absl::InfiniteDuration());
    while (reporting_.load() > 0) all_.clock_.Sleep(absl::Milliseconds(1));
  }

  absl::Status Register() {
    StatusWrite write;
    write.set_writer(StatusWrite::OBSERVED);
    write.set_register_(true);
    write.mutable_resource()->mutable_metadata()->set_name(host_);
    DescribeHost(*write.mutable_resource()->mutable_host()->mutable_status()->mutable_observed());
    RemoteResources resources(*connection_);
    ESPALIER_RETURN_IF_ERROR(resources.UpdateStatus(CallContext(), {write}).front().status());
    return Beat();
  }

  absl::Status Beat() {
    v1::Beat beat;
    beat.set_host(host_);
    beat.set_boot_id("boot-1");
    beat.set_number(++beats_);
    return lease_.Beat(CallContext(), beat).status();
  }

  void Watch() {
    request_.mutable_query()->set_host(host_);
    connection_->Prepare(CallContext(), call_);
    stub_->async()->Watch(&call_, &request_, this);
    StartRead(&batch_);
    StartCall();
    watching_ = true;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    const absl::Duration now = all_.clock_.Elapsed();
    for (const Event& event : batch_.events()) {
      if (event.type() == Event::PUT && event.resource().has_vm()) Take(event.resource(), now);
    }
    batch_.Clear();
    StartRead(&batch_);
  }

  void OnDone(const grpc::Status&) override { done_.Notify(); }

 private:
  struct Report {
    grpc::ClientContext call;
    v1::UpdateStatusRequest request;
    v1::UpdateStatusResponse answer;
  };

  void Take(const Resource& vm, absl::Duration now) {
    const v1::VmPlacement& placement = vm.vm().status().placement();
    if (placement.host() != host_ || placement.stop()) return;
    Seen& seen = seen_[vm.metadata().name()];
    if (seen.attempt != placement.attempt()) {
      seen.attempt = placement.attempt();
      all_.arrived_(vm.metadata().name(), now);
      ReportRunning(vm);
    }
    if (placement.phase() == v1::VmPlacement::RUNNING && !seen.running) {
      seen.running = true;
      ++all_.running_;
    }
  }

  void ReportRunning(const Resource& vm) {
    auto report = std::make_shared<Report>();  // gRPC's until the answer is here
    StatusWrite& write = *report->request.add_writes();
    write.set_writer(StatusWrite::OBSERVED);
    v1::Metadata& metadata = *write.mutable_resource()->mutable_metadata();
    metadata.set_name(vm.metadata().name());
    metadata.set_namespace_(vm.metadata().namespace_());
    v1::VmObserved& observed =
        *write.mutable_resource()->mutable_vm()->mutable_status()->mutable_observed();
    observed.set_uid(vm.metadata().uid());
    observed.set_attempt(vm.vm().status().placement().attempt());
    observed.set_sequence(1);
    observed.set_phase(v1::VmObserved::RUNNING);
    observed.set_ip("10.0.0.2");
    observed.set_reachable(true);
    connection_->Prepare(CallContext(), report->call);
    ++reporting_;
    stub_->async()->UpdateStatus(&report->call, &report->request, &report->answer,
                                 [this, report](const grpc::Status&) { --reporting_; });
  }

  struct Seen {
    std::int64_t attempt = 0;
    bool running = false;
  };

  LightAgents& all_;
  const std::string host_;
  const std::unique_ptr<Connection> connection_;
  const std::unique_ptr<v1::ResourcesService::Stub> stub_;
  RemoteLease lease_;
  // The beating thread's.
  std::int64_t beats_ = 0;
  // The watch; gRPC calls back one at a time.
  grpc::ClientContext call_;
  v1::WatchRequest request_;
  WatchBatch batch_;
  std::map<std::string, Seen> seen_;
  std::atomic<int> reporting_ = 0;
  bool watching_ = false;
  Wakeup done_;
};

LightAgents::LightAgents(Clock& clock, Threads& threads, Io& io, std::string engine,
                         std::function<void(const std::string&, absl::Duration)> arrived)
    : clock_(clock),
      threads_(threads),
      io_(io),
      engine_(std::move(engine)),
      arrived_(std::move(arrived)) {}

LightAgents::~LightAgents() {
  stop_.Notify();
  if (beating_ != nullptr) beating_->Join();
}

absl::Status LightAgents::Start(Remote& admin, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string host = absl::StrCat("mac-", i);
    v1::CreateTokenRequest wanted;
    wanted.mutable_token()->set_role(v1::TokenInfo::AGENT);
    wanted.mutable_token()->set_host(host);
    ESPALIER_ASSIGN_OR_RETURN(const v1::CreateTokenResponse token,
                              admin.CreateToken(CallContext(), wanted));
    RemoteOptions options;
    options.engine = engine_;
    options.token = token.secret();
    ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                              Connection::Make(clock_, io_, options));
    agents_.push_back(std::make_unique<Agent>(*this, host, std::move(connection)));
    ESPALIER_RETURN_IF_ERROR(agents_.back()->Register());
    agents_.back()->Watch();
  }
  beating_ = threads_.Start("beats", [this] { Beat(); });
  return absl::OkStatus();
}

// One after the other, evenly over the interval, as those of a real fleet would fall.
void LightAgents::Beat() {
  const absl::Duration step = kBeatInterval / static_cast<double>(agents_.size());
  absl::Duration next = clock_.Elapsed();
  while (true) {
    for (const auto& agent : agents_) {
      next += step;
      if (clock_.WaitUntil(stop_, next)) return;
      // A beat that fails is followed by the next; an engine that is gone shows elsewhere.
      agent->Beat().IgnoreError();
    }
  }
}

}  // namespace espalier
