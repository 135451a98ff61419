// Links to lines of files as forges show them in a browser. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "reconciler/forge/forge.h"

namespace espalier {

// Sets `files_url` from the address of the pull request's own page, `project` + `page` + its
// number ("https://github.com/acme/fleet" + "/pull/" + "7"): to `project` + `files` ("/blob/").
// Left empty if the page is no web address of that form.
void SetFilesUrl(absl::string_view page, absl::string_view files, PullRequest& pull_request);

// Where `line` of a file can be read at `commit`, with everything encoded that means something in
// an address or in Markdown. Empty: nobody knows.
std::string FileUrl(const PullRequest& pull_request, absl::string_view commit,
                    absl::string_view path, std::int32_t line);

}  // namespace espalier
