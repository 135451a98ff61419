#include "engine/server/rest/query_of.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace espalier {
namespace {

// The parameter under its own name, or under the one that Kubernetes' clients know.
std::string Either(const HttpCall& call, const std::string& own, const std::string& other) {
  const std::string value = call.Query(own);
  return value.empty() ? call.Query(other) : value;
}

}  // namespace

absl::StatusOr<Query> QueryOf(const Route& route, const HttpCall& call) {
  Query query;
  query.add_kinds(route.kind->name);
  query.set_namespace_(route.ns);
  if (!route.name.empty()) query.add_names(route.name);
  query.set_page(call.Query("page"));
  const std::string size = Either(call, "page_size", "limit");
  std::uint32_t page_size = 0;
  if (!size.empty() && !absl::SimpleAtoi(size, &page_size)) {
    return absl::InvalidArgumentError(absl::StrCat("page_size: '", size, "' is no number"));
  }
  query.set_page_size(page_size);
  for (const absl::string_view part :
       absl::StrSplit(Either(call, "labels", "labelSelector"), ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> label =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (label.first.empty() || label.first.size() == part.size()) {
      return absl::InvalidArgumentError(absl::StrCat("labels: '", part, "' is not name=value"));
    }
    (*query.mutable_labels())[std::string(label.first)] = std::string(label.second);
  }
  return query;
}

}  // namespace espalier
