// ObservedHttp: an Http whose answers somebody else sees as well. Thread-safe if what sees them is.
#pragma once

#include <functional>
#include <utility>

#include "engine/base/http.h"

namespace espalier {

class ObservedHttp final : public Http {
 public:
  // Called on the thread of the request, when it has ended.
  using See = std::function<void(const absl::StatusOr<HttpResponse>& answer)>;

  // Borrowed: http.
  ObservedHttp(Http& http, See see) : http_(http), see_(std::move(see)) {}

  absl::StatusOr<HttpResponse> Fetch(HttpRequest request) override {
    absl::StatusOr<HttpResponse> answer = http_.Fetch(std::move(request));
    see_(answer);
    return answer;
  }
  absl::StatusOr<HttpResponse> Stream(
      HttpRequest request, absl::FunctionRef<absl::Status(const HttpResponse&)> on_headers,
      absl::FunctionRef<absl::Status(absl::string_view)> sink) override {
    absl::StatusOr<HttpResponse> answer = http_.Stream(std::move(request), on_headers, sink);
    see_(answer);
    return answer;
  }

 private:
  Http& http_;
  const See see_;
};

}  // namespace espalier
