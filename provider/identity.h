// Identity: the attributes by which an object is named without its state: namespace and name. Core
// keeps them beside the state, imports by them and lists them. Pure.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "engine/model/ref.h"
#include "provider/diagnostic.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// Raised when the attributes of identities change, together with an upgrade from the older ones.
inline constexpr int kIdentityVersion = 0;

// The identity of a planned or stored object; as unknown as its parts. REQUIRES: it is not null.
Value IdentityOf(const Schema& schema, const Value& object);

// The object that an import names: by `id`, which is "namespace/name" or the name alone, or, if
// that is empty and `identity` is not null, by its identity. Where no namespace is named it is
// `default_namespace`. None if that names nothing that could be; `diagnostics` says what is
// expected.
std::optional<Ref> ImportTarget(const Schema& schema, absl::string_view id, const Value& identity,
                                const Value& default_namespace, Diagnostics& diagnostics);

}  // namespace espalier::provider
