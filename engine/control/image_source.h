// The image source of the daemon: real registries. Thread-safe as far as the registry is.
#pragma once

#include "engine/control/image_book.h"
#include "engine/oci/registry.h"

namespace espalier::control {

// Asks `registry`, which must outlive every copy of the source.
ImageSource MakeImageSource(oci::Registry& registry);

}  // namespace espalier::control
