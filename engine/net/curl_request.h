// CurlRequest: one HTTP exchange on a borrowed curl handle. Lives on the stack of the call that it
// serves; one thread. The only file that knows curl's callbacks.
#pragma once

#include <curl/curl.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/call_context.h"
#include "engine/base/http.h"
#include "engine/net/curl_library.h"

namespace espalier {

class CurlRequest {
 public:
  using HeadersSeen = absl::FunctionRef<absl::Status(const HttpResponse&)>;
  using Sink = absl::FunctionRef<absl::Status(absl::string_view)>;

  // `sink` null: the whole body is kept. All are borrowed.
  CurlRequest(const CurlLibrary& curl, CURL* handle, HttpRequest& request, const Cancellation* stop,
              const HeadersSeen* on_headers, const Sink* sink);
  ~CurlRequest();
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;

  // Sends the request and reads the answer. Once.
  absl::StatusOr<HttpResponse> Perform();

  // The same for whoever drives the handle: readies it, and says what came of it once curl is done.
  absl::Status Begin();
  absl::StatusOr<HttpResponse> End(CURLcode code);

 private:
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnRead(char* data, std::size_t size, std::size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);
  static int OnTick(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  // A refusal is kept in `failure_`.
  template <typename T>
  void Set(CURLoption option, T value);
  absl::Status SetUp();
  void SetUpRoute();
  // PEM text that outlives the exchange.
  void SetPem(CURLoption option, const std::string& pem);
  void SetUpBody();
  absl::Status AddHeader(absl::string_view name, absl::string_view value);
  absl::Status TakeHeaderLine(absl::string_view line);
  absl::Status TakeBody(absl::string_view bytes);
  absl::Status AnnounceHeaders();
  absl::Status FromCurl(CURLcode code) const;
  // Empty: the URL has none.
  std::string UrlPart(CURLUPart part) const;
  // "GET https://host/path": without query and user, which may hold secrets.
  std::string Describe() const;
  bool streams_body() const { return sink_ != nullptr && response_.status / 100 == 2; }

  const CurlLibrary& curl_;
  CURL* const handle_;
  HttpRequest& request_;
  const Cancellation* const stop_;
  const HeadersSeen* const on_headers_;
  const Sink* const sink_;
  char error_[CURL_ERROR_SIZE] = {};
  curl_slist* headers_ = nullptr;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  bool announced_ = false;
  // How much of the request's body curl has taken.
  std::size_t body_sent_ = 0;
  // What ended the exchange from our side.
  absl::Status failure_;
};

}  // namespace espalier
