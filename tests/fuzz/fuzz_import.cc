// Import ids and identities: whatever the bytes are, they name an object in one way, or the answer
// is one error. The input is a type's name, a line feed, and an id, or an identity in MessagePack
// or as a state holds it, in JSON.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/validate.h"
#include "provider/conform.h"
#include "provider/identity.h"
#include "provider/msgpack.h"

namespace espalier::provider {
namespace {

void Check(const Schema& schema, absl::string_view id, const Value& identity) {
  const Value own = Value::String("own");
  Diagnostics diagnostics;
  const std::optional<Ref> ref = ImportTarget(schema, id, identity, own, diagnostics);
  if (!ref) {
    ESPALIER_CHECK(diagnostics.list().size() == 1);
    ESPALIER_CHECK(diagnostics.HasErrors());
    return;
  }
  ESPALIER_CHECK(diagnostics.empty());
  ESPALIER_CHECK(IsValidName(ref->name));
  ESPALIER_CHECK(schema.kind->namespaced ? IsValidName(ref->ns) : ref->ns.empty());
  const std::string whole = ref->ns.empty() ? ref->name : absl::StrCat(ref->ns, "/", ref->name);
  ESPALIER_CHECK(ImportTarget(schema, whole, Value(), own, diagnostics) == ref);
}

void Run(absl::string_view input) {
  static const Schemas& schemas = *new Schemas();
  const std::size_t end = input.find('\n');
  if (end == absl::string_view::npos) return;
  const Schema* schema = schemas.FindResource(absl::StrCat("espalier_", input.substr(0, end)));
  if (schema == nullptr) return;
  const absl::string_view rest = input.substr(end + 1);
  Check(*schema, rest, Value());
  for (absl::StatusOr<Value> identity :
       {ReadMsgpack(rest), ReadStateJson(schema->identity, rest)}) {
    if (identity.ok()) {
      identity = Conform(schema->identity, *std::move(identity), Strictness::kExact);
    }
    if (identity.ok()) Check(*schema, "", *identity);
  }
}

}  // namespace
}  // namespace espalier::provider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espalier::provider::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
