// ServeGit: a repository over HTTP as git servers serve it, through git's own upload-pack, for an
// TestHttpServer whose handler may spoil it on the way. For tests; any thread.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/io.h"
#include "tests/support/test_http_server.h"

namespace espalier {

// What a server answers that has the bare repository at `path`, whatever path is asked for: the
// advertisement to GET, a pack to POST.
ServerAnswer ServeGit(Io& io, const std::string& path, const ServerRequest& request);

// One "pkt-line" of git's protocol.
std::string GitLine(absl::string_view text);

// The answer to GET of a repository whose branch main is at `commit` (40 hex digits); `more` is
// lines of refs.
ServerAnswer AdvertiseGit(const std::string& commit, absl::string_view more = "");

// The answer to POST that brings these bytes as a pack.
ServerAnswer SendGitPack(absl::string_view pack);

}  // namespace espalier
