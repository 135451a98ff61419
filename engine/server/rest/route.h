// Route: what a path of the REST interface means. Pure; takes any bytes.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier {

struct Route {
  enum class What {
    kNothing,
    // Answered without a token.
    kHealth,
    kReady,
    kMetrics,
    kClusterInfo,
    kOpenApi,
    // /api/v1/<plural>, /api/v1/namespaces/<ns>/<plural>
    kCollection,
    // .../<name>
    kObject,
    kDrift,
    kPlan,
    kAudit,
  };
  What what = What::kNothing;
  const KindInfo* kind = nullptr;
  // Of a collection: empty is all namespaces.
  std::string ns;
  std::string name;

  bool needs_token() const { return what >= What::kCollection || what == What::kNothing; }
  // The object's name. REQUIRES: what is kObject.
  Ref ref() const { return {.kind = kind->kind, .ns = ns, .name = name}; }
  // One of a fixed set of words, for metrics.
  const char* label() const;
};

// An object of a namespaced kind may be named without its namespace: /api/v1/vms/build is in
// "default".
Route ParseRoute(absl::string_view path);

}  // namespace espalier
