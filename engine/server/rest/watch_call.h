// The watch over REST: events as JSON lines. After the events of one batch comes a line without an
// event, {"resume": ..., "revision": ..., "synced": ...}: whoever passes that token as `resume`
// goes on there. Such lines also come while nothing happens.
#pragma once

#include <atomic>
#include <string>

#include "engine/base/call_context.h"
#include "engine/listen/http_call.h"
#include "engine/server/grpc_server.h"
#include "engine/server/rest/route.h"

namespace espalier {

// `watches` counts those that are open; above limits::kRestWatches the answer is 429.
HttpAnswer WatchObjects(const Served& served, const CallContext& context,
                        const std::string& token_id, const Route& route, const HttpCall& call,
                        std::atomic<int>& watches);

}  // namespace espalier
