// The lines between the reconciler and its fetching child: one "name value" a line, values
// C-escaped.
#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/git/git_limits.h"

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

bool IsCommit(absl::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

bool ReadPullHeads(absl::string_view text, PullHeads& heads) {
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(word, absl::MaxSplits(':', 1));
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(parts.first, &number) || !IsCommit(parts.second)) return false;
    heads.emplace(number, parts.second);
  }
  return heads.size() <= limits::kPullHeads;
}

}  // namespace

std::string EncodeFetchRequest(const FetchRequest& request) {
  std::string text;
  AddLine("url", request.url, text);
  AddLine("ref", request.ref, text);
  if (request.tags.has_value()) {
    AddLine("tags_range", request.tags->range, text);
    AddLine("tags_prefix", request.tags->prefix, text);
  }
  AddLine("commit", request.commit, text);
  AddLine("pull_heads_prefix", request.pull_heads_prefix, text);
  AddLine("mirror", request.mirror, text);
  AddLine("keep_as", request.keep_as, text);
  AddLine("username", request.username, text);
  AddLine("password", request.password, text);
  AddLine("proxy", request.route.proxy, text);
  AddLine("proxy_username", request.route.proxy_username, text);
  AddLine("proxy_password", request.route.proxy_password, text);
  AddLine("ca_certificates", request.route.ca_certificates, text);
  AddLine("client_certificate", request.route.client_certificate, text);
  AddLine("client_key", request.route.client_key, text);
  // The private key is not among them: the child needs to know where it lies, and no more.
  AddLine("known_hosts", request.ssh.known_hosts, text);
  AddLine("ssh_dir", request.ssh.dir, text);
  AddLine("max_bytes", absl::StrCat(request.max_bytes), text);
  return text;
}

absl::StatusOr<FetchRequest> DecodeFetchRequest(absl::string_view text) {
  absl::StatusOr<Lines> lines = ReadLines(text);
  if (!lines.ok()) return lines.status();
  FetchRequest request = {
      .url = (*lines)["url"],
      .ref = (*lines)["ref"],
      .commit = (*lines)["commit"],
      .pull_heads_prefix = (*lines)["pull_heads_prefix"],
      .mirror = (*lines)["mirror"],
      .keep_as = (*lines)["keep_as"],
      .username = (*lines)["username"],
      .password = (*lines)["password"],
      .route = {.proxy = (*lines)["proxy"],
                .proxy_username = (*lines)["proxy_username"],
                .proxy_password = (*lines)["proxy_password"],
                .ca_certificates = (*lines)["ca_certificates"],
                .client_certificate = (*lines)["client_certificate"],
                .client_key = (*lines)["client_key"]},
      .ssh = {.known_hosts = (*lines)["known_hosts"], .dir = (*lines)["ssh_dir"]}};
  if (lines->contains("tags_range")) {
    request.tags = {.range = (*lines)["tags_range"], .prefix = (*lines)["tags_prefix"]};
  }
  if (!absl::SimpleAtoi((*lines)["max_bytes"], &request.max_bytes) || request.url.empty() ||
      (request.ref.empty() && !request.tags.has_value()) || request.mirror.empty() ||
      request.keep_as.empty() || (!request.commit.empty() && !IsCommit(request.commit))) {
    return absl::InvalidArgumentError("the fetching child was given an incomplete request");
  }
  return request;
}

std::string EncodeFetchAnswer(const absl::StatusOr<FetchAnswer>& answer) {
  std::string text;
  AddLine("code", absl::StrCat(static_cast<int>(answer.status().code())), text);
  AddLine("message", answer.status().message(), text);
  if (answer.ok()) {
    AddLine("commit", answer->commit, text);
    AddLine("ref", answer->ref, text);
    AddLine("pull_heads", absl::StrJoin(answer->pull_heads, " ", absl::PairFormatter(":")), text);
  }
  return text;
}

absl::StatusOr<FetchAnswer> DecodeFetchAnswer(absl::string_view text) {
  absl::StatusOr<Lines> lines = ReadLines(text);
  if (!lines.ok()) return lines.status();
  int code = 0;
  if (!absl::SimpleAtoi((*lines)["code"], &code)) {
    return absl::InternalError("the fetching child gave no answer");
  }
  if (code != 0) {
    return absl::Status(static_cast<absl::StatusCode>(code), (*lines)["message"]);
  }
  FetchAnswer answer = {.commit = (*lines)["commit"], .ref = (*lines)["ref"]};
  if (!IsCommit(answer.commit)) {
    return absl::InternalError("the fetching child named no commit");
  }
  if (!ReadPullHeads((*lines)["pull_heads"], answer.pull_heads)) {
    return absl::InternalError("the fetching child named no heads of pull requests");
  }
  return answer;
}

}  // namespace espalier
