#include "reconciler/forge/file_links.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/url.h"

namespace espalier {
namespace {

// Slashes stay.
std::string EncodePath(absl::string_view path) {
  return absl::StrJoin(absl::StrSplit(path, '/'), "/",
                       [](std::string* encoded, absl::string_view part) {
                         absl::StrAppend(encoded, PathEscape(part));
                       });
}

}  // namespace

void SetFilesUrl(absl::string_view page, absl::string_view files, PullRequest& pull_request) {
  absl::string_view project = pull_request.url;
  const bool is_page =
      absl::ConsumeSuffix(&project, absl::StrCat(page, pull_request.number)) &&
      (absl::StartsWith(project, "https://") || absl::StartsWith(project, "http://")) &&
      // It comes to stand in Markdown.
      project.find_first_of("()<> \"\r\n\t") == absl::string_view::npos;
  pull_request.files_url = is_page ? absl::StrCat(project, files) : "";
}

std::string FileUrl(const PullRequest& pull_request, absl::string_view commit,
                    absl::string_view path, std::int32_t line) {
  if (pull_request.files_url.empty() || commit.empty() || path.empty()) return "";
  std::string url = absl::StrCat(pull_request.files_url, commit, "/", EncodePath(path));
  if (line > 0) absl::StrAppend(&url, "#L", line);
  return url;
}

}  // namespace espalier
