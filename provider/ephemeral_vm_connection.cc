// espalier_vm_connection: where a VM is reached, once it is.
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/call_schema.h"
#include "provider/ephemerals.h"
#include "provider/readiness.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;

constexpr char kAddress[] = "address";
constexpr char kHost[] = "host";
constexpr char kPorts[] = "ports";
constexpr absl::Duration kPatience = absl::Minutes(10);

// Ports that every VM has, and their attributes.
constexpr struct {
  const char* port;
  const char* attribute;
  const char* description;
} kAlwaysMapped[] = {{"ssh", "ssh_port", "Where its SSH is reached."},
                     {"vnc", "vnc_port", "Where its screen is reached by VNC."},
                     {"screenshare", "screenshare_port", "Where its Screen Sharing is reached."}};

Schema MakeSchema() {
  Schema schema;
  schema.type_name = "espalier_vm_connection";
  schema.description =
      "Where a VM is reached. It waits until the VM runs and its host has told its address and "
      "ports, and fails with the engine's reasons when it does not come to that in time.";
  Attribute ports =
      NumberAttribute(kPorts, Use::kComputed, "All ports on the host, keyed as in `ports`.");
  ports.nesting = Attribute::Nesting::kMap;
  Attributes attributes = {
      TextAttribute(kName, Use::kRequired, "Name of the VM."),
      TextAttribute(kNamespace, Use::kDefaulted,
                    "Namespace of the VM; the provider's when left out."),
      TextAttribute(kUid, Use::kDefaulted,
                    "The VM's `uid`. With it the VM may be made by the same run, and one of the "
                    "same name that is made anew is not taken for it."),
      TimeoutAttribute("10m"),
      TextAttribute(kAddress, Use::kComputed, "Address under which its ports are reached."),
      TextAttribute(kHost, Use::kComputed, "The host where it runs."),
      std::move(ports),
  };
  for (const auto& port : kAlwaysMapped) {
    attributes.push_back(NumberAttribute(port.attribute, Use::kComputed, port.description));
  }
  schema.attributes = SortedByName(std::move(attributes));
  return schema;
}

void Validate(const Value& config, Diagnostics& diagnostics) {
  CheckName(config, kName, diagnostics);
  CheckName(config, kNamespace, diagnostics);
  CheckDuration(config, kTimeout, diagnostics);
}

Value ResultOf(const Value& config, const Resource& vm) {
  const v1::VmStatus& status = vm.vm().status();
  Value result = config;
  result.Set(kNamespace, Value::String(vm.metadata().namespace_()));
  result.Set(kUid, Value::String(vm.metadata().uid()));
  result.Set(kAddress, Value::String(status.observed().ip()));
  result.Set(kHost, Value::String(status.placement().host()));
  Value::Entries ports;
  for (const auto& [name, port] : status.observed().ports()) {
    ports.emplace_back(name, Value::Of(Number::Of(port)));
  }
  result.Set(kPorts, Value::Map(std::move(ports)));
  for (const auto& port : kAlwaysMapped)
    result.Set(port.attribute, result.At(kPorts).At(port.port));
  return result;
}

Opened Open(const Value& config, const Value& default_namespace, Engine& engine) {
  Opened opened;
  const Ref ref = RefFor(Kind::kVm, config, default_namespace);
  const std::string uid(config.At(kUid).text());
  const absl::Duration timeout = DurationOf(config, kTimeout, kPatience);
  const std::string summary = absl::StrCat("Cannot connect to ", ToHuman(ref));
  // An engine that goes away meanwhile is waited for; a wrong address or token is told at once.
  const absl::StatusOr<Resource> there = engine.Get(ref);
  if (!there.ok() && !absl::IsNotFound(there.status())) {
    opened.diagnostics.Failure(summary, there.status());
    return opened;
  }
  const WaitResult waited = engine.Wait(ref, timeout, [&](const Resource* vm) -> Verdict {
    if (vm == nullptr) {
      return {Verdict::Progress::kFailed,
              uid.empty() ? "There is no such VM. If this configuration makes it, say which with "
                            "`uid = espalier_vm.NAME.uid`: then it is asked for once it is there."
                          : "It is gone."};
    }
    if (!uid.empty() && vm->metadata().uid() != uid) {
      return {Verdict::Progress::kFailed, "The VM of that name is another one by now."};
    }
    if (const std::string off = WhyPoweredOff(*vm); !off.empty()) {
      return {Verdict::Progress::kFailed, off};
    }
    return ReadinessOf(*vm, {.condition = kReachable, .min_ready = 0});
  });
  if (waited.end == WaitResult::End::kDone) {
    opened.result = ResultOf(config, *waited.last);
    return opened;
  }
  std::string detail = waited.why;
  if (waited.end == WaitResult::End::kTimedOut) {
    detail = absl::StrCat("It was not reachable after ", absl::FormatDuration(timeout), ". ",
                          waited.why, "\n\n`timeout` sets how long to wait.");
  } else if (waited.end == WaitResult::End::kStopped) {
    detail = absl::StrCat("The run was interrupted. ", waited.why);
  }
  opened.diagnostics.Error(summary, detail);
  return opened;
}

Diagnostics Close(const std::string&, Engine&) { return Diagnostics(); }

}  // namespace

EphemeralType VmConnectionType() {
  return {.schema = MakeSchema(), .validate = &Validate, .open = &Open, .close = &Close};
}

}  // namespace espalier::provider
