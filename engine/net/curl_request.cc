#include "engine/net/curl_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// curl takes any number other than the offered one as a failure.
constexpr std::size_t kRefused = static_cast<std::size_t>(-1);

bool IsLoopback(absl::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return absl::StartsWith(host, "127.") &&
         host.find_first_not_of("0123456789.") == absl::string_view::npos;
}

long Millis(absl::Duration duration) {
  return static_cast<long>(std::max<std::int64_t>(1, absl::ToInt64Milliseconds(duration)));
}

}  // namespace

CurlRequest::CurlRequest(const CurlLibrary& curl, CURL* handle, HttpRequest& request,
                         const Cancellation* stop, const HeadersSeen* on_headers, const Sink* sink)
    : curl_(curl),
      handle_(handle),
      request_(request),
      stop_(stop),
      on_headers_(on_headers),
      sink_(sink) {}

CurlRequest::~CurlRequest() {
  // Keeps the connection, forgets everything else: headers above all.
  curl_.easy_reset(handle_);
  curl_.slist_free_all(headers_);
}

absl::StatusOr<HttpResponse> CurlRequest::Perform() {
  ESPALIER_RETURN_IF_ERROR(Begin());
  return End(curl_.easy_perform(handle_));
}

absl::Status CurlRequest::Begin() {
  if (stop_ != nullptr && stop_->cancelled()) return absl::CancelledError("stopping");
  return SetUp();
}

absl::StatusOr<HttpResponse> CurlRequest::End(CURLcode code) {
  if (!failure_.ok()) return failure_;
  if (code != CURLE_OK) return FromCurl(code);
  if (!announced_) ESPALIER_RETURN_IF_ERROR(AnnounceHeaders());
  return std::move(response_);
}

template <typename T>
void CurlRequest::Set(CURLoption option, T value) {
  const CURLcode code = curl_.easy_setopt(handle_, option, value);
  if (code != CURLE_OK && failure_.ok()) failure_ = FromCurl(code);
}

absl::Status CurlRequest::SetUp() {
  Set(CURLOPT_ERRORBUFFER, error_);
  Set(CURLOPT_URL, request_.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_USERAGENT, "espalier");
  SetUpRoute();
  Set(CURLOPT_CONNECTTIMEOUT_MS, Millis(request_.idle_timeout));
  // "Below one byte per second for that long": curl counts in whole seconds.
  Set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  Set(CURLOPT_LOW_SPEED_TIME, (Millis(request_.idle_timeout) + 999) / 1000);
  if (request_.total_timeout > absl::ZeroDuration()) {
    Set(CURLOPT_TIMEOUT_MS, Millis(request_.total_timeout));
  }
  Set(CURLOPT_MAX_RECV_SPEED_LARGE, static_cast<curl_off_t>(request_.max_bytes_per_second));
  Set(CURLOPT_HEADERFUNCTION, &CurlRequest::OnHeader);
  Set(CURLOPT_HEADERDATA, this);
  Set(CURLOPT_WRITEFUNCTION, &CurlRequest::OnBody);
  Set(CURLOPT_WRITEDATA, this);
  Set(CURLOPT_NOPROGRESS, 0L);
  Set(CURLOPT_XFERINFOFUNCTION, &CurlRequest::OnTick);
  Set(CURLOPT_XFERINFODATA, this);
  // Only a wish: a handle whose last exchange ended early still has its buffer and takes no other.
  curl_.easy_setopt(handle_, CURLOPT_BUFFERSIZE, 256L * 1024);
  for (const auto& [name, value] : request_.headers) {
    ESPALIER_RETURN_IF_ERROR(AddHeader(name, value));
  }
  SetUpBody();
  Set(CURLOPT_HTTPHEADER, headers_);
  return failure_;
}

