// Paths and parameters of the REST interface: whatever the bytes are, they mean nothing or
// something that is named in one way; and nothing beside the open paths is answered without a
// token. The input is a path, then a line per parameter, "name=value".
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/model/validate.h"
#include "engine/server/rest/query_of.h"
#include "engine/server/rest/route.h"

namespace {

// The one path that an object or collection should be asked for by.
std::string PathOf(const espalier::Route& route) {
  std::string path = "/api/v1";
  if (!route.ns.empty()) absl::StrAppend(&path, "/namespaces/", route.ns);
  absl::StrAppend(&path, "/", route.kind->plural);
  if (!route.name.empty()) absl::StrAppend(&path, "/", route.name);
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  espalier::HttpCall call;
  call.path = std::string(lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> parameter =
        absl::StrSplit(lines[i], absl::MaxSplits('=', 1));
    call.query[parameter.first] = parameter.second;
  }

  const espalier::Route route = espalier::ParseRoute(call.path);
  ESPALIER_CHECK(*route.label() != '\0');
  const bool is_object = route.what == espalier::Route::What::kObject;
  if (!is_object && route.what != espalier::Route::What::kCollection) return 0;
  ESPALIER_CHECK(route.needs_token());
  ESPALIER_CHECK(route.kind != nullptr);
  ESPALIER_CHECK(is_object == !route.name.empty());
  if (is_object) ESPALIER_CHECK(espalier::IsValidName(route.name));
  if (is_object) ESPALIER_CHECK(route.kind->namespaced == !route.ns.empty());
  if (!route.ns.empty()) ESPALIER_CHECK(espalier::IsValidName(route.ns));
  const espalier::Route again = espalier::ParseRoute(PathOf(route));
  ESPALIER_CHECK(again.what == route.what);
  ESPALIER_CHECK(again.kind == route.kind);
  ESPALIER_CHECK(again.ns == route.ns);
  ESPALIER_CHECK(again.name == route.name);

  const auto query = espalier::QueryOf(route, call);
  if (query.ok()) {
    ESPALIER_CHECK(query->kinds_size() == 1);
    ESPALIER_CHECK(query->namespace_() == route.ns);
    ESPALIER_CHECK(query->names_size() == (is_object ? 1 : 0));
    for (const auto& [name, value] : query->labels()) ESPALIER_CHECK(!name.empty());
  }
  return 0;
}
