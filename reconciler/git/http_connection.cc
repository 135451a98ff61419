#include "reconciler/git/http_connection.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "engine/net/pulled_http.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

constexpr std::size_t kErrorBytes = 64 * 1024;
constexpr std::size_t kShownBytes = 300;

// What a stranger's text may show of itself: one short line without secrets of a URL.
std::string Shown(absl::string_view url) {
  std::string shown;
  for (const char c : url.substr(0, url.find_first_of("?#")).substr(0, kShownBytes)) {
    if (absl::ascii_isgraph(c)) shown.push_back(c);
  }
  const std::size_t at = shown.find('@');
  return at == std::string::npos ? shown : "(a URL with credentials)";
}

class HttpConnection final : public SmartConnection {
 public:
  HttpConnection(std::unique_ptr<PulledHttp> http, const FetchRequest& request)
      : http_(std::move(http)), request_(request), url_(absl::StripSuffix(request.url, "/")) {}

  bool stateless() const override { return true; }

  absl::Status Open(Part part) override {
    body_.clear();
    unsent_ = part == Part::kRequest;
    if (unsent_) return absl::OkStatus();
    HttpRequest request = Prepare("/info/refs?service=git-upload-pack");
    return Send(std::move(request), "advertisement");
  }

  absl::Status Write(absl::string_view bytes) override {
    if (body_.size() + bytes.size() > limits::kGitRequestBytes) {
      return absl::ResourceExhaustedError("too much would have to be asked of the repository");
    }
    absl::StrAppend(&body_, bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) override {
    // The request is whole once its answer is read.
    if (std::exchange(unsent_, false)) {
      HttpRequest request = Prepare("/git-upload-pack");
      request.method = "POST";
      request.headers.emplace_back("Content-Type", "application/x-git-upload-pack-request");
      request.body = std::move(body_);
      ESPALIER_RETURN_IF_ERROR(Send(std::move(request), "result"));
    }
    return http_->Read(buffer, size);
  }

 private:
  HttpRequest Prepare(absl::string_view path) const {
    HttpRequest request;
    request.url = absl::StrCat(url_, path);
    request.route = request_.route;
    request.max_answer_bytes = kErrorBytes;
    // Some forges answer browsers with a page instead.
    request.headers = {{"User-Agent", "git/2.0 (espalier)"}};
    if (!request_.password.empty()) {
      request.headers.emplace_back(
          "Authorization", absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(
                                                      request_.username, ":", request_.password))));
    }
    return request;
  }

  absl::Status Send(HttpRequest request, absl::string_view kind) {
    const std::string type = absl::StrCat("application/x-git-upload-pack-", kind);
    request.headers.emplace_back("Accept", type);
    ESPALIER_ASSIGN_OR_RETURN(const HttpResponse answer, http_->Send(std::move(request)));
    ESPALIER_RETURN_IF_ERROR(StatusOf(answer));
    const absl::string_view given = answer.Header("Content-Type");
    if (given.substr(0, given.find(';')) == type) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(url_, " answers with ",
                                                      given.empty() ? "no type" : Shown(given),
                                                      " and not as a git repository does"));
  }

  absl::Status StatusOf(const HttpResponse& answer) const {
    const int status = answer.status;
    if (status == 200) return absl::OkStatus();
    if (status / 100 == 3) {
      const absl::string_view target = answer.Header("Location");
      return absl::FailedPreconditionError(
          absl::StrCat(url_, " is redirected to ",
                       absl::StripSuffix(target.empty() ? "nowhere" : Shown(target), "/info/refs"),
                       ", which is not followed: write the new URL into the source"));
    }
    switch (status) {
      case 401:
        return absl::UnauthenticatedError(
            request_.password.empty() ? "the repository asks for a user name and password"
                                      : "the repository refuses the user name and password");
      case 403:
        return absl::PermissionDeniedError("the repository may not be read with this login (403)");
      case 404:
      case 410:
        return absl::NotFoundError(absl::StrCat("there is no repository at ", url_,
                                                ", or not for this login (", status, ")"));
      case 407:
        return absl::UnauthenticatedError("the proxy refuses the user name and password");
      default:
        return absl::UnavailableError(absl::StrCat(url_, " answers with status ", status));
    }
  }

  const std::unique_ptr<PulledHttp> http_;
  const FetchRequest& request_;
  const std::string url_;
  std::string body_;
  bool unsent_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SmartConnection>> ConnectHttp(const FetchRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<PulledHttp> http, PulledHttp::Make());
  return std::make_unique<HttpConnection>(std::move(http), request);
}

}  // namespace espalier
