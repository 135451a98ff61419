// Ports: chooses the ports of this machine under which guests are reached. Several agents on one
// machine share them, and a VM outlives its agent, so a choice is written down where all agents
// look:
//
//   <shared dir>/<port>/owner    the path of the record that the port belongs to
//
// A port whose record is gone is free again. A directory is put in place with its owner in it by
// one rename, which fails if somebody else was first: that is the whole lock.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/io.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "macagent/driver/driver.h"

namespace espalier::agent {

// The first port that is tried for a mapping: 8822 for ssh, 5999 for vnc, 5900 for screenshare, as
// Orka's users know them, and 10000 for others.
std::uint32_t FirstPort(absl::string_view name);

// Thread-safe.
class Ports {
 public:
  virtual ~Ports() = default;
  // Chooses the lowest free port for each mapping of the run that has none yet.
  // RESOURCE_EXHAUSTED: none is free; nothing is taken then.
  virtual absl::Status Take(RunSpec& spec) = 0;
  // The run has these ports already (it was adopted).
  virtual void Keep(const RunSpec& spec) = 0;
  // All ports of all runs but these are free. Called first with all runs that are here.
  virtual void ReleaseAllBut(const std::set<RunId>& runs) = 0;
};

// Ports in memory: for the simulation, where a host is alone with itself.
class VirtualPorts final : public Ports {
 public:
  absl::Status Take(RunSpec& spec) override;
  void Keep(const RunSpec& spec) override;
  void ReleaseAllBut(const std::set<RunId>& runs) override;

 private:
  Mutex mu_;
  std::map<std::uint32_t, RunId> taken_ ABSL_GUARDED_BY(mu_);
};

// Ports of the real machine. Called from one thread.
class MachinePorts final : public Ports {
 public:
  // `shared_dir` is the same for all agents of the machine; records of this agent lie below
  // `state_dir`, which must be absolute. `can_bind(port)` says whether nobody listens there.
  MachinePorts(Random& random, Io& io, std::string shared_dir, std::string state_dir,
               absl::AnyInvocable<bool(std::uint32_t)> can_bind);

  absl::Status Take(RunSpec& spec) override;
  void Keep(const RunSpec& spec) override;
  void ReleaseAllBut(const std::set<RunId>& runs) override;

 private:
  // Takes the port if it is free; false if it is not.
  bool TryTake(std::uint32_t port, const RunId& id);
  // Writes the port down as ours; false if somebody has it.
  bool Claim(std::uint32_t port, const RunId& id);
  absl::Status WriteQuickly(const std::string& path, absl::string_view bytes);
  // Whether whoever has the port is gone; then it is nobody's any more.
  bool Reclaim(std::uint32_t port);
  void Release(std::uint32_t port);
  std::string RecordPath(const RunId& id) const;
  std::string PortDir(std::uint32_t port) const;

  Random& random_;
  Io& io_;
  const std::string shared_dir_;
  const std::string state_dir_;
  absl::AnyInvocable<bool(std::uint32_t)> can_bind_;
  std::map<std::uint32_t, RunId> taken_;
  bool swept_ = false;
};

// Whether a listener on `address` and `port` could be opened now.
bool CanBind(const std::string& address, std::uint32_t port);

}  // namespace espalier::agent
