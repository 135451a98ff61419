// Problem documents (RFC 9457): how the REST interface says that something went wrong, with every
// problem of the input. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/listen/http_call.h"
#include "engine/model/problem.h"

namespace espalier {

// The HTTP status of a canonical code.
int HttpStatusOf(absl::StatusCode code);

// `status` must not be OK.
HttpAnswer ProblemAnswer(const absl::Status& status);
// With the status that the worst of the problems stands for: conflicts 409, else `http_status`.
HttpAnswer ProblemAnswer(int http_status, absl::string_view detail,
                         const std::vector<Problem>& problems);

}  // namespace espalier
