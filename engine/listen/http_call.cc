#include "engine/listen/http_call.h"

#include "absl/strings/match.h"

namespace espalier {

std::string HttpCall::Query(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

bool HttpCall::Flag(const std::string& name) const {
  const auto found = query.find(name);
  return found != query.end() && found->second != "false" && found->second != "0";
}

std::string HttpCall::Header(absl::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (absl::EqualsIgnoreCase(known, name)) return value;
  }
  return "";
}

}  // namespace espalier
