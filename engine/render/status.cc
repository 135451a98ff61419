#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {

namespace {

struct Sums {
  std::size_t hosts = 0;
  std::size_t ready_hosts = 0;
  std::size_t vms = 0;
  std::uint64_t wanted = 0;
  std::uint64_t cached = 0;
  std::map<std::string, int> phases;
};

Sums SumUp(const std::vector<Resource>& objects) {
  Sums sums;
  for (const Resource& object : objects) {
    if (object.has_host()) {
      ++sums.hosts;
      const bool ready = object.host().status().liveness().state() == v1::HostLiveness::READY;
      sums.ready_hosts += ready ? 1 : 0;
    } else if (object.has_vm()) {
      ++sums.vms;
      const v1::VmPlacement::Phase phase = object.vm().status().placement().phase();
      const bool known = phase != v1::VmPlacement::PHASE_UNSPECIFIED;
      ++sums.phases[known ? absl::AsciiStrToLower(v1::VmPlacement::Phase_Name(phase)) : "pending"];
    } else if (object.has_image_cache()) {
      sums.wanted += object.image_cache().status().wanted();
      sums.cached += object.image_cache().status().ready();
    }
  }
  return sums;
}

template <typename Number>
void WriteNumber(absl::string_view key, Number number, DocumentWriter& writer) {
  writer.Key(key);
  writer.Literal(absl::StrCat(number));
}

template <typename Numbers>
void WriteNumbers(absl::string_view key, const Numbers& numbers, DocumentWriter& writer) {
  writer.Key(key);
  writer.BeginMap();
  for (const auto& [name, number] : numbers) WriteNumber(name, number, writer);
  writer.EndMap();
}

}  // namespace

std::string StatusLine(const std::vector<Resource>& objects, const v1::DriftReport& drift) {
  const Sums sums = SumUp(objects);
  std::vector<std::string> counts;
  for (const auto& [phase, count] : sums.phases) counts.push_back(absl::StrCat(count, " ", phase));
  std::vector<std::string> parts;
  parts.push_back(sums.hosts == 0 ? "no hosts"
                                  : absl::StrCat(sums.ready_hosts, " of ",
                                                 Count(sums.hosts, "host"), " ready"));
  parts.push_back(sums.vms == 0
                      ? "no VMs"
                      : absl::StrCat(Count(sums.vms, "VM"), ": ", absl::StrJoin(counts, ", ")));
  if (sums.wanted > 0) {
    parts.push_back(
        absl::StrCat(sums.cached, " of ", Count(sums.wanted, "cached image"), " ready"));
  }
  parts.push_back(absl::StrCat("drift: ", DriftCounts(drift)));
  return absl::StrCat(absl::StrJoin(parts, " · "), "\n");
}

void WriteStatus(const std::vector<Resource>& objects, const v1::DriftReport& drift,
                 DocumentWriter& writer) {
  const Sums sums = SumUp(objects);
  writer.BeginMap();
  WriteNumbers(
      "hosts",
      std::map<std::string, std::size_t>{{"ready", sums.ready_hosts}, {"total", sums.hosts}},
      writer);
  writer.Key("vms");
  writer.BeginMap();
  WriteNumber("total", sums.vms, writer);
  WriteNumbers("by_phase", sums.phases, writer);
  writer.EndMap();
  WriteNumbers(
      "cached_images",
      std::map<std::string, std::uint64_t>{{"ready", sums.cached}, {"wanted", sums.wanted}},
      writer);
  writer.Key("drift");
  writer.BeginMap();
  WriteNumber("total", drift.rows_size(), writer);
  WriteNumbers("by_class", DriftByClass(drift), writer);
  writer.EndMap();
  writer.EndMap();
}

}  // namespace espalier
