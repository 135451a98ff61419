// Spellings of one image. Pure. Internal to the model.
#pragma once

#include "absl/strings/string_view.h"

namespace espalier {

// Whether the OCI reference `after` means the image that runs under `before`, which turned out to
// have this digest: it names the digest, or it is the same tag without it. What was pinned by a
// digest alone is no tag's. False where the digest is not known, and for names of Images.
bool MeansSameImage(absl::string_view before, absl::string_view after, absl::string_view digest);

}  // namespace espalier
