// A repository over http(s): git's "smart" exchanges through libcurl, with authorities, client
// certificate and proxy of the source's own. One thread.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "reconciler/git/fetch.h"
#include "reconciler/git/smart_transport.h"

namespace espalier {

// `request` is borrowed. Its password goes with the first request already, to the URL's own host
// alone: no redirect is followed. Errors of the connection: NOT_FOUND (404), UNAUTHENTICATED (401,
// and 407 of the proxy), PERMISSION_DENIED (403), FAILED_PRECONDITION (a certificate, a redirect,
// an answer that is not git's), UNAVAILABLE (the network, 429, 5xx), DEADLINE_EXCEEDED (silence).
// FAILED_PRECONDITION: the machine has no libcurl.
absl::StatusOr<std::unique_ptr<SmartConnection>> ConnectHttp(const FetchRequest& request);

}  // namespace espalier
