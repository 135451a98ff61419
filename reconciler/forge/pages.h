// NextPage: where the rest of a list is. Forges tell it in three ways, and clamp the size of pages
// without saying so: a page that is not full is not the last one. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/http.h"
#include "engine/base/url.h"

namespace espalier::forge {

// The URL of the page after `page`, whose answer this is: from Link, where that is there, else from
// X-Next-Page, else from X-Total-Count when fewer than that were seen so far (with this page, which
// had `on_page`). Nothing: there is none. PERMISSION_DENIED: it leads to another server, which must
// not see our token.
absl::StatusOr<std::optional<std::string>> NextPage(const Url& page, const HttpResponse& response,
                                                    std::size_t on_page, std::size_t seen);

}  // namespace espalier::forge
