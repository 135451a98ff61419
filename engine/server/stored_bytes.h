// The bytes of an object as they are stored: without its revision (which is the store's) and with
// map entries in order, so that equal objects have equal bytes. Pure.
#pragma once

#include <string>

#include "engine/model/kind.h"

namespace espalier {

std::string StoredBytes(const Resource& object);

}  // namespace espalier
