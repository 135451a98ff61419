// The two macros that pass an error upwards, each layer adding what it was doing.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace espalier {

// `status` with "doing: " in front of its message; OK stays OK. Payloads are kept.
absl::Status Annotate(const absl::Status& status, absl::string_view doing);

}  // namespace espalier

#define ESPALIER_RETURN_IF_ERROR(expression)                                  \
  do {                                                                        \
    if (absl::Status espalier_status_ = (expression); !espalier_status_.ok()) \
      return espalier_status_;                                                \
  } while (false)

#define ESPALIER_CONCAT_INNER_(a, b) a##b
#define ESPALIER_CONCAT_(a, b) ESPALIER_CONCAT_INNER_(a, b)

// ESPALIER_ASSIGN_OR_RETURN(auto x, F()): declares x, or returns F's error.
#define ESPALIER_ASSIGN_OR_RETURN(declaration, expression) \
  ESPALIER_ASSIGN_OR_RETURN_(ESPALIER_CONCAT_(espalier_or_, __LINE__), declaration, expression)
#define ESPALIER_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                       \
  if (!result.ok()) return std::move(result).status();              \
  declaration = std::move(result).value()
