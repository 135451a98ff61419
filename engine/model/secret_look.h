// Texts that look like secrets: what people paste where everybody can read it. Pure.
#pragma once

#include "absl/strings/string_view.h"

namespace espalier {

// Whether the text holds a private key in PEM, a token of a well-known form (of this engine, of
// forges, clouds and registries), or a URL with a password. Passwords that have no form of their
// own are not seen. Takes time linear in the text.
bool LooksLikeSecret(absl::string_view text);

}  // namespace espalier
