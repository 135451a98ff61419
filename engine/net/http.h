// MakeHttp: the real Http, over libcurl. Thread-safe; connections are kept and used again.
#pragma once

#include <memory>

#include "engine/base/http.h"

namespace espalier {

// Never follows redirects, never logs or keeps what it sends, checks certificates always.
std::unique_ptr<Http> MakeHttp();

}  // namespace espalier
