// vm deploy|list|delete: VMs by hand, in Orka's words.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/deletion.h"
#include "engine/cli/fleet.h"
#include "engine/cli/hold_commands.h"
#include "engine/model/duration_text.h"
#include "engine/model/hold.h"
#include "engine/model/size_text.h"
#include "engine/render/table.h"

namespace espalier::cli {
namespace {

struct DeployFlags {
  std::string name;
  std::string image;
  std::string node;
  std::uint32_t cpu = 0;
  double memory_gib = 0;
  std::vector<std::string> ports;
  std::vector<std::string> metadata;
  std::vector<std::string> tags;
  bool wait = false;
  std::string timeout = "10m";
};

std::string PortText(const v1::VmObserved& observed, const std::string& name) {
  const auto port = observed.ports().find(name);
  return port == observed.ports().end() ? "" : absl::StrCat(port->second);
}

// "Running": Orka's users look for this word.
std::string StatusWord(const Resource& vm) {
  std::string word = PhaseWord(vm);
  word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return vm.metadata().has_deleting_since() ? "Deleting" : word;
}

void PrintVms(Invocation& invocation, const std::vector<Resource>& vms) {
  if (invocation.globals.output == Output::kJson || invocation.globals.output == Output::kYaml) {
    PrintObjects(invocation, vms, false);
    return;
  }
  const bool wide = invocation.globals.output == Output::kWide;
  const bool everywhere = invocation.globals.all_namespaces;
  std::vector<std::string> headers;
  if (everywhere) headers.push_back("NAMESPACE");
  headers.insert(headers.end(), {"NAME", "IP", "SSH", "VNC", "SCREENSHARE", "STATUS"});
  if (wide) headers.insert(headers.end(), {"IMAGE", "CPU", "MEMORY", "NODE", "PORTS", "WHY"});
  Table table(headers);
  for (const Resource& vm : vms) {
    const v1::VmStatus& status = vm.vm().status();
    // What an earlier run was reached by says nothing about this one.
    const bool current = status.observed().uid() == vm.metadata().uid() &&
                         status.observed().attempt() == status.placement().attempt();
    const v1::VmObserved observed = current ? status.observed() : v1::VmObserved();
    std::vector<std::string> row;
    if (everywhere) row.push_back(vm.metadata().namespace_());
    row.insert(row.end(),
               {vm.metadata().name(), observed.ip(), PortText(observed, "ssh"),
                PortText(observed, "vnc"), PortText(observed, "screenshare"), StatusWord(vm)});
    if (wide) {
      std::vector<std::string> ports;
      for (const auto& [name, port] : observed.ports()) {
        if (name != "ssh" && name != "vnc" && name != "screenshare") {
          ports.push_back(absl::StrCat(name, ":", port));
        }
      }
      std::sort(ports.begin(), ports.end());
      std::string list;
      for (const std::string& port : ports) absl::StrAppend(&list, list.empty() ? "" : ",", port);
      row.insert(
          row.end(),
          {vm.vm().spec().image(), absl::StrCat(vm.vm().spec().cpu()),
           absl::StrCat(SizeText(static_cast<double>(vm.vm().spec().memory_mib()) * 1024 * 1024),
                        "i"),
           status.placement().host(), list, status.placement().why()});
    }
    table.AddRow(std::move(row));
  }
  PrintTable(invocation, table,
             everywhere ? "no VMs"
                        : absl::StrCat("no VMs in namespace ", invocation.Namespace(),
                                       "; -A lists those of all namespaces"));
}

absl::StatusOr<std::vector<Resource>> ReadVms(Invocation& invocation,
                                              const std::vector<std::string>& names) {
  Query query;
  query.add_kinds("vm");
  if (!invocation.globals.all_namespaces) query.set_namespace_(invocation.Namespace());
  for (const std::string& name : names) query.add_names(name);
  return invocation.ListAll(query);
}

// The VMs of these names, or of the namespace; NOT_FOUND naming one that is not there.
absl::StatusOr<int> List(Invocation& invocation, const std::vector<std::string>& names) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> vms, ReadVms(invocation, names));
  for (const std::string& name : names) {
    const bool found = std::any_of(
        vms.begin(), vms.end(), [&](const Resource& vm) { return vm.metadata().name() == name; });
    if (!found) {
      return absl::NotFoundError(
          absl::StrCat("there is no vm ", name, " in namespace ", invocation.Namespace()));
    }
  }
  PrintVms(invocation, vms);
  return kSuccess;
}