void CurlRequest::SetUpRoute() {
  const HttpRoute& route = request_.route;
  if (!route.proxy.empty()) {
    Set(CURLOPT_PROXY, route.proxy.c_str());
    // The variable no_proxy of the environment does not speak about a proxy that was declared.
    Set(CURLOPT_NOPROXY, "");
    // What the proxy says before the tunnel stands is no part of the answer.
    Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!route.proxy_username.empty()) {
      Set(CURLOPT_PROXYUSERNAME, route.proxy_username.c_str());
      Set(CURLOPT_PROXYPASSWORD, route.proxy_password.c_str());
    }
  } else if (IsLoopback(UrlPart(CURLUPART_HOST))) {
    // A name server or proxy is asked for hosts of the network only.
    Set(CURLOPT_PROXY, "");
  }
  if (!request_.ca_file.empty()) Set(CURLOPT_CAINFO, request_.ca_file.c_str());
  if (!route.ca_certificates.empty()) {
    SetPem(CURLOPT_CAINFO_BLOB, route.ca_certificates);
    // Not those beside it in the machine's folder either.
    Set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (!route.client_certificate.empty()) {
    SetPem(CURLOPT_SSLCERT_BLOB, route.client_certificate);
    SetPem(CURLOPT_SSLKEY_BLOB, route.client_key);
  }
}

void CurlRequest::SetPem(CURLoption option, const std::string& pem) {
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
  Set(option, &blob);
}

void CurlRequest::SetUpBody() {
  if (request_.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends = request_.body_source != nullptr || !request_.body.empty() ||
                     request_.method == "POST" || request_.method == "PUT" ||
                     request_.method == "PATCH";
  if (!sends) {
    Set(CURLOPT_HTTPGET, 1L);
  } else {
    const std::int64_t size = request_.body_source != nullptr
                                  ? request_.body_size
                                  : static_cast<std::int64_t>(request_.body.size());
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    Set(CURLOPT_READFUNCTION, &CurlRequest::OnRead);
    Set(CURLOPT_READDATA, this);
    Set(CURLOPT_SEEKFUNCTION, &CurlRequest::OnSeek);
    Set(CURLOPT_SEEKDATA, this);
    // curl would wait a second for "100 Continue", which few servers send.
    headers_ = curl_.slist_append(headers_, "Expect:");
  }
  Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

absl::Status CurlRequest::AddHeader(absl::string_view name, absl::string_view value) {
  constexpr absl::string_view kForbidden("\r\n\0", 3);
  if (name.empty() || name.find_first_of(kForbidden) != absl::string_view::npos ||
      value.find_first_of(kForbidden) != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(Describe(), ": malformed request header"));
  }
  // "name;" is curl's way to send an empty one.
  const std::string line =
      value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value);
  headers_ = curl_.slist_append(headers_, line.c_str());
  return absl::OkStatus();
}

std::size_t CurlRequest::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  CurlRequest& request = *static_cast<CurlRequest*>(self);
  request.failure_ = request.TakeHeaderLine(absl::string_view(data, size * count));
  return request.failure_.ok() ? size * count : kRefused;
}

absl::Status CurlRequest::TakeHeaderLine(absl::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > limits::kHttpHeaderBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(Describe(), ": headers are too large"));
  }
  line = absl::StripAsciiWhitespace(line);
  if (absl::StartsWith(line, "HTTP/")) {
    // A new answer: an informational one may have come before. Trailers keep what is there.
    if (announced_) return absl::OkStatus();
    long status = 0;
    curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    response_.headers.clear();
    return absl::OkStatus();
  }
  const std::size_t colon = line.find(':');
  if (colon == absl::string_view::npos || announced_) return absl::OkStatus();
  response_.headers.emplace_back(
      std::string(line.substr(0, colon)),
      std::string(absl::StripLeadingAsciiWhitespace(line.substr(colon + 1))));
  return absl::OkStatus();
}

std::size_t CurlRequest::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  CurlRequest& request = *static_cast<CurlRequest*>(self);
  request.failure_ = request.TakeBody(absl::string_view(data, size * count));
  return request.failure_.ok() ? size * count : kRefused;
}

