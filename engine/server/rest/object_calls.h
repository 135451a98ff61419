// The calls about objects: list, get, create, apply, patch, delete. Each reads the request, asks
// Resources once (a patch: reads, then writes what it read) and writes the answer. Thread-safe.
#pragma once

#include "engine/api/resources.h"
#include "engine/listen/http_call.h"
#include "engine/server/rest/json_cache.h"
#include "engine/server/rest/route.h"

namespace espalier {

HttpAnswer ListObjects(Resources& resources, JsonCache& cache, const CallContext& context,
                       const Route& route, const HttpCall& call);
// With the revision as its ETag.
HttpAnswer GetObject(Resources& resources, const CallContext& context, const Route& route);
// 201; the object must not exist yet.
HttpAnswer CreateObject(Resources& resources, const CallContext& context, const Route& route,
                        const HttpCall& call);
// Makes the object so. With If-Match only if it is at that revision, else 412.
HttpAnswer ApplyObject(Resources& resources, const CallContext& context, const Route& route,
                       const HttpCall& call);
// Changes fields of the object as it is; read and written anew if somebody writes in between.
HttpAnswer PatchObject(Resources& resources, const CallContext& context, const Route& route,
                       const HttpCall& call);
HttpAnswer DeleteObject(Resources& resources, const CallContext& context, const Route& route,
                        const HttpCall& call);

}  // namespace espalier
