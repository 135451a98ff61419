// The lines between the reconciler and its fetching child: one "name value" a line, values
// C-escaped.
#include <map>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reconciler/git/fetch_child.h"

namespace espalier {
namespace {

using Lines = std::map<std::string, std::string>;

void AddLine(absl::string_view name, absl::string_view value, std::string& text) {
  absl::StrAppend(&text, name, " ", absl::CEscape(value), "\n");
}

absl::StatusOr<Lines> ReadLines(absl::string_view text) {
  Lines lines;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    std::string value;
    if (!absl::CUnescape(parts.second, &value)) {
      return absl::InternalError("the fetching child and its parent do not understand each other");
    }
    lines[std::string(parts.first)] = std::move(value);
  }
  return lines;
}

}  // namespace

std::string EncodeFetchRequest(const FetchRequest& request) {
  std::string text;
  AddLine("url", request.url, text);
  AddLine("ref", request.ref, text);
  AddLine("mirror", request.mirror, text);
  AddLine("username", request.username, text);
  AddLine("password", request.password, text);
  AddLine("max_bytes", absl::StrCat(request.max_bytes), text);
  return text;
}

absl::StatusOr<FetchRequest> DecodeFetchRequest(absl::string_view text) {
  absl::StatusOr<Lines> lines = ReadLines(text);
  if (!lines.ok()) return lines.status();
  FetchRequest request = {.url = (*lines)["url"],
                          .ref = (*lines)["ref"],
                          .mirror = (*lines)["mirror"],
                          .username = (*lines)["username"],
                          .password = (*lines)["password"]};
  if (!absl::SimpleAtoi((*lines)["max_bytes"], &request.max_bytes) || request.url.empty() ||
      request.ref.empty() || request.mirror.empty()) {
    return absl::InvalidArgumentError("the fetching child was given an incomplete request");
  }
  return request;
}

std::string EncodeFetchAnswer(const absl::StatusOr<std::string>& answer) {
  std::string text;
  AddLine("code", absl::StrCat(static_cast<int>(answer.status().code())), text);
  AddLine("message", answer.status().message(), text);
  if (answer.ok()) AddLine("commit", *answer, text);
  return text;
}

absl::StatusOr<std::string> DecodeFetchAnswer(absl::string_view text) {
  absl::StatusOr<Lines> lines = ReadLines(text);
  if (!lines.ok()) return lines.status();
  int code = 0;
  if (!absl::SimpleAtoi((*lines)["code"], &code)) {
    return absl::InternalError("the fetching child gave no answer");
  }
  if (code != 0) {
    return absl::Status(static_cast<absl::StatusCode>(code), (*lines)["message"]);
  }
  const std::string& commit = (*lines)["commit"];
  if (commit.size() != 40 || commit.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return absl::InternalError("the fetching child named no commit");
  }
  return commit;
}

}  // namespace espalier
