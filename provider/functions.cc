#include "provider/functions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/validate.h"
#include "engine/oci/reference.h"
#include "provider/call_schema.h"
#include "provider/memory_text.h"

namespace espalier::provider {
namespace {

FunctionAnswer Blame(int argument, absl::string_view error) {
  return {.result = Value(), .error = std::string(error), .argument = argument};
}

FunctionAnswer Result(Value value) {
  return {.result = std::move(value), .error = "", .argument = std::nullopt};
}

Value TextOrNull(const std::string& text) { return text.empty() ? Value() : Value::String(text); }

FunctionAnswer ParseImageReference(absl::Span<const Value> arguments) {
  const absl::StatusOr<oci::Reference> parsed = oci::ParseReference(arguments[0].text());
  if (!parsed.ok()) return Blame(0, parsed.status().message());
  return Result(Value::Map({{"digest", TextOrNull(parsed->digest)},
                            {"registry", Value::String(parsed->registry)},
                            {"repository", Value::String(parsed->repository)},
                            {"tag", TextOrNull(parsed->tag)}}));
}

FunctionAnswer ParseMemory(absl::Span<const Value> arguments) {
  absl::StatusOr<std::int64_t> mib = MebibytesFromText(arguments[0].text());
  if (!mib.ok()) return Blame(0, mib.status().message());
  return Result(Value::Of(Number::Of(*mib)));
}

FunctionAnswer MakeRef(absl::Span<const Value> arguments) {
  for (int i = 0; i < 2; ++i) {
    if (!arguments[i].is_null() && !IsValidName(arguments[i].text())) {
      return Blame(i, NoName(arguments[i].text()));
    }
  }
  const absl::string_view name = arguments[1].text();
  return Result(Value::String(
      arguments[0].is_null() ? std::string(name) : absl::StrCat(arguments[0].text(), "/", name)));
}

}  // namespace

const std::vector<FunctionInfo>& AllFunctions() {
  static const std::vector<FunctionInfo>& functions = *new std::vector<FunctionInfo>{
      {.name = "parse_image_reference",
       .summary = "Takes an OCI reference apart",
       .description =
           "The registry, repository, tag and digest of an OCI reference, by the engine's own "
           "rules: no registry is implied. Without a tag and a digest the tag is \"latest\"; what "
           "else is left out is null.",
       .parameters = {{.name = "reference",
                       .description = "Like \"registry.example/macos/sonoma:14.6\"."}},
       .result_type = R"(["object",{"digest":"string","registry":"string",)"
                      R"("repository":"string","tag":"string"}])",
       .call = &ParseImageReference},
      {.name = "parse_memory",
       .summary = "Memory in MiB from text with a unit",
       .description = "A number of MiB, as memory_mib wants it, from text like \"12GiB\" or "
                      "\"1.5 GiB\". Exact: what is not a whole number of MiB is refused, and so "
                      "are units of powers of ten (GB), which are nearly never meant.",
       .parameters = {{.name = "memory",
                       .description = "A number and one of the units B, KiB, MiB, GiB, TiB."}},
       .result_type = R"("number")",
       .call = &ParseMemory},
      {.name = "ref",
       .summary = "The id of an object, from namespace and name",
       .description =
           "\"namespace/name\": the id that the object has in Terraform, for import blocks and for "
           "comparing with `id`. With null for the namespace it is the name alone: the id of kinds "
           "of the cluster, and what fields that refer to a Host or an Image take. Both parts must "
           "be valid names.",
       .parameters = {{.name = "namespace",
                       .description = "Namespace; null for kinds of the cluster.",
                       .allows_null = true},
                      {.name = "name", .description = "Name of the object."}},
       .result_type = R"("string")",
       .call = &MakeRef},
  };
  return functions;
}

FunctionAnswer CallFunction(absl::string_view name, absl::Span<const Value> arguments) {
  const std::vector<FunctionInfo>& all = AllFunctions();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const FunctionInfo& function) { return function.name == name; });
  FunctionAnswer answer;
  if (found == all.end()) {
    answer.error = absl::StrCat("this provider has no function ", name);
    return answer;
  }
  if (arguments.size() != found->parameters.size()) {
    answer.error = absl::StrCat(name, " takes ", found->parameters.size(), " arguments, not ",
                                arguments.size());
    return answer;
  }
  bool known = true;
  for (int i = 0; i < static_cast<int>(arguments.size()); ++i) {
    const FunctionParameter& parameter = found->parameters[i];
    known = known && arguments[i].IsWhollyKnown();
    if (arguments[i].is_null() && !parameter.allows_null) {
      return Blame(i, absl::StrCat(parameter.name, " must not be null"));
    }
    if (arguments[i].is_known() && arguments[i].as_string() == nullptr) {
      return Blame(i, absl::StrCat(parameter.name, " must be a string"));
    }
  }
  return known ? found->call(arguments) : Result(Value::Unknown());
}

}  // namespace espalier::provider
