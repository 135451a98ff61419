// Where a registry is, and where it may send us. Pure; any thread.
#pragma once

#include "absl/strings/string_view.h"
#include "engine/base/url.h"

namespace espalier::oci {

// The base of a registry: https, or http when it is on loopback.
Url RegistryUrl(absl::string_view registry);

// Whether a registry may send us there: only a registry on loopback leads to plain http, to
// loopback or to link-local addresses (where clouds keep their secrets).
bool MayFollow(const Url& registry, const Url& to);

}  // namespace espalier::oci
