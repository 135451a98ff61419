// node list|cordon|uncordon|drain: the Macs, in Orka's words.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/fleet.h"
#include "engine/cli/hold_commands.h"
#include "engine/model/size_text.h"
#include "engine/model/vm_room.h"
#include "engine/render/table.h"

namespace espalier::cli {
namespace {

struct Used {
  std::int64_t cpu = 0;
  std::int64_t memory_mib = 0;
  int macos = 0;
  int vms = 0;
};

std::map<std::string, Used> UsedByHost(const std::vector<Resource>& vms) {
  std::map<std::string, Used> used;
  for (const Resource& vm : vms) {
    const v1::VmPlacement& placement = vm.vm().status().placement();
    if (TakesRoom(placement)) {
      Used& host = used[placement.host()];
      host.cpu += vm.vm().spec().cpu();
      host.memory_mib += vm.vm().spec().memory_mib();
      host.macos += placement.image_os() == "darwin" ? 1 : 0;
      ++host.vms;
    }
    for (const v1::RetiringRun& run : placement.retiring()) {
      Used& host = used[run.host()];
      host.cpu += run.cpu();
      host.memory_mib += run.memory_mib();
      host.macos += run.macos() ? 1 : 0;
      ++host.vms;
    }
  }
  return used;
}

std::string StatusWord(const Resource& host) {
  std::string word =
      host.host().status().liveness().state() == v1::HostLiveness::READY ? "READY" : "NOT READY";
  if (host.metadata().holds().contains("cordon")) word += " (cordoned)";
  if (host.metadata().holds().contains("drain")) word += " (draining)";
  return word;
}

absl::StatusOr<int> List(Invocation& invocation, const std::vector<std::string>& names) {
  ESPALIER_ASSIGN_OR_RETURN(Fleet fleet, ReadFleet(invocation));
  for (const std::string& name : names) {
    const bool found =
        std::any_of(fleet.hosts.begin(), fleet.hosts.end(),
                    [&](const Resource& host) { return host.metadata().name() == name; });
    if (!found) return absl::NotFoundError(absl::StrCat("there is no node ", name));
  }
  if (!names.empty()) {
    std::erase_if(fleet.hosts, [&](const Resource& host) {
      return std::find(names.begin(), names.end(), host.metadata().name()) == names.end();
    });
  }
  if (invocation.globals.output == Output::kJson || invocation.globals.output == Output::kYaml) {
    PrintObjects(invocation, fleet.hosts, false);
    return kSuccess;
  }
  const bool wide = invocation.globals.output == Output::kWide;
  std::vector<std::string> headers = {"NAME", "AVAILABLE-CPU", "AVAILABLE-MEMORY", "STATUS"};
  if (wide)
    headers.insert(headers.end(), {"ADDRESS", "CPU", "MEMORY", "OS", "ARCH", "VMS", "MACOS-VMS"});
  Table table(headers);
  const std::map<std::string, Used> used = UsedByHost(fleet.vms);
  for (const Resource& host : fleet.hosts) {
    const v1::HostObserved& observed = host.host().status().observed();
    const auto found = used.find(host.metadata().name());
    const Used taken = found == used.end() ? Used() : found->second;
    const double free_mib = std::max<double>(
        0, static_cast<double>(observed.memory_mib()) - static_cast<double>(taken.memory_mib));
    std::vector<std::string> row = {host.metadata().name(),
                                    absl::StrCat(std::max<std::int64_t>(
                                        0, static_cast<std::int64_t>(observed.cpu()) - taken.cpu)),
                                    SizeText(free_mib * 1024 * 1024), StatusWord(host)};
    if (wide) {
      row.insert(row.end(),
                 {observed.address(), absl::StrCat(observed.cpu()),
                  SizeText(static_cast<double>(observed.memory_mib()) * 1024 * 1024), observed.os(),
                  observed.arch(), absl::StrCat(taken.vms), absl::StrCat(taken.macos)});
    }
    table.AddRow(std::move(row));
  }
  PrintTable(invocation, table, "no nodes; an agent makes its own: espalier-agent --help");
  return kSuccess;
}

}  // namespace

void AddNodeCommands(CLI::App& app, Command& chosen) {
  CLI::App* node = app.add_subcommand("node", "The Macs of the fleet")->alias("nodes");
  node->require_subcommand(1);

  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* list = node->add_subcommand("list", "Free room and state of every node");
  list->add_option("name", *names, "only these nodes");
  list->callback([&chosen, names] {
    chosen = [names](Invocation& invocation) { return List(invocation, *names); };
  });

  const HoldCommand hold_commands[] = {
      {.name = "cordon",
       .help = "Place no new VMs on nodes",
       .holds = {"cordon"},
       .done = "is cordoned: no new VMs are placed there",
       .was = "was cordoned already"},
      {.name = "uncordon",
       .help = "End cordon and drain of nodes",
       .holds = {"cordon", "drain"},
       .clear = true,
       .done = "takes new VMs again",
       .was = "was not cordoned"},
      {.name = "drain",
       .help = "Place no new VMs on nodes and move those that run there",
       .holds = {"drain"},
       .done = "is being drained; see what is left with: espalier node list -o wide",
       .was = "is being drained already"},
  };
  for (const HoldCommand& hold : hold_commands) {
    AddHoldCommand(*node, chosen, Kind::kHost, "node", hold);
  }
}

}  // namespace espalier::cli
