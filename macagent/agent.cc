#include "macagent/agent.h"

#include <utility>

#include "engine/loop/loop.h"
#include "macagent/lease_keeper.h"

namespace espalier::agent {
namespace {

LoopOptions OptionsOf(const std::string& host) {
  LoopOptions options;
  options.name = "host";
  options.query.add_kinds("host");
  options.query.add_kinds("vm");
  options.query.set_host(host);
  options.caller = {.role = Caller::Role::kAgent, .subject = "host " + host, .host = host};
  return options;
}

}  // namespace

class Agent::Parts {
 public:
  Parts(Clock& clock, Threads& threads, Random& random, Log& log, Resources& resources,
        Lease& lease, Driver& driver, ImageStore& images, Ports& ports, const HostOptions& options)
      : clock_(clock),
        threads_(threads),
        lease_(clock, threads, log, lease, driver, images, options.host),
        reconciler_(
            clock, log, resources, driver, images, ports, lease_,
            [this](absl::AnyInvocable<void()> work) { return background_->Post(std::move(work)); },
            [this] { loop_.wakeup().Notify(); }, options),
        loop_(clock, threads, random, log, resources, reconciler_, OptionsOf(options.host)) {
    lease_.NotifyOn(loop_.wakeup());
    images.NotifyOn(loop_.wakeup());
  }

  void Start() {
    background_ = std::make_unique<SerialExecutor>(clock_, threads_, "launch");
    lease_.Start();
    loop_.Start();
  }

  void Stop() {
    if (background_ == nullptr) return;
    // Who posts first, then who works, then who is asked for leases.
    loop_.Stop();
    background_->Stop();
    lease_.Stop();
    background_.reset();
  }

  bool IsRegistered() const { return reconciler_.is_registered(); }

 private:
  Clock& clock_;
  Threads& threads_;
  LeaseKeeper lease_;
  std::unique_ptr<SerialExecutor> background_;
  HostReconciler reconciler_;
  Loop loop_;
};

Agent::Agent(Clock& clock, Threads& threads, Random& random, Log& log, Resources& resources,
             Lease& lease, Driver& driver, ImageStore& images, Ports& ports, HostOptions options)
    : parts_(std::make_unique<Parts>(clock, threads, random, log, resources, lease, driver, images,
                                     ports, options)) {}

Agent::~Agent() = default;

void Agent::Start() { parts_->Start(); }
void Agent::Stop() { parts_->Stop(); }
bool Agent::IsRegistered() const { return parts_->IsRegistered(); }

}  // namespace espalier::agent
