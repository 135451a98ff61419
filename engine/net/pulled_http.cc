#include "engine/net/pulled_http.h"

#include <curl/curl.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/net/curl_library.h"
#include "engine/net/curl_request.h"

namespace espalier {
namespace {

// How long one wait for the network is: curl looks after its timeouts between them.
constexpr int kWaitMillis = 1000;

}  // namespace

struct PulledHttp::Impl {
  Impl(const CurlLibrary& library, CURLM* multi_handle, CURL* handle)
      : curl(library), multi(multi_handle), easy(handle) {}
  ~Impl() {
    Drop();
    curl.easy_cleanup(easy);
    curl.multi_cleanup(multi);
  }

  void Drop() {
    if (exchange.has_value()) curl.multi_remove_handle(multi, easy);
    exchange.reset();
    head.reset();
    ended.reset();
    bytes.clear();
    taken = 0;
  }

  // Lets curl work until `enough` or the end of the exchange.
  template <typename Enough>
  absl::Status Drive(Enough enough) {
    while (!enough() && !ended.has_value()) {
      int running = 0;
      CURLMcode code = curl.multi_perform(multi, &running);
      int left = 0;
      while (const CURLMsg* message = curl.multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE) ended = exchange->End(message->data.result);
      }
      if (code == CURLM_OK && !enough() && !ended.has_value()) {
        code = curl.multi_poll(multi, nullptr, 0, kWaitMillis, nullptr);
      }
      if (code != CURLM_OK) {
        return absl::InternalError(absl::StrCat("libcurl: ", curl.multi_strerror(code)));
      }
    }
    return absl::OkStatus();
  }

  const CurlLibrary& curl;
  CURLM* const multi;
  CURL* const easy;
  // Of the exchange under way; the two functions are borrowed by it.
  HttpRequest request;
  const std::function<absl::Status(const HttpResponse&)> on_headers =
      [this](const HttpResponse& response) {
        head = response;
        return absl::OkStatus();
      };
  const std::function<absl::Status(absl::string_view)> on_bytes = [this](absl::string_view piece) {
    absl::StrAppend(&bytes, piece);
    return absl::OkStatus();
  };
  const CurlRequest::HeadersSeen headers_seen{on_headers};
  const CurlRequest::Sink sink{on_bytes};
  std::optional<CurlRequest> exchange;
  std::optional<HttpResponse> head;
  std::optional<absl::StatusOr<HttpResponse>> ended;
  // What came and was not read yet: curl is asked for more only when there is nothing, so this
  // stays at what one turn of it brings.
  std::string bytes;
  std::size_t taken = 0;
};

absl::StatusOr<std::unique_ptr<PulledHttp>> PulledHttp::Make() {
  ESPALIER_ASSIGN_OR_RETURN(const CurlLibrary* curl, LoadCurl());
  CURLM* const multi = curl->multi_init();
  CURL* const easy = curl->easy_init();
  if (multi == nullptr || easy == nullptr) {
    return absl::ResourceExhaustedError("no memory for an HTTP request");
  }
  return std::unique_ptr<PulledHttp>(new PulledHttp(std::make_unique<Impl>(*curl, multi, easy)));
}

PulledHttp::PulledHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PulledHttp::~PulledHttp() = default;

absl::StatusOr<HttpResponse> PulledHttp::Send(HttpRequest request) {
  Impl& impl = *impl_;
  impl.Drop();
  impl.request = std::move(request);
  impl.exchange.emplace(impl.curl, impl.easy, impl.request, /*stop=*/nullptr, &impl.headers_seen,
                        &impl.sink);
  if (absl::Status begun = impl.exchange->Begin(); !begun.ok()) {
    impl.exchange.reset();
    return begun;
  }
  impl.curl.multi_add_handle(impl.multi, impl.easy);
  ESPALIER_RETURN_IF_ERROR(impl.Drive([&impl] { return impl.head.has_value(); }));
  // Whatever became of the body of an answer that is none: its status is what counts.
  if (impl.head.has_value() && impl.head->status / 100 != 2) return *impl.head;
  if (impl.ended.has_value() && !impl.ended->ok()) return impl.ended->status();
  return *impl.head;
}

absl::StatusOr<std::size_t> PulledHttp::Read(char* buffer, std::size_t size) {
  Impl& impl = *impl_;
  ESPALIER_CHECK(impl.exchange.has_value());
  if (impl.taken == impl.bytes.size()) {
    impl.bytes.clear();
    impl.taken = 0;
    ESPALIER_RETURN_IF_ERROR(impl.Drive([&impl] { return !impl.bytes.empty(); }));
    if (impl.bytes.empty() && !impl.ended->ok()) return impl.ended->status();
  }
  const std::size_t count = std::min(size, impl.bytes.size() - impl.taken);
  std::copy_n(impl.bytes.data() + impl.taken, count, buffer);
  impl.taken += count;
  return count;
}

}  // namespace espalier
