#include "provider/selection.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/model/access.h"
#include "engine/model/validate.h"

namespace espalier::provider {
namespace {

constexpr absl::string_view kNamespacePath = "metadata.namespace";
constexpr absl::string_view kLabelsPath = "metadata.labels";
constexpr absl::string_view kSelectorPath = "metadata.selector";

}  // namespace

void ValidateSelection(const Schema& schema, const Value& selection, Problems& problems) {
  if (!selection.is_known()) return;
  // An object that would be selected: what its metadata must not be cannot be asked for either.
  Resource like;
  SetKind(like, schema.kind->kind);
  like.mutable_metadata()->set_name("any");
  like.mutable_metadata()->set_namespace_(std::string(selection.At(kNamespace).text()));
  if (!selection.At(kNamespace).is_known()) ApplyDefaults(like);
  if (const Value::Entries* labels = selection.At(kSelector).as_map()) {
    for (const auto& [key, value] : *labels) {
      if (value.is_null()) {
        problems.Error("invalid_value", absl::StrCat(kSelectorPath, "[", key, "]"),
                       "must not be null");
      } else {
        (*like.mutable_metadata()->mutable_labels())[key] = std::string(value.text());
      }
    }
  }
  Problems found;
  Validate(like, {}, found);
  for (Problem& problem : found.list()) {
    // The object is made up: what is said is about the selection.
    problem.clear_ref();
    absl::string_view path = problem.path();
    if (absl::ConsumePrefix(&path, kLabelsPath)) {
      problem.set_path(absl::StrCat(kSelectorPath, path));
      problems.Append(problem);
    } else if (path == kNamespacePath) {
      problems.Append(problem);
    }
  }
}

Query QueryFor(const Schema& schema, const Value& selection) {
  Query query;
  query.add_kinds(schema.kind->name);
  query.set_namespace_(std::string(selection.At(kNamespace).text()));
  if (const Value::Entries* labels = selection.At(kSelector).as_map()) {
    for (const auto& [key, value] : *labels) {
      (*query.mutable_labels())[key] = std::string(value.text());
    }
  }
  return query;
}

}  // namespace espalier::provider
