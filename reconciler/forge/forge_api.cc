#include "reconciler/forge/forge_api.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/retry_after.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/json.h"
#include "reconciler/forge/pages.h"

namespace espalier::forge {
namespace {

constexpr absl::Duration kIdleTimeout = absl::Seconds(15);
constexpr absl::Duration kTotalTimeout = absl::Seconds(30);

bool IsPermanentRedirect(int status) { return status == 301 || status == 308; }
bool IsRedirect(int status) {
  return IsPermanentRedirect(status) || status == 302 || status == 307;
}

// What a forge says about an error: a sentence, and where it has them the single mistakes.
std::string Explanation(absl::string_view body) {
  const absl::StatusOr<Node> answer = ReadAnswer(body);
  if (!answer.ok()) return "";
  std::string text = TextAt(*answer, "message");
  if (text.empty()) text = TextAt(*answer, "error");
  // GitLab's message may be an object of lists.
  if (text.empty()) return std::string(body.substr(0, limits::kForgeErrorBytes));
  const Node* const errors = At(*answer, "errors");
  if (errors == nullptr || errors->type != Node::Type::kList) return text;
  for (const Node& error : errors->items) {
    // GitHub: objects with a code and at times a message, or plain texts.
    std::string detail = error.type == Node::Type::kString ? error.text : TextAt(error, "message");
    if (detail.empty()) {
      detail = absl::StrCat(TextAt(error, "field"), " ", TextAt(error, "code"));
    }
    absl::StrAppend(&text, "; ", detail);
    if (text.size() > limits::kForgeErrorBytes) break;
  }
  return text;
}

absl::StatusCode CodeOf(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
    case 410:
      return absl::StatusCode::kNotFound;
    case 408:
    // Somebody else was faster; GitLab says so to two statuses at once.
    case 409:
      return absl::StatusCode::kUnavailable;
    default:
      return status >= 500 ? absl::StatusCode::kUnavailable : absl::StatusCode::kFailedPrecondition;
  }
}

std::string WithoutQuery(const std::string& url) { return url.substr(0, url.find('?')); }

}  // namespace

absl::StatusOr<Node> ReadAnswer(absl::string_view body) {
  if (body.empty()) return Node();
  Problems problems;
  std::optional<Node> node = ParseJson(body, "", problems, limits::kForgeAnswerBytes);
  if (!node.has_value()) return absl::UnavailableError("the forge's answer is no JSON");
  return *std::move(node);
}

ForgeApi::ForgeApi(Http& http, AccessToken& token, std::shared_ptr<Pace> pace,
                   ForgeApiOptions options)
    : http_(http), token_(token), pace_(std::move(pace)), options_(std::move(options)) {}

absl::StatusOr<Node> ForgeApi::Get(const std::string& target) {
  ESPALIER_RETURN_IF_ERROR(pace_->Enter());
  ESPALIER_ASSIGN_OR_RETURN(const HttpResponse response,
                            Exchange({.method = "GET", .url = UrlOf(target)}));
  return ReadAnswer(response.body);
}

absl::StatusOr<Node> ForgeApi::Send(absl::string_view method, const std::string& target,
                                    const std::string& body, Write write) {
  if (write == Write::kLater) pace_->WaitOutGap();
  ESPALIER_RETURN_IF_ERROR(pace_->EnterWrite());
  return SendUncounted(method, target, body);
}

absl::StatusOr<Node> ForgeApi::SendUncounted(absl::string_view method, const std::string& target,
                                             const std::string& body) {
  ESPALIER_RETURN_IF_ERROR(pace_->Enter());
  ESPALIER_ASSIGN_OR_RETURN(
      const HttpResponse response,
      Exchange({.method = std::string(method), .url = UrlOf(target), .body = body}));
  return ReadAnswer(response.body);
}

