#include "engine/api/resources.h"

#include <algorithm>

#include "engine/model/kind.h"

namespace espalier {
namespace {

bool MatchesHost(const std::string& host, const Resource& resource) {
  if (resource.has_host()) return resource.metadata().name() == host;
  if (!resource.has_vm()) return false;
  const v1::VmPlacement& placement = resource.vm().status().placement();
  if (placement.host() == host) return true;
  return std::any_of(placement.retiring().begin(), placement.retiring().end(),
                     [&](const v1::RetiringRun& run) { return run.host() == host; });
}

bool MatchesOwner(const Owner& wanted, const Owner& owner) {
  return wanted.manager() == owner.manager() && wanted.instance() == owner.instance();
}

template <typename Strings>
bool Contains(const Strings& strings, const std::string& wanted) {
  return std::find(strings.begin(), strings.end(), wanted) != strings.end();
}

}  // namespace

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
  if (!query.host().empty() && !MatchesHost(query.host(), resource)) return false;
  return !query.has_owner() || MatchesOwner(query.owner(), metadata.owner());
}

}  // namespace espalier