// Waits until the VM runs; prints its row, or why it does not.
absl::StatusOr<int> WaitForRunning(Invocation& invocation, const std::string& name,
                                   std::int64_t seconds) {
  const absl::Duration deadline = invocation.clock.Elapsed() + absl::Seconds(seconds);
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  Query query;
  query.add_kinds("vm");
  query.set_namespace_(invocation.Namespace());
  query.add_names(name);
  CallContext context = invocation.Context();
  context.timeout = absl::Seconds(seconds + 10);
  ESPALIER_ASSIGN_OR_RETURN(auto watch, resources->StartWatch(context, query, ""));
  Resource last;
  while (invocation.clock.Elapsed() < deadline) {
    ESPALIER_ASSIGN_OR_RETURN(const WatchBatch batch, watch->Next(deadline));
    for (const Event& event : batch.events()) last = event.resource();
    const v1::VmPlacement::Phase phase = last.vm().status().placement().phase();
    if (phase == v1::VmPlacement::RUNNING) {
      PrintVms(invocation, {last});
      return kSuccess;
    }
    if (phase == v1::VmPlacement::FAILED) break;
  }
  invocation.err << "vm " << name << " is " << PhaseWord(last) << ": "
                 << last.vm().status().placement().why() << "\n";
  return kFailure;
}

absl::StatusOr<int> Deploy(Invocation& invocation, const DeployFlags& flags) {
  // All that can be wrong is wrong before anything is made.
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t patience, SecondsFromText(flags.timeout));
  Resource vm;
  const std::string name =
      flags.name.empty() ? absl::StrCat("vm-", invocation.random.Suffix(5)) : flags.name;
  vm.mutable_metadata()->set_name(name);
  vm.mutable_metadata()->set_namespace_(invocation.Namespace());
  v1::VmSpec& spec = *vm.mutable_vm()->mutable_spec();
  spec.set_image(flags.image);
  if (!flags.node.empty()) spec.set_host(flags.node);
  if (flags.cpu > 0) spec.set_cpu(flags.cpu);
  if (flags.memory_gib > 0)
    spec.set_memory_mib(static_cast<std::uint32_t>(flags.memory_gib * 1024));
  for (const std::string& port : flags.ports) {
    const std::vector<std::string> parts = absl::StrSplit(port, ':');
    std::uint32_t guest = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &guest)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", port, "\" is not of the form name:port"));
    }
    (*spec.mutable_ports())[parts[0]].set_guest(guest);
  }
  ESPALIER_ASSIGN_OR_RETURN(const auto metadata, PairsFromWords(flags.metadata));
  for (const auto& [key, value] : metadata) (*spec.mutable_guest_metadata())[key] = value;
  ESPALIER_ASSIGN_OR_RETURN(const auto tags, PairsFromWords(flags.tags));
  for (const auto& [key, value] : tags) (*spec.mutable_host_labels())[key] = value;

  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  v1::Declared& declared = *request.add_objects();
  *declared.mutable_resource() = vm;
  declared.set_create_only(true);
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  CallContext context = invocation.Context();
  context.operation_id = invocation.random.Uid();
  ESPALIER_ASSIGN_OR_RETURN(const ApplyResult result, resources->Apply(context, request));
  const int code = PrintProblems(invocation, {result.problems().begin(), result.problems().end()});
  if (code != kSuccess) return code;
  if (!flags.wait) {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> vms, ReadVms(invocation, {name}));
    PrintVms(invocation, vms);
    invocation.err << "It starts by itself; follow it with: espalier vm list " << name
                   << ", espalier why vm/" << invocation.Namespace() << "/" << name << "\n";
    return kSuccess;
  }
  invocation.err << "Waiting for VM " << name << "\n";
  return WaitForRunning(invocation, name, patience);
}

