#include "engine/server/rest/route.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

const KindInfo* KindOfPlural(absl::string_view plural) {
  for (const KindInfo& kind : AllKinds()) {
    if (kind.plural == plural) return &kind;
  }
  return nullptr;
}

// `parts`: the plural, and a name if there is one.
Route ObjectRoute(std::vector<absl::string_view> parts, absl::string_view ns) {
  if (parts.empty() || parts.size() > 2) return {};
  Route route{.kind = KindOfPlural(parts[0]), .ns = std::string(ns)};
  if (route.kind == nullptr || (!ns.empty() && !route.kind->namespaced)) return {};
  if (parts.size() == 1) {
    route.what = Route::What::kCollection;
    return route;
  }
  if (!IsValidName(parts[1])) return {};
  route.what = Route::What::kObject;
  route.name = std::string(parts[1]);
  if (route.kind->namespaced && ns.empty()) route.ns = "default";
  return route;
}

}  // namespace

Route ParseRoute(absl::string_view path) {
  if (path == "/healthz") return {.what = Route::What::kHealth};
  if (path == "/readyz") return {.what = Route::What::kReady};
  if (path == "/metrics") return {.what = Route::What::kMetrics};
  if (!absl::ConsumePrefix(&path, "/api/v1/")) return {};
  if (path == "cluster-info") return {.what = Route::What::kClusterInfo};
  if (path == "openapi.json") return {.what = Route::What::kOpenApi};
  if (path == "drift") return {.what = Route::What::kDrift};
  if (path == "plan") return {.what = Route::What::kPlan};
  if (path == "audit") return {.what = Route::What::kAudit};

  std::vector<absl::string_view> parts = absl::StrSplit(path, absl::MaxSplits('/', 4));
  if (std::any_of(parts.begin(), parts.end(), [](absl::string_view p) { return p.empty(); })) {
    return {};
  }
  // /namespaces/<ns>/<plural>..., unless the kind Namespace itself is meant.
  if (parts.size() > 2 && parts[0] == "namespaces") {
    if (!IsValidName(parts[1])) return {};
    const absl::string_view ns = parts[1];
    parts.erase(parts.begin(), parts.begin() + 2);
    return ObjectRoute(std::move(parts), ns);
  }
  return ObjectRoute(std::move(parts), "");
}

const char* Route::label() const {
  switch (what) {
    case What::kNothing:
      return "unknown";
    case What::kHealth:
    case What::kReady:
      return "probe";
    case What::kMetrics:
      return "metrics";
    case What::kClusterInfo:
      return "cluster_info";
    case What::kOpenApi:
      return "openapi";
    case What::kCollection:
      return "collection";
    case What::kObject:
      return "object";
    case What::kDrift:
      return "drift";
    case What::kPlan:
      return "plan";
    case What::kAudit:
      return "audit";
  }
  return "unknown";
}

}  // namespace espalier
