// MakeHttp: the real Http, over libcurl. Thread-safe; connections are kept and used again. Without
// a libcurl on the machine each request is FAILED_PRECONDITION, with what to install.
#pragma once

#include <memory>

#include "engine/base/call_context.h"
#include "engine/base/http.h"

namespace espalier {

// Never follows redirects, never logs what it sends, checks certificates always, uses no proxy for
// loopback. When `stop` (borrowed; may be null) is cancelled, every request, also one under way,
// ends with CANCELLED within about a second: programs cancel it before they join their threads.
std::unique_ptr<Http> MakeHttp(const Cancellation* stop = nullptr);

}  // namespace espalier
