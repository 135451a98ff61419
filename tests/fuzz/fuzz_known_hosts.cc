// known_hosts of a source: what is found in it is read again as the same.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "reconciler/git/known_hosts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<espalier::KnownHosts> hosts = espalier::KnownHosts::Parse(text);
  if (!hosts.ok()) return 0;
  for (const int port : {22, 2222}) {
    const auto port_number = static_cast<std::uint16_t>(port);
    const auto host = hosts->Find("forge.example", port_number);
    if (!host.ok()) continue;
    ESPALIER_CHECK(!host->algorithms.empty());
    const absl::StatusOr<espalier::KnownHosts> again = espalier::KnownHosts::Parse(host->lines);
    ESPALIER_CHECK(again.ok());
    const auto found = again->Find("forge.example", port_number);
    ESPALIER_CHECK(found.ok());
    ESPALIER_CHECK(found->lines == host->lines);
    ESPALIER_CHECK(found->algorithms == host->algorithms);
  }
  return 0;
}
