#include "tests/sim/machine.h"

#include <utility>

#include "engine/base/check.h"

namespace espalier::sim {

MortalDriver::MortalDriver(World& world, agent::SimHypervisor& hypervisor, const Weather& weather)
    : world_(world), weather_(weather), inner_(agent::MakeSimDriver(hypervisor)) {}

absl::Status MortalDriver::Alive() const {
  world_.Yield();
  return weather_.dead ? absl::UnavailableError("the agent was killed") : absl::OkStatus();
}

absl::StatusOr<std::string> MortalDriver::Prepare(const agent::RunSpec& spec) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->Prepare(spec);
}
absl::Status MortalDriver::Start(const agent::RunSpec& spec) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->Start(spec);
}
absl::Status MortalDriver::Stop(const agent::RunId& id, absl::Duration grace) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->Stop(id, grace);
}
absl::StatusOr<agent::Listing> MortalDriver::List() {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->List();
}
absl::Status MortalDriver::Renew(const agent::RunId& id, absl::Duration until) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->Renew(id, until);
}
absl::Status MortalDriver::SetFence(const agent::RunId& id, bool fence, absl::Duration until) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->SetFence(id, fence, until);
}
absl::Status MortalDriver::Forget(const agent::RunId& id) {
  if (absl::Status alive = Alive(); !alive.ok()) return alive;
  return inner_->Forget(id);
}

// One life of the agent, with the line that it speaks over.
struct Machine::Life {
  explicit Life(Machine& machine)
      : weather(machine.weather_),
        resources(machine.world_, machine.engine_, weather),
        lease(machine.world_, machine.lease_, weather),
        driver(machine.world_, machine.hypervisor_, weather),
        agent(machine.world_, machine.world_, machine.random_, machine.log_, resources, lease,
              driver, machine.images_, ports,
              agent::HostOptions{.host = machine.name_, .labels = {}, .agent_version = "sim"}) {}

  Weather weather;
  FaultyResources resources;
  FaultyLease lease;
  MortalDriver driver;
  agent::VirtualPorts ports;
  agent::Agent agent;
};

Machine::Machine(World& world, Log& log, Resources& engine, Lease& lease, std::string name,
                 agent::SimOptions options)
    : world_(world),
      log_(log),
      engine_(engine),
      lease_(lease),
      name_(std::move(name)),
      random_(world.random().Next()),
      hypervisor_(world, random_, std::move(options)),
      images_(world, random_, {}) {}

Machine::~Machine() { ESPALIER_CHECK(life_ == nullptr); }

void Machine::StartAgent() {
  ESPALIER_CHECK(life_ == nullptr);
  life_ = std::make_unique<Life>(*this);
  life_->agent.Start();
}

void Machine::KillAgent() {
  ESPALIER_CHECK(life_ != nullptr);
  life_->weather.dead = true;
  life_->agent.Stop();
  life_.reset();
}

void Machine::SetWeather(const Weather& weather) {
  weather_ = weather;
  if (life_ != nullptr) life_->weather = weather;
}

}  // namespace espalier::sim