absl::Status ForgeApi::ForEachPage(
    const std::string& target, absl::string_view entries,
    absl::FunctionRef<std::shared_ptr<const void>(const std::vector<const Node*>&)> read,
    absl::FunctionRef<void(const void*)> take) {
  std::string url = UrlOf(target);
  std::size_t seen = 0;
  for (std::size_t pages = 0; pages < limits::kForgePages; ++pages) {
    ESPALIER_RETURN_IF_ERROR(pace_->Enter());
    ESPALIER_ASSIGN_OR_RETURN(const Page page, FetchPage(url, entries, seen, read));
    take(page.items.get());
    seen += page.entries;
    if (page.next.empty()) return absl::OkStatus();
    if (seen > limits::kForgeEntries) break;
    url = page.next;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(WithoutQuery(url), ": the list is too long: more than ", seen, " entries"));
}

absl::StatusOr<ForgeApi::Page> ForgeApi::FetchPage(
    const std::string& url, absl::string_view entries, std::size_t seen,
    absl::FunctionRef<std::shared_ptr<const void>(const std::vector<const Node*>&)> read) {
  Page page = Cached(url);
  // That a page follows is told beside the body, which stays the same when it does: a last page
  // that may be full (sizes of pages are round numbers) is read anew.
  if (page.next.empty() && page.entries > 0 && page.entries % 10 == 0) page.etag.clear();
  ESPALIER_ASSIGN_OR_RETURN(const HttpResponse response,
                            Exchange({.method = "GET", .url = url, .etag = page.etag}));
  if (response.status == 304) {
    if (page.items != nullptr) return page;
    return absl::UnavailableError(
        absl::StrCat(WithoutQuery(url), ": the forge answers 304 to nothing"));
  }
  ESPALIER_ASSIGN_OR_RETURN(const Node answer, ReadAnswer(response.body));
  const Node* const list = entries.empty() ? &answer : At(answer, entries);
  if (list == nullptr || list->type != Node::Type::kList) {
    return absl::UnavailableError(
        absl::StrCat(WithoutQuery(url), ": the forge's answer is no list"));
  }
  std::vector<const Node*> nodes;
  nodes.reserve(list->items.size());
  for (const Node& node : list->items) nodes.push_back(&node);
  ESPALIER_ASSIGN_OR_RETURN(const Url here, ParseUrl(url));
  ESPALIER_ASSIGN_OR_RETURN(const std::optional<std::string> next,
                            NextPage(here, response, nodes.size(), seen + nodes.size()));
  page = {.etag = std::string(response.Header("etag")),
          .items = read(nodes),
          .entries = nodes.size(),
          .next = next.value_or("")};
  if (!page.etag.empty()) Keep(url, page);
  return page;
}

absl::StatusOr<HttpResponse> ForgeApi::Exchange(const Request& request) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string token, token_.Get());
  ESPALIER_ASSIGN_OR_RETURN(HttpResponse response, FollowRedirects(request, token));
  if (absl::Status limited = pace_->Observe(response); !limited.ok()) {
    return Annotate(limited, absl::StrCat(request.method, " ", WithoutQuery(request.url)));
  }
  if (response.status == 304 || response.status / 100 == 2) return response;
  if (response.status == 401) token_.Refused(token);
  return StatusOf(response, request, token);
}

absl::StatusOr<HttpResponse> ForgeApi::FollowRedirects(const Request& request,
                                                       const std::string& token) {
  ESPALIER_ASSIGN_OR_RETURN(Url url, ParseUrl(Moved(request.url)));
  for (int hop = 0; hop <= limits::kForgeRedirects; ++hop) {
    ESPALIER_ASSIGN_OR_RETURN(HttpResponse response, Once(request, url, token));
    if (!IsRedirect(response.status)) return response;
    ESPALIER_ASSIGN_OR_RETURN(const Url next, ResolveUrl(url, response.Header("Location")));
    if (!next.SameOrigin(options_.base)) {
      return absl::PermissionDeniedError(
          absl::StrCat(request.method, " ", WithoutQuery(request.url), " is redirected to ",
                       next.scheme, "://", next.authority, ", which is refused"));
    }
    if (IsPermanentRedirect(response.status)) Remember(request.url, next.ToString());
    url = next;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(request.method, " ", WithoutQuery(request.url), " is redirected too often"));
}

