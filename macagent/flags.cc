#include "macagent/flags.h"

#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"

namespace espalier::agent {

const char kUsage[] =
    R"(usage: espalier-agent --host NAME --driver sim|qemu --state-dir DIR [flags]
       espalier-agent stop-vms --driver sim|qemu --state-dir DIR
       espalier-agent sim ORDER --state-dir DIR

The first runs the agent of one host until SIGTERM; its VMs go on without it, until their run
lease ends. The second ends all VMs of an agent that does not run. The third is another hand on a
simulated Mac whose agent runs: kill-vm NAME, add-vm NAME [OS], add-image NAME [BYTES],
remove-image NAME, reboot.

  --engine ADDR           the engine (ESPALIER_ENGINE, 127.0.0.1:7443)
  --token-file F          an agent's token for this host (ESPALIER_TOKEN)
  --ca-file F             the engine's authority (ESPALIER_CA_FILE)
  --cert-file F           client certificate and its key
  --key-file F
  --secrets-dir DIR       where SecretRefs with `file` are looked up
  --ready-file F          written once the host is registered
  --labels K=V,...        labels of the Host when it is registered first
  --address IP            where ports of VMs listen (127.0.0.1)
  --ports-dir DIR         shared by all agents of the machine (TMPDIR/espalier-ports)
  --cpu N                 what VMs may use; default: all of the machine
  --memory-mib N
  --image-headroom-gib N  left free on the disk by image pulls (10)
  --log-level LEVEL       debug, info, warn or error

The simulated Mac:
  --sim-os OS             darwin or linux (darwin)
  --sim-arch ARCH         arm64 or amd64 (arm64)
  --sim-macos-slots N     (2)
  --sim-boot-ms N         from start to running (2000)
  --sim-stop-ms N         from stop to the end (1000)
  --sim-seed N            decides everything that is random
  --sim-images            pulls are simulated: no registry is asked
  --sim-crash P           probability that a VM crashes within a minute
  --sim-stall P           probability that a VM never comes up
  --sim-slow-stop P       probability that a guest ignores its power button
  --sim-leak-slot P       probability that a macOS slot stays taken after its VM's end
)";

namespace {

// Takes the value of one flag; false if it is not one that the flag can have.
using Setter = std::function<bool(Flags&, const std::string&)>;

Setter Text(std::string Flags::* field) {
  return [field](Flags& flags, const std::string& value) {
    flags.*field = value;
    return true;
  };
}
template <typename Number>
Setter Count(Number Flags::* field) {
  return [field](Flags& flags, const std::string& value) {
    return absl::SimpleAtoi(value, &(flags.*field));
  };
}
Setter Probability(double SimOptions::* field) {
  return [field](Flags& flags, const std::string& value) {
    double& number = flags.sim.*field;
    return absl::SimpleAtod(value, &number) && number >= 0 && number <= 1;
  };
}
Setter Milliseconds(absl::Duration SimOptions::* field) {
  return [field](Flags& flags, const std::string& value) {
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(value, &number) || number < 0) return false;
    flags.sim.*field = absl::Milliseconds(number);
    return true;
  };
}
Setter OneOf(std::string SimOptions::* field, std::vector<std::string> allowed) {
  return [field, allowed](Flags& flags, const std::string& value) {
    flags.sim.*field = value;
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
  };
}
bool TakeLabels(Flags& flags, const std::string& value) {
  for (absl::string_view label : absl::StrSplit(value, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(label, absl::MaxSplits('=', 1));
    if (parts.first.empty() || !absl::StrContains(label, "=")) return false;
    flags.labels[parts.first] = parts.second;
  }
  return true;
}

std::map<std::string, Setter> Setters() {
  return {
      {"engine", Text(&Flags::engine)},
      {"token-file", Text(&Flags::token_file)},
      {"ca-file", Text(&Flags::ca_file)},
      {"cert-file", Text(&Flags::cert_file)},
      {"key-file", Text(&Flags::key_file)},
      {"host", Text(&Flags::host)},
      {"driver", Text(&Flags::driver)},
      {"state-dir", Text(&Flags::state_dir)},
      {"secrets-dir", Text(&Flags::secrets_dir)},
      {"ready-file", Text(&Flags::ready_file)},
      {"log-level", Text(&Flags::log_level)},
      {"address", Text(&Flags::address)},
      {"ports-dir", Text(&Flags::ports_dir)},
      {"labels", TakeLabels},
      {"cpu", Count(&Flags::cpu)},
      {"memory-mib", Count(&Flags::memory_mib)},
      {"image-headroom-gib", Count(&Flags::image_headroom_gib)},
      {"sim-os", OneOf(&SimOptions::os, {"darwin", "linux"})},
      {"sim-arch", OneOf(&SimOptions::arch, {"arm64", "amd64"})},
      {"sim-macos-slots",
       [](Flags& flags, const std::string& value) {
         return absl::SimpleAtoi(value, &flags.sim.macos_slots);
       }},
      {"sim-boot-ms", Milliseconds(&SimOptions::boot_delay)},
      {"sim-stop-ms", Milliseconds(&SimOptions::stop_delay)},
      {"sim-seed", Count(&Flags::sim_seed)},
      {"sim-crash", Probability(&SimOptions::crash)},
      {"sim-stall", Probability(&SimOptions::stall)},
      {"sim-slow-stop", Probability(&SimOptions::slow_stop)},
      {"sim-leak-slot", Probability(&SimOptions::leak_slot)},
  };
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& args) {
  const std::map<std::string, Setter> setters = Setters();
  Flags flags;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!absl::StartsWith(args[i], "--")) {
      flags.words.push_back(args[i]);
      continue;
    }
    if (args[i] == "--sim-images") {
      flags.sim_images = true;
      continue;
    }
    std::string name = args[i].substr(2);
    std::string value;
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < args.size()) {
      value = args[++i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value"));
    }
    const auto setter = setters.find(name);
    if (setter == setters.end()) {
      return absl::InvalidArgumentError(absl::StrCat("there is no flag --", name));
    }
    if (!setter->second(flags, value)) {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " cannot be \"", value, "\""));
    }
  }
  if (flags.state_dir.empty()) return absl::InvalidArgumentError("--state-dir is missing");
  return flags;
}

absl::Status CheckAgentFlags(const Flags& flags) {
  if (flags.driver != "sim" && flags.driver != "qemu") {
    return absl::InvalidArgumentError(
        absl::StrCat("--driver is sim or qemu, not \"", flags.driver, "\""));
  }
  if (flags.sim_images && flags.driver != "sim") {
    return absl::InvalidArgumentError("--sim-images goes with --driver sim only");
  }
  if (flags.host.empty()) return absl::InvalidArgumentError("--host is missing");
  if (flags.image_headroom_gib < 0) {
    return absl::InvalidArgumentError("--image-headroom-gib is negative");
  }
  return absl::OkStatus();
}

}  // namespace espalier::agent