absl::StatusOr<int> DeleteVms(Invocation& invocation, const std::vector<std::string>& names) {
  std::vector<Ref> refs;
  refs.reserve(names.size());
  for (const std::string& name : names) {
    refs.push_back(Ref{Kind::kVm, invocation.Namespace(), name});
  }
  return DeleteObjects(invocation, refs, v1::DeleteRequest());
}

}  // namespace

void AddVmCommands(CLI::App& app, Command& chosen) {
  CLI::App* vm = app.add_subcommand("vm", "Virtual machines by hand")->alias("vms");
  vm->require_subcommand(1);

  const auto flags = std::make_shared<DeployFlags>();
  CLI::App* deploy = vm->add_subcommand("deploy", "Make a VM and run it");
  deploy->add_option("name", flags->name, "its name; vm-xxxxx if not given");
  deploy->add_option("-i,--image", flags->image, "name of an Image, or an OCI reference")
      ->required();
  deploy->add_option("--node", flags->node, "run on this node and no other");
  deploy->add_option("-c,--cpu", flags->cpu, "virtual CPUs");
  deploy->add_option("-m,--memory", flags->memory_gib, "memory in GiB");
  deploy->add_option("-p,--ports", flags->ports, "guest ports to reach: http:80");
  deploy->add_option("--metadata", flags->metadata, "given to the guest: key=value,...");
  deploy->add_option("--tag", flags->tags, "only nodes with these labels: key=value,...");
  deploy->add_flag("--wait", flags->wait, "return when it runs");
  deploy->add_option("--timeout", flags->timeout, "wait at most this long")->capture_default_str();
  deploy->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return Deploy(invocation, *flags); };
  });

  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* list = vm->add_subcommand("list", "VMs with their address and ports");
  list->add_option("name", *names, "only these");
  list->callback([&chosen, names] {
    chosen = [names](Invocation& invocation) { return List(invocation, *names); };
  });

  AddHoldCommand(*vm, chosen, Kind::kVm, "vm",
                 {.name = "stop",
                  .help = "Power VMs off, whatever is declared; their disks are kept",
                  .holds = {"power"},
                  .done = "is powered off; its disk is kept",
                  .was = "was powered off already"});
  AddHoldCommand(*vm, chosen, Kind::kVm, "vm",
                 {.name = "start",
                  .help = "End the stop of VMs",
                  .holds = {"power"},
                  .clear = true,
                  .done = "is as declared again",
                  .was = "was not stopped"});

  AddHoldCommand(*vm, chosen, Kind::kVm, "vm",
                 {.name = "claim",
                  .help = "A job runs in VMs: pools leave them as they are until it is over",
                  .holds = {kClaimHold},
                  .done = "is claimed: its pool leaves it as it is",
                  .was = "was claimed already"});
  AddHoldCommand(*vm, chosen, Kind::kVm, "vm",
                 {.name = "unclaim",
                  .help = "End the claim of VMs",
                  .holds = {kClaimHold},
                  .clear = true,
                  .done = "is not claimed any more",
                  .was = "was not claimed"});

  const auto doomed = std::make_shared<std::vector<std::string>>();
  CLI::App* remove = vm->add_subcommand("delete", "End VMs and delete them");
  remove->add_option("name", *doomed, "which")->required();
  remove->callback([&chosen, doomed] {
    chosen = [doomed](Invocation& invocation) { return DeleteVms(invocation, *doomed); };
  });
}

}  // namespace espalier::cli