absl::StatusOr<HttpResponse> ForgeApi::Once(const Request& request, const Url& url,
                                            const std::string& token) {
  HttpRequest sent{.method = request.method, .url = url.ToString(), .headers = options_.headers};
  sent.headers.emplace_back(options_.token_header, absl::StrCat(options_.token_prefix, token));
  if (!request.etag.empty()) sent.headers.emplace_back("If-None-Match", request.etag);
  if (!request.body.empty()) {
    sent.headers.emplace_back("Content-Type", "application/json");
    sent.body = request.body;
  }
  sent.idle_timeout = kIdleTimeout;
  sent.total_timeout = kTotalTimeout;
  sent.max_answer_bytes = limits::kForgeAnswerBytes;
  sent.route = options_.route;
  return http_.Fetch(std::move(sent));
}

absl::Status ForgeApi::StatusOf(const HttpResponse& response, const Request& request,
                                const std::string& token) const {
  std::string told = Explanation(response.body);
  // Some servers repeat what they did not like.
  if (!token.empty()) told = absl::StrReplaceAll(told, {{token, "[token]"}});
  std::string message = absl::StrCat(request.method, " ", WithoutQuery(request.url),
                                     ": the forge answers ", response.status);
  if (!told.empty()) {
    absl::StrAppend(&message, " ", absl::CHexEscape(told.substr(0, limits::kForgeErrorBytes)));
  }
  for (const char* header : {"x-accepted-github-permissions", "x-accepted-oauth-scopes"}) {
    const absl::string_view needed = response.Header(header);
    if (response.status == 403 && !needed.empty()) {
      absl::StrAppend(&message, " (the token needs ", absl::CHexEscape(needed.substr(0, 200)), ")");
      break;
    }
  }
  absl::Status status(CodeOf(response.status), message);
  std::uint32_t seconds = 0;
  if (response.status == 503 && absl::SimpleAtoi(response.Header("retry-after"), &seconds)) {
    return WithRetryAfter(status, std::min(absl::Seconds(seconds), absl::Hours(1)));
  }
  return status;
}

std::string ForgeApi::UrlOf(const std::string& target) const {
  Url url = options_.base;
  url.target = absl::StrCat(absl::StripSuffix(url.target, "/"), target);
  return url.ToString();
}

std::string ForgeApi::Moved(const std::string& url) const {
  const std::string project = UrlOf(options_.project);
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, project)) return url;
  // "/repos/acme/fleet-two" does not belong to "/repos/acme/fleet".
  if (!rest.empty() && rest[0] != '/' && rest[0] != '?') return url;
  MutexLock lock(mu_);
  return moved_to_.empty() ? url : absl::StrCat(moved_to_, rest);
}

void ForgeApi::Remember(const std::string& from, const std::string& to) {
  absl::string_view rest = from;
  absl::string_view project = to;
  if (!absl::ConsumePrefix(&rest, UrlOf(options_.project))) return;
  // A redirect that changes more than the project's place is good for this request only.
  if (!absl::ConsumeSuffix(&project, rest)) return;
  MutexLock lock(mu_);
  moved_to_ = std::string(project);
}

ForgeApi::Page ForgeApi::Cached(const std::string& url) {
  MutexLock lock(mu_);
  const auto found = pages_.find(url);
  if (found == pages_.end()) return {};
  found->second.used = ++uses_;
  return found->second;
}

void ForgeApi::Keep(const std::string& url, Page page) {
  if (page.entries > limits::kForgeCachedEntries) return;
  MutexLock lock(mu_);
  Page& kept = pages_[url];
  cached_entries_ += page.entries - kept.entries;
  kept = std::move(page);
  kept.used = ++uses_;
  while (pages_.size() > limits::kForgeCachedPages ||
         cached_entries_ > limits::kForgeCachedEntries) {
    const auto oldest = std::min_element(
        pages_.begin(), pages_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    cached_entries_ -= oldest->second.entries;
    pages_.erase(oldest);
  }
}

}  // namespace espalier::forge
