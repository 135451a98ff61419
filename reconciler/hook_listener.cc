#include "reconciler/hook_listener.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// Few, because a hook is a hint: what waits or is turned away is made good by the next poll.
constexpr std::size_t kThreads = 4;
constexpr std::size_t kWaiting = 64;
// Plans may be large, and links slow.
constexpr absl::Duration kAnswerTime = absl::Seconds(60);

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

bool IsDigest(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

// The source of "/hooks/<source>", or empty.
std::string HookedSource(const HttpCall& call) {
  absl::string_view source = call.path;
  const bool hook = call.method == "POST" && absl::ConsumePrefix(&source, "/hooks/");
  return hook && IsName(source) ? std::string(source) : "";
}

HttpAnswer Only(int status) { return {.status = status, .content_type = "text/plain"}; }

HttpAnswer AnswerPlan(const HookListener::ReadPlan& read_plan, const std::string& path) {
  // "", "plans", source, digest.
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() != 4 || parts[1] != "plans" || !IsName(parts[2])) return Only(404);
  absl::string_view digest = parts[3];
  const bool as_json = absl::ConsumeSuffix(&digest, ".json");
  if (!IsDigest(digest)) return Only(404);
  absl::StatusOr<std::string> plan = read_plan(parts[2], std::string(digest), as_json);
  if (!plan.ok()) return Only(404);
  // Text and nothing else, whatever names in it look like.
  return {.content_type = as_json ? "application/json" : "text/plain; charset=utf-8",
          .body = *std::move(plan),
          .headers = {{"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "private, max-age=3600"}}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HookListener>> HookListener::Start(Clock& clock, Threads& threads,
                                                                  const Options& options,
                                                                  Handler handler,
                                                                  ReadPlan read_plan,
                                                                  ReadMetrics read_metrics) {
  if (!IsLoopback(options.address.host)) {
    return absl::FailedPreconditionError(
        absl::StrCat("webhooks are taken on loopback only, not on ", options.address.ToString(),
                     "; let a proxy with TLS stand in front"));
  }
  std::unique_ptr<HookListener> listener(
      new HookListener(std::move(handler), std::move(read_plan), std::move(read_metrics)));
  ESPALIER_ASSIGN_OR_RETURN(
      listener->server_,
      HttpServer::Start(
          clock, threads,
          {.admit = Admit,
           .answer = [raw = listener.get()](const HttpCall& call) { return raw->Answer(call); }},
          {.address = options.address.ToString(),
           .name = "hook",
           .threads = kThreads,
           .waiting = kWaiting,
           .body_bytes = limits::kWebhookBody,
           .request_time = options.request_time,
           .answer_time = kAnswerTime,
           .keep_alive = false}));
  ESPALIER_ASSIGN_OR_RETURN(listener->address_, ParseAddress(listener->server_->address()));
  return listener;
}

HookListener::HookListener(Handler handler, ReadPlan read_plan, ReadMetrics read_metrics)
    : handler_(std::move(handler)),
      read_plan_(std::move(read_plan)),
      read_metrics_(std::move(read_metrics)) {}

void HookListener::Stop() { server_->Stop(); }

HttpAnswer HookListener::Admit(const HttpCall& call) {
  if (call.method == "GET") return Only(0);
  if (HookedSource(call).empty()) return Only(404);
  // Nobody who signs bytes packs them, and what is packed may unpack without end.
  return Only(call.Header("Content-Encoding").empty() ? 0 : 415);
}

HttpAnswer HookListener::Answer(const HttpCall& call) const {
  if (const std::string source = HookedSource(call); !source.empty()) {
    return Only(handler_(source, call.headers, call.body));
  }
  if (call.method != "GET") return Only(404);
  if (call.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4", .body = read_metrics_()};
  }
  return AnswerPlan(read_plan_, call.path);
}

}  // namespace espalier
