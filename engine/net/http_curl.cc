#include <curl/curl.h>

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/net/curl_request.h"
#include "engine/net/http.h"

namespace espalier {
namespace {

// A handle keeps its connections, so handles are kept. Each call has one to itself: curl's own way
// to share connections between threads is documented as unsafe.
class CurlHttp final : public Http {
 public:
  explicit CurlHttp(const Cancellation* stop) : stop_(stop) {
    // Counted by curl, and safe to call from any thread in every version we build with.
    ESPALIER_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  }
  ~CurlHttp() override {
    for (CURL* curl : idle_) curl_easy_cleanup(curl);
    curl_global_cleanup();
  }

  absl::StatusOr<HttpResponse> Fetch(HttpRequest request) override {
    return Perform(request, nullptr, nullptr);
  }

  absl::StatusOr<HttpResponse> Stream(
      HttpRequest request, absl::FunctionRef<absl::Status(const HttpResponse&)> on_headers,
      absl::FunctionRef<absl::Status(absl::string_view)> sink) override {
    return Perform(request, &on_headers, &sink);
  }

 private:
  absl::StatusOr<HttpResponse> Perform(HttpRequest& request,
                                       const CurlRequest::HeadersSeen* on_headers,
                                       const CurlRequest::Sink* sink) {
    CURL* const curl = Take();
    if (curl == nullptr) return absl::ResourceExhaustedError("no memory for an HTTP request");
    absl::StatusOr<HttpResponse> response =
        CurlRequest(curl, request, stop_, on_headers, sink).Perform();
    GiveBack(curl);
    return response;
  }

  CURL* Take() {
    {
      MutexLock lock(mu_);
      if (!idle_.empty()) {
        CURL* const curl = idle_.back();
        idle_.pop_back();
        return curl;
      }
    }
    return curl_easy_init();
  }

  void GiveBack(CURL* curl) {
    {
      MutexLock lock(mu_);
      if (idle_.size() < limits::kIdleHttpHandles) {
        idle_.push_back(curl);
        return;
      }
    }
    curl_easy_cleanup(curl);
  }

  const Cancellation* const stop_;
  Mutex mu_;
  // The one used last is at the end: its connections are the youngest.
  std::vector<CURL*> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<Http> MakeHttp(const Cancellation* stop) {
  return std::make_unique<CurlHttp>(stop);
}

}  // namespace espalier
