#include "engine/oci/transport.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/oci/documents.h"
#include "engine/oci/retry.h"

namespace espalier::oci {
namespace {

constexpr int kRedirects = 5;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

absl::Status StatusOfAnswer(const HttpResponse& response, absl::string_view doing) {
  // Enough for a person to see what it says; escaped, because it comes from outside.
  std::string message = absl::StrCat(doing, ": registry answers ", response.status);
  const std::string told = ErrorTextOf(response.body);
  if (!response.body.empty()) {
    absl::StrAppend(&message, " ",
                    absl::CHexEscape((told.empty() ? response.body : told).substr(0, 200)));
  }
  switch (response.status) {
    case 401:
      return absl::UnauthenticatedError(message);
    case 403:
      return absl::PermissionDeniedError(message);
    case 404:
      return absl::NotFoundError(message);
    case 416:
      return absl::OutOfRangeError(message);
    case 429:
      return absl::ResourceExhaustedError(message);
    default:
      return IsRetryable(response.status) ? absl::UnavailableError(message)
                                          : absl::FailedPreconditionError(message);
  }
}

Transport::Transport(Clock& clock, Random& random, Http& http, CredentialSource credentials,
                     const Cancellation* stop)
    : clock_(clock),
      random_(random),
      http_(http),
      stop_(stop),
      authorizer_(clock, http, std::move(credentials)) {}

absl::StatusOr<HttpResponse> Transport::Once(const Target& target, Make make, Send send) {
  ESPALIER_ASSIGN_OR_RETURN(HttpResponse response, FollowRedirects(target, make, send));
  if (response.status != 401) return response;
  ESPALIER_RETURN_IF_ERROR(authorizer_.LogIn(target.registry, target.scope, response));
  return FollowRedirects(target, make, send);
}

absl::StatusOr<HttpResponse> Transport::FollowRedirects(const Target& target, Make make,
                                                        Send send) {
  const Url home = RegistryUrl(target.registry);
  Url next;
  for (int hop = 0; hop <= kRedirects; ++hop) {
    ESPALIER_ASSIGN_OR_RETURN(HttpRequest request, make());
    if (hop == 0) {
      ESPALIER_ASSIGN_OR_RETURN(next, ParseUrl(request.url));
    } else {
      request.url = next.ToString();
    }
    if (next.SameOrigin(home)) {
      std::string header = authorizer_.HeaderFor(target.registry, target.scope);
      if (!header.empty()) request.headers.emplace_back("Authorization", std::move(header));
    }
    const bool may_follow = request.method == "GET" || request.method == "HEAD";
    ESPALIER_ASSIGN_OR_RETURN(HttpResponse response, send(std::move(request)));
    if (hop > 0 && !next.SameOrigin(home) && (response.status == 401 || response.status == 403)) {
      // Signed links expire; the registry gives a new one.
      return absl::UnavailableError(absl::StrCat(next.authority, " answers ", response.status));
    }
    if (!IsRedirect(response.status) || !may_follow) return response;
    ESPALIER_ASSIGN_OR_RETURN(next, ResolveUrl(next, response.Header("Location")));
    if (!MayFollow(home, next)) {
      return absl::PermissionDeniedError(absl::StrCat("registry ", target.registry,
                                                      " redirects to ", next.scheme, "://",
                                                      next.authority, ", which is refused"));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("registry ", target.registry, " redirects too often"));
}

absl::StatusOr<HttpResponse> Transport::Fetch(const Target& target, Make make) {
  const auto fetch = [this](HttpRequest request) { return http_.Fetch(std::move(request)); };
  for (int tries = 1;; ++tries) {
    absl::StatusOr<HttpResponse> response = Once(target, make, fetch);
    const bool again =
        response.ok() ? IsRetryable(response->status) : IsTransient(response.status());
    if (!again || tries == kTries) return response;
    ESPALIER_RETURN_IF_ERROR(
        Wait(tries, response.ok() ? &*response : nullptr, [] { return absl::OkStatus(); }));
  }
}

absl::Status Transport::Wait(int tries_so_far, const HttpResponse* response,
                             absl::FunctionRef<absl::Status()> tick) {
  absl::Duration left = BackOff(tries_so_far, random_);
  if (response != nullptr) left = std::max(left, RetryAfter(*response, clock_.Now()));
  while (left > absl::ZeroDuration()) {
    ESPALIER_RETURN_IF_ERROR(tick());
    if (stop_ != nullptr && stop_->cancelled()) return absl::CancelledError("stopping");
    const absl::Duration step = std::min(left, absl::Seconds(1));
    clock_.Sleep(step);
    left -= step;
  }
  return tick();
}

}  // namespace espalier::oci
