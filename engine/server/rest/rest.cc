#include "engine/server/rest/rest.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/version.h"
#include "engine/model/codec.h"
#include "engine/model/schema.h"
#include "engine/server/rest/fleet_calls.h"
#include "engine/server/rest/object_calls.h"
#include "engine/server/rest/problem_document.h"
#include "engine/server/rest/watch_call.h"

namespace espalier {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);
// The JSON of 20,000 VMs that run; their objects take five times as much.
constexpr std::size_t kListBytes = 32 * 1024 * 1024;

HttpAnswer Text(std::string body) {
  return {.content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

absl::StatusCode CodeOf(int status) {
  if (status < 400) return absl::StatusCode::kOk;
  switch (status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
    case 412:
      return absl::StatusCode::kAborted;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    case 503:
      return absl::StatusCode::kUnavailable;
    default:
      return status < 500 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kInternal;
  }
}

HttpAnswer NotAllowed(const HttpCall& call) {
  return ProblemAnswer(405, absl::StrCat(call.method, " does not go with ", call.path), {});
}

bool IsJson(absl::string_view content_type) {
  return content_type.empty() || absl::StartsWithIgnoreCase(content_type, "application/json") ||
         absl::StartsWithIgnoreCase(content_type, "application/merge-patch+json");
}

}  // namespace

RestService::RestService(const Served& served, std::function<Gauges()> gauges,
                         std::function<absl::Status()> ready)
    : served_(served),
      gauges_(std::move(gauges)),
      ready_(std::move(ready)),
      openapi_(OpenApiJson()),
      lists_(kListBytes) {}

absl::StatusOr<Identity> RestService::IdentityOf(const HttpCall& call) const {
  absl::string_view token = call.authorization;
  constexpr absl::string_view kScheme = "bearer ";
  if (absl::StartsWithIgnoreCase(token, kScheme)) token.remove_prefix(kScheme.size());
  return served_.tokens.Authenticate(token);
}

HttpAnswer RestService::Admit(const HttpCall& call) const {
  const Route route = ParseRoute(call.path);
  if (!route.needs_token()) return {.status = 0};
  if (absl::Status known = IdentityOf(call).status(); !known.ok()) {
    served_.metrics.CountRejected("rest");
    return ProblemAnswer(known);
  }
  if (route.what == Route::What::kNothing) {
    return ProblemAnswer(absl::NotFoundError(absl::StrCat("there is nothing at ", call.path)));
  }
  const bool has_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (has_body && !IsJson(call.content_type)) {
    return ProblemAnswer(415, "bodies are application/json", {});
  }
  return {.status = 0};
}

HttpAnswer RestService::Answer(const HttpCall& call) {
  const absl::Duration began = served_.clock.Elapsed();
  const Route route = ParseRoute(call.path);
  HttpAnswer answer;
  if (!route.needs_token()) {
    answer = call.method == "GET" ? AnswerOpen(route) : NotAllowed(call);
  } else {
    const absl::StatusOr<Identity> identity = IdentityOf(call);
    answer = identity.ok() ? AnswerKnown(route, call, *identity) : ProblemAnswer(identity.status());
  }
  served_.metrics.CountCall("rest", absl::StrCat(call.method, " ", route.label()),
                            CodeOf(answer.status), served_.clock.Elapsed() - began);
  return answer;
}

HttpAnswer RestService::AnswerOpen(const Route& route) {
  switch (route.what) {
    case Route::What::kHealth:
      return Text("ok\n");
    case Route::What::kReady: {
      const absl::Status ready = ready_();
      return ready.ok() ? Text("ok\n") : ProblemAnswer(503, ready.message(), {});
    }
    case Route::What::kMetrics:
      return Text(served_.metrics.Text(gauges_()));
    case Route::What::kOpenApi:
      return {.body = openapi_};
    default:
      return {.body = absl::StrCat("{\"product\":\"espalier\",\"version\":\"", kVersion,
                                   "\",\"api_version\":\"", kApiVersion,
                                   "\",\"api_endpoint\":\"/api/v1\"}\n")};
  }
}

HttpAnswer RestService::AnswerKnown(const Route& route, const HttpCall& call,
                                    const Identity& identity) {
  CallContext context;
  context.caller = identity.caller;
  context.timeout = kTimeout;
  context.operation_id = call.operation_id;
  Resources& resources = served_.resources;
  const bool on_object = route.what == Route::What::kObject;
  const bool on_collection = route.what == Route::What::kCollection;
  if (call.method == "GET" && (on_object || on_collection) && call.Flag("watch")) {
    return WatchObjects(served_, context, identity.token_id, route, call, watches_);
  }
  if (call.method == "GET" && on_collection)
    return ListObjects(resources, lists_, context, route, call);
  if (call.method == "GET" && on_object) return GetObject(resources, context, route);
  if (call.method == "POST" && on_collection) return CreateObject(resources, context, route, call);
  if (call.method == "PUT" && on_object) return ApplyObject(resources, context, route, call);
  if (call.method == "PATCH" && on_object) return PatchObject(resources, context, route, call);
  if (call.method == "DELETE" && on_object) return DeleteObject(resources, context, route, call);
  if (call.method == "GET" && route.what == Route::What::kDrift) {
    return ShowDrift(resources, context, served_.clock.Now(), call);
  }
  if (call.method == "GET" && route.what == Route::What::kAudit) {
    return ListAudit(served_.audit, context, call);
  }
  if (call.method == "POST" && route.what == Route::What::kPlan) {
    return PlanSet(resources, context, call);
  }
  return NotAllowed(call);
}

}  // namespace espalier
