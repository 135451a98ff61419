#include <curl/curl.h>

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/net/curl_library.h"
#include "engine/net/curl_request.h"
#include "engine/net/http.h"

namespace espalier {
namespace {

// A handle keeps its connections, so handles are kept. Each call has one to itself: curl's own way
// to share connections between threads is documented as unsafe.
class CurlHttp final : public Http {
 public:
  explicit CurlHttp(const Cancellation* stop) : stop_(stop), curl_(LoadCurl()) {}
  ~CurlHttp() override {
    for (CURL* handle : idle_) (*curl_)->easy_cleanup(handle);
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
    if (!curl_.ok()) return curl_.status();
    const CurlLibrary& curl = **curl_;
    CURL* const handle = Take(curl);
    if (handle == nullptr) return absl::ResourceExhaustedError("no memory for an HTTP request");
    absl::StatusOr<HttpResponse> response =
        CurlRequest(curl, handle, request, stop_, on_headers, sink).Perform();
    GiveBack(curl, handle);
    return response;
  }

  CURL* Take(const CurlLibrary& curl) {
    {
      MutexLock lock(mu_);
      if (!idle_.empty()) {
        CURL* const handle = idle_.back();
        idle_.pop_back();
        return handle;
      }
    }
    return curl.easy_init();
  }

  void GiveBack(const CurlLibrary& curl, CURL* handle) {
    {
      MutexLock lock(mu_);
      if (idle_.size() < limits::kIdleHttpHandles) {
        idle_.push_back(handle);
        return;
      }
    }
    curl.easy_cleanup(handle);
  }

  const Cancellation* const stop_;
  const absl::StatusOr<const CurlLibrary*> curl_;
  Mutex mu_;
  // The one used last is at the end: its connections are the youngest.
  std::vector<CURL*> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<Http> MakeHttp(const Cancellation* stop) {
  return std::make_unique<CurlHttp>(stop);
}

}  // namespace espalier
