#include "provider/identity.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/model/validate.h"

namespace espalier::provider {
namespace {

// Name and namespace as they were written; the namespace is null where none was.
struct Written {
  Value ns;
  std::string name;
  bool has_form = true;
};

Written FromId(const Schema& schema, absl::string_view id) {
  const std::vector<absl::string_view> parts = absl::StrSplit(id, '/');
  Written written;
  written.name = std::string(parts.back());
  if (parts.size() == 2 && schema.kind->namespaced) written.ns = Value::String(parts.front());
  written.has_form = parts.size() <= (schema.kind->namespaced ? 2 : 1);
  return written;
}

std::string Expected(const Schema& schema, bool by_identity) {
  const bool namespaced = schema.kind->namespaced;
  if (by_identity) {
    return absl::StrCat("The identity of ", schema.type_name, " is ",
                        namespaced
                            ? "{ namespace = \"ci\", name = \"build\" }, or the name alone in "
                              "the provider's namespace"
                            : "{ name = \"build\" }",
                        "; names are lower-case letters, digits and \"-\".");
  }
  return absl::StrCat("The id of ", schema.type_name, " is ",
                      namespaced
                          ? "\"namespace/name\", like \"ci/build\", or the name alone in the "
                            "provider's namespace"
                          : "the name, like \"build\"",
                      ".");
}

}  // namespace

Value IdentityOf(const Schema& schema, const Value& object) {
  Value::Entries entries;
  entries.reserve(schema.identity.size());
  for (const Attribute& attribute : schema.identity) {
    entries.emplace_back(attribute.name, object.At(attribute.name));
  }
  return Value::Map(std::move(entries));
}

std::optional<Ref> ImportTarget(const Schema& schema, absl::string_view id, const Value& identity,
                                const Value& default_namespace, Diagnostics& diagnostics) {
  const bool by_identity = id.empty() && identity.is_known();
  Written written = by_identity
                        ? Written{identity.At(kNamespace), std::string(identity.At(kName).text())}
                        : FromId(schema, id);
  if (schema.kind->namespaced && written.ns.is_null()) {
    if (default_namespace.is_unknown()) {
      diagnostics.Error("Namespace not known yet",
                        absl::StrCat("The provider's namespace comes from something that does not "
                                     "exist yet, so the import has to name one. ",
                                     Expected(schema, by_identity)));
      return std::nullopt;
    }
    written.ns = default_namespace;
  }
  Ref ref{schema.kind->kind, std::string(written.ns.text()), std::move(written.name)};
  if (written.has_form && IsValidName(ref.name) &&
      (!schema.kind->namespaced || IsValidName(ref.ns))) {
    return ref;
  }
  const std::string given = by_identity ? ref.ns.empty()
                                              ? absl::StrCat("{ name = \"", ref.name, "\" }")
                                              : absl::StrCat("{ namespace = \"", ref.ns,
                                                             "\", name = \"", ref.name, "\" }")
                                        : absl::StrCat("\"", id, "\"");
  diagnostics.Error(by_identity ? "Invalid import identity" : "Invalid import id",
                    absl::StrCat(Expected(schema, by_identity), " ", given, " is not one."));
  return std::nullopt;
}

}  // namespace espalier::provider
