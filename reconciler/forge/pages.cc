#include "reconciler/forge/pages.h"

#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"

namespace espalier::forge {
namespace {

// The target of rel="next" in '<url>; rel="prev", <url>; rel="next"'; empty if there is none.
absl::string_view NextLink(absl::string_view header) {
  while (!header.empty()) {
    const std::size_t begin = header.find('<');
    const std::size_t end = header.find('>');
    if (begin == absl::string_view::npos || end == absl::string_view::npos || end < begin) break;
    const absl::string_view target = header.substr(begin + 1, end - begin - 1);
    // Its parameters end where the next target begins: commas stand inside of targets, too.
    const std::size_t next = header.find('<', end);
    const absl::string_view parameters = header.substr(end + 1, next - end - 1);
    if (absl::StrContains(parameters, "rel=\"next\"") ||
        absl::StrContains(parameters, "rel=next")) {
      return target;
    }
    if (next == absl::string_view::npos) break;
    header = header.substr(next);
  }
  return {};
}

std::uint32_t PageOf(const Url& url) {
  const std::size_t query = url.target.find('?');
  if (query == std::string::npos) return 1;
  for (absl::string_view part : absl::StrSplit(url.target.substr(query + 1), '&')) {
    std::uint32_t number = 0;
    if (absl::ConsumePrefix(&part, "page=") && absl::SimpleAtoi(part, &number)) return number;
  }
  return 1;
}

std::string WithPage(const Url& url, absl::string_view number) {
  const std::size_t query = url.target.find('?');
  std::vector<std::string> parts;
  if (query != std::string::npos) {
    for (const absl::string_view part : absl::StrSplit(url.target.substr(query + 1), '&')) {
      if (!absl::StartsWith(part, "page=")) parts.emplace_back(part);
    }
  }
  parts.push_back(absl::StrCat("page=", number));
  return absl::StrCat(url.scheme, "://", url.authority, url.target.substr(0, query), "?",
                      absl::StrJoin(parts, "&"));
}

}  // namespace

absl::StatusOr<std::optional<std::string>> NextPage(const Url& page, const HttpResponse& response,
                                                    std::size_t on_page, std::size_t seen) {
  const absl::string_view links = response.Header("link");
  if (!links.empty()) {
    const absl::string_view link = NextLink(links);
    if (link.empty()) return std::nullopt;
    ESPALIER_ASSIGN_OR_RETURN(const Url next, ResolveUrl(page, link));
    if (!next.SameOrigin(page)) {
      return absl::PermissionDeniedError(absl::StrCat("the list goes on at ", next.scheme, "://",
                                                      next.authority, ", which is refused"));
    }
    return next.ToString();
  }
  const absl::string_view number = response.Header("x-next-page");
  std::uint32_t parsed = 0;
  if (absl::SimpleAtoi(number, &parsed)) return WithPage(page, absl::StrCat(parsed));
  std::size_t total = 0;
  if (on_page > 0 && absl::SimpleAtoi(response.Header("x-total-count"), &total) && seen < total) {
    return WithPage(page, absl::StrCat(PageOf(page) + 1));
  }
  return std::nullopt;
}

}  // namespace espalier::forge
