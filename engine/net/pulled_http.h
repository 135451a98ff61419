// PulledHttp: HTTP for whoever takes an answer piece by piece when it wants the next one, as
// libraries with a read callback do; Http hands the pieces out itself. Keeps its connection from
// one exchange to the next. One thread; over libcurl, with the rules of MakeHttp.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/base/http.h"

namespace espalier {

class PulledHttp {
 public:
  // FAILED_PRECONDITION, with what to install: the machine has no libcurl.
  static absl::StatusOr<std::unique_ptr<PulledHttp>> Make();
  ~PulledHttp();

  // Sends the request, and waits for status and headers of its answer; what is left of the answer
  // before is dropped. The body of a 2xx is for Read, nobody gets that of another. Errors as
  // Http::Fetch.
  absl::StatusOr<HttpResponse> Send(HttpRequest request);

  // Up to `size` bytes of the body, waiting until there are some; 0 at its end. UNAVAILABLE when it
  // breaks off before. REQUIRES: Send has answered with a 2xx.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);

 private:
  struct Impl;
  explicit PulledHttp(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
