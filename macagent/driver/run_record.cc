#include "macagent/driver/run_record.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier::agent {
namespace {

using nlohmann::json;

struct NamedPhase {
  RunPhase phase;
  absl::string_view name;
};
constexpr NamedPhase kPhases[] = {
    {RunPhase::kStarting, "starting"}, {RunPhase::kRunning, "running"},
    {RunPhase::kStopping, "stopping"}, {RunPhase::kStopped, "stopped"},
    {RunPhase::kFailed, "failed"},     {RunPhase::kFenced, "fenced"},
};

// Microseconds; an infinite duration is the largest number.
std::int64_t Micros(absl::Duration d) { return absl::ToInt64Microseconds(d); }
absl::Duration FromMicros(std::int64_t us) {
  return us == std::numeric_limits<std::int64_t>::max() ? absl::InfiniteDuration()
                                                        : absl::Microseconds(us);
}

json ToJson(const RunState& run) {
  const RunSpec& spec = run.spec;
  json ports = json::object();
  for (const auto& [name, port] : spec.ports) {
    ports[name] = {{"host", port.host}, {"guest", port.guest}};
  }
  return {{"uid", spec.id.uid},
          {"attempt", spec.id.attempt},
          {"owner", spec.owner},
          {"guest_os", spec.guest_os},
          {"image_digest", spec.image_digest},
          {"image_reference", spec.image_reference},
          {"cpu", spec.cpu},
          {"memory_mib", spec.memory_mib},
          {"disk_gib", spec.disk_gib},
          {"disk_of", spec.disk_of},
          {"address", spec.address},
          {"ports", ports},
          {"metadata", spec.metadata},
          {"fence", spec.fence},
          {"lease_until_us", Micros(spec.lease_until)},
          {"phase", std::string(PhaseName(run.phase))},
          {"message", run.message},
          {"given_memory_mib", run.memory_mib},
          {"started_at_us", absl::ToUnixMicros(run.started_at)}};
}

// May throw json::exception.
RunState FromJson(const json& in) {
  RunState run;
  RunSpec& spec = run.spec;
  spec.id = {in.at("uid").get<std::string>(), in.at("attempt").get<std::int64_t>()};
  spec.owner = in.at("owner").get<std::string>();
  spec.guest_os = in.at("guest_os").get<std::string>();
  spec.image_digest = in.at("image_digest").get<std::string>();
  spec.image_reference = in.at("image_reference").get<std::string>();
  spec.cpu = in.at("cpu").get<std::uint32_t>();
  spec.memory_mib = in.at("memory_mib").get<std::uint32_t>();
  spec.disk_gib = in.at("disk_gib").get<std::uint32_t>();
  spec.disk_of = in.at("disk_of").get<std::int64_t>();
  spec.address = in.at("address").get<std::string>();
  for (const auto& [name, port] : in.at("ports").items()) {
    spec.ports[name] = {port.at("host").get<std::uint32_t>(),
                        port.at("guest").get<std::uint32_t>()};
  }
  spec.metadata = in.at("metadata").get<std::map<std::string, std::string>>();
  spec.fence = in.at("fence").get<bool>();
  spec.lease_until = FromMicros(in.at("lease_until_us").get<std::int64_t>());
  const absl::StatusOr<RunPhase> phase = ParsePhase(in.at("phase").get<std::string>());
  run.phase = phase.ok() ? *phase : RunPhase::kFailed;
  run.message = in.at("message").get<std::string>();
  run.memory_mib = in.at("given_memory_mib").get<std::uint32_t>();
  run.started_at = absl::FromUnixMicros(in.at("started_at_us").get<std::int64_t>());
  return run;
}

// Text with bytes that are no UTF-8 (a guest's console in a message) is written with replacements.
std::string Dump(const json& value) {
  return value.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

absl::string_view PhaseName(RunPhase phase) {
  for (const NamedPhase& entry : kPhases) {
    if (entry.phase == phase) return entry.name;
  }
  return "unknown";
}

absl::StatusOr<RunPhase> ParsePhase(absl::string_view name) {
  for (const NamedPhase& entry : kPhases) {
    if (entry.name == name) return entry.phase;
  }
  return absl::InvalidArgumentError(absl::StrCat("no phase is called \"", name, "\""));
}

std::string EncodeRun(const RunState& run) { return Dump(ToJson(run)); }

absl::StatusOr<RunState> DecodeRun(absl::string_view text) {
  try {
    return FromJson(json::parse(text.begin(), text.end()));
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("reading a run's record: ", error.what()));
  }
}

std::string EncodeSimState(const SimState& state) {
  json vms = json::array();
  for (const SimVm& vm : state.vms) {
    vms.push_back({{"run", ToJson(vm.run)},
                   {"name", vm.name},
                   {"disk", vm.disk},
                   {"boots_at_us", Micros(vm.boots_at)},
                   {"crashes_at_us", Micros(vm.crashes_at)},
                   {"stops_at_us", Micros(vm.stops_at)}});
  }
  json images = json::array();
  for (const UnknownImage& image : state.images) {
    images.push_back({{"name", image.name}, {"bytes", image.bytes}});
  }
  return Dump({{"boot_id", state.boot_id},
               {"vms", vms},
               {"images", images},
               {"leaked_slots", state.leaked_slots}});
}

absl::StatusOr<SimState> DecodeSimState(absl::string_view text) {
  try {
    const json in = json::parse(text.begin(), text.end());
    SimState state;
    state.boot_id = in.at("boot_id").get<std::string>();
    state.leaked_slots = in.at("leaked_slots").get<std::uint32_t>();
    for (const json& entry : in.at("vms")) {
      SimVm vm;
      vm.run = FromJson(entry.at("run"));
      vm.name = entry.at("name").get<std::string>();
      vm.disk = entry.at("disk").get<std::string>();
      vm.boots_at = FromMicros(entry.at("boots_at_us").get<std::int64_t>());
      vm.crashes_at = FromMicros(entry.at("crashes_at_us").get<std::int64_t>());
      vm.stops_at = FromMicros(entry.at("stops_at_us").get<std::int64_t>());
      state.vms.push_back(std::move(vm));
    }
    for (const json& entry : in.at("images")) {
      state.images.push_back(
          {entry.at("name").get<std::string>(), entry.at("bytes").get<std::int64_t>()});
    }
    return state;
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("reading a simulated host: ", error.what()));
  }
}

}  // namespace espalier::agent