absl::Status CurlRequest::TakeBody(absl::string_view bytes) {
  if (!announced_) ESPALIER_RETURN_IF_ERROR(AnnounceHeaders());
  if (streams_body()) return (*sink_)(bytes);
  if (response_.body.size() + bytes.size() > request_.max_answer_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(Describe(), ": answer is larger than ", request_.max_answer_bytes, " bytes"));
  }
  absl::StrAppend(&response_.body, bytes);
  return absl::OkStatus();
}

absl::Status CurlRequest::AnnounceHeaders() {
  announced_ = true;
  long status = 0;
  curl_.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return on_headers_ == nullptr ? absl::OkStatus() : (*on_headers_)(response_);
}

std::size_t CurlRequest::OnRead(char* data, std::size_t size, std::size_t count, void* self) {
  CurlRequest& request = *static_cast<CurlRequest*>(self);
  const std::size_t wanted = size * count;
  if (request.request_.body_source == nullptr) {
    const absl::string_view rest =
        absl::string_view(request.request_.body).substr(request.body_sent_, wanted);
    std::copy(rest.begin(), rest.end(), data);
    request.body_sent_ += rest.size();
    return rest.size();
  }
  absl::StatusOr<std::string> bytes = request.request_.body_source(wanted);
  if (bytes.ok() && bytes->size() > wanted) {
    bytes = absl::InternalError("body source gave more than was asked for");
  }
  if (!bytes.ok()) {
    request.failure_ = bytes.status();
    return CURL_READFUNC_ABORT;
  }
  std::copy(bytes->begin(), bytes->end(), data);
  request.body_sent_ += bytes->size();
  return bytes->size();
}

// curl begins again when a kept connection turns out to be dead.
int CurlRequest::OnSeek(void* self, curl_off_t offset, int origin) {
  CurlRequest& request = *static_cast<CurlRequest*>(self);
  const auto target = static_cast<std::size_t>(offset);
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  if (request.request_.body_source != nullptr && target != request.body_sent_) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  request.body_sent_ = target;
  return CURL_SEEKFUNC_OK;
}

int CurlRequest::OnTick(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  CurlRequest& request = *static_cast<CurlRequest*>(self);
  if (request.stop_ == nullptr || !request.stop_->cancelled()) return 0;
  request.failure_ = absl::CancelledError("stopping");
  return 1;
}

absl::Status CurlRequest::FromCurl(CURLcode code) const {
  const std::string message =
      absl::StrCat(Describe(), ": ", error_[0] != '\0' ? error_ : curl_.easy_strerror(code));
  long proxy_status = 0;
  curl_.easy_getinfo(handle_, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (proxy_status == 407) {
    return absl::UnauthenticatedError(
        absl::StrCat(Describe(), ": the proxy refuses the user name and password"));
  }
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(message);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(message);
    // Trying again does not help against a certificate.
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
      return absl::FailedPreconditionError(message);
    case CURLE_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

std::string CurlRequest::UrlPart(CURLUPart part) const {
  CURLU* const parsed = curl_.url();
  std::string result;
  char* text = nullptr;
  if (curl_.url_set(parsed, CURLUPART_URL, request_.url.c_str(), 0) == CURLUE_OK &&
      curl_.url_get(parsed, part, &text, 0) == CURLUE_OK) {
    result = text;
  }
  curl_.free(text);
  curl_.url_cleanup(parsed);
  return result;
}

std::string CurlRequest::Describe() const {
  const std::string port = UrlPart(CURLUPART_PORT);
  return absl::StrCat(request_.method, " ", UrlPart(CURLUPART_SCHEME), "://",
                      UrlPart(CURLUPART_HOST), port.empty() ? "" : ":", port,
                      UrlPart(CURLUPART_PATH));
}

}  // namespace espalier
