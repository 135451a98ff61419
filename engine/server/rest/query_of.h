// From the parameters of a request to a Query. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "engine/api/resources.h"
#include "engine/listen/http_call.h"
#include "engine/server/rest/route.h"

namespace espalier {

// Kind, namespace and name from the route; `labels` ("a=b,c=d"; also `labelSelector`), `page_size`
// (also `limit`) and `page` from the parameters. INVALID_ARGUMENT naming the parameter.
absl::StatusOr<Query> QueryOf(const Route& route, const HttpCall& call);

}  // namespace espalier
