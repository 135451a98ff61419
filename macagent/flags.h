// Flags of espalier-agent. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "macagent/driver/sim.h"

namespace espalier::agent {

struct Flags {
  std::string engine;
  std::string token_file;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  // Name of the Host.
  std::string host;
  // "sim" or "qemu".
  std::string driver;
  std::string state_dir;
  std::string secrets_dir;
  std::string ready_file;
  std::string log_level = "info";
  // Where guests' ports listen and are reached.
  std::string address = "127.0.0.1";
  // Where all agents of this machine keep their ports.
  std::string ports_dir;
  // Given to the Host when it is registered.
  std::map<std::string, std::string> labels;
  // What VMs may use; 0 is the driver's choice.
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
  // Left free on the disk when images are pulled.
  std::int64_t image_headroom_gib = 10;

  SimOptions sim;
  // 0: another one at each start.
  std::uint64_t sim_seed = 0;
  // Pulls are simulated as well: no registry is asked.
  bool sim_images = false;

  // What stands behind the flags: "sim kill-vm ci/build".
  std::vector<std::string> words;
};

extern const char kUsage[];

// INVALID_ARGUMENT naming the flag that is wrong or missing.
absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& args);
// What the agent itself cannot do without.
absl::Status CheckAgentFlags(const Flags& flags);

}  // namespace espalier::agent
