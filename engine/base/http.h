// Http: outgoing HTTP requests, as an interface, so that what talks to registries and forges can be
// tested against a fake. The real one is engine/net. Thread-safe; calls block.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

// Names compare without case; order is kept.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// How a server is reached, how it is known, and how we show who we are. All of it may be empty.
struct HttpRoute {
  // "http://proxy.example:3128" or "socks5h://proxy.example:1080". Empty: as the environment of the
  // process says, and never for loopback.
  std::string proxy;
  // Name and password at the proxy.
  std::string proxy_username;
  std::string proxy_password;
  // Authorities to trust instead of the machine's, in PEM.
  std::string ca_certificates;
  // Our certificate with those between it and its authority, and its private key, in PEM.
  std::string client_certificate;
  std::string client_key;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  // The body, or ...
  std::string body;
  // ... a source of it: fills up to `size` bytes, returns fewer only at the end.
  absl::AnyInvocable<absl::StatusOr<std::string>(std::size_t size)> body_source = nullptr;
  std::int64_t body_size = -1;
  // Without progress for this long the request fails.
  absl::Duration idle_timeout = absl::Seconds(30);
  // 0 is none.
  absl::Duration total_timeout = absl::ZeroDuration();
  // Bytes of an answer that Fetch keeps; more is RESOURCE_EXHAUSTED.
  std::size_t max_answer_bytes = 4 * 1024 * 1024;
  // Bytes per second that Stream takes; 0 is no limit.
  std::int64_t max_bytes_per_second = 0;
  // PEM file of the authorities to trust; empty is the system's.
  std::string ca_file;
  HttpRoute route;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  // The first header of that name, or empty.
  absl::string_view Header(absl::string_view name) const;
};

class Http {
 public:
  virtual ~Http() = default;

  // Sends the request and reads the whole answer. Redirects are answers: following them, and what
  // may travel with them, is the caller's decision. UNAVAILABLE when the server cannot be reached
  // or breaks off, DEADLINE_EXCEEDED by a timeout. Any status is a success of this call.
  virtual absl::StatusOr<HttpResponse> Fetch(HttpRequest request) = 0;

  // The same, but a 2xx body is handed to `sink` as it comes and HttpResponse::body stays empty.
  // What `sink` returns other than OK ends the request with that status. `on_headers` sees status
  // and headers before the first byte.
  virtual absl::StatusOr<HttpResponse> Stream(
      HttpRequest request, absl::FunctionRef<absl::Status(const HttpResponse&)> on_headers,
      absl::FunctionRef<absl::Status(absl::string_view)> sink) = 0;
};

}  // namespace espalier
