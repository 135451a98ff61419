#include "engine/server/rest/http.h"

namespace espalier {

std::string HttpCall::Query(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

bool HttpCall::Flag(const std::string& name) const {
  const auto found = query.find(name);
  return found != query.end() && found->second != "false" && found->second != "0";
}

}  // namespace espalier
