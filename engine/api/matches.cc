#include "engine/api/resources.h"

#include <algorithm>

#include "engine/model/kind.h"

namespace espalier {
namespace {

bool MatchesOwner(const Owner& wanted, const Owner& owner) {
  return wanted.manager() == owner.manager() && wanted.instance() == owner.instance();
}

template <typename Strings>
bool Contains(const Strings& strings, const std::string& wanted) {
  return std::find(strings.begin(), strings.end(), wanted) != strings.end();
}

}  // namespace

absl::InlinedVector<absl::string_view, 4> HostsOf(const Resource& resource) {
  absl::InlinedVector<absl::string_view, 4> hosts;
  if (resource.has_host()) hosts.push_back(resource.metadata().name());
  if (!resource.has_vm()) return hosts;
  const v1::VmPlacement& placement = resource.vm().status().placement();
  if (!placement.host().empty()) hosts.push_back(placement.host());
  if (!placement.disk_host().empty()) hosts.push_back(placement.disk_host());
  for (const v1::RetiringRun& run : placement.retiring()) hosts.push_back(run.host());
  return hosts;
}

bool Matches(const Query& query, const Resource& resource) {
  const v1::Metadata& metadata = resource.metadata();
  if (query.kinds_size() > 0 && !Contains(query.kinds(), InfoOf(resource.body_case()).name)) {
    return false;
  }
  if (!query.namespace_().empty() && metadata.namespace_() != query.namespace_()) return false;
  if (query.names_size() > 0 && !Contains(query.names(), metadata.name())) return false;
  for (const auto& [key, value] : query.labels()) {
    const auto found = metadata.labels().find(key);
    if (found == metadata.labels().end() || found->second != value) return false;
  }
  if (!query.host().empty() && !Contains(HostsOf(resource), query.host())) return false;
  return !query.has_owner() || MatchesOwner(query.owner(), metadata.owner());
}

}  // namespace espalier
