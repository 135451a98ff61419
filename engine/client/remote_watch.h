// StartRemoteWatch: a watch of an engine elsewhere. A few batches are read ahead, then the stream
// waits until the watcher has taken one: a slow watcher is the engine's to judge.
#pragma once

#include <memory>
#include <string>

#include "engine/api/resources.h"
#include "engine/client/connection.h"
#include "espalier/v1/resources_service.grpc.pb.h"

namespace espalier {

// `connection` must outlive the watch.
std::unique_ptr<Watch> StartRemoteWatch(const Connection& connection, const CallContext& context,
                                        v1::ResourcesService::Stub& stub, v1::WatchRequest request);

}  // namespace espalier
