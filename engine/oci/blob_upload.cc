#include "engine/oci/blob_upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/oci/retry.h"

namespace espalier::oci {
namespace {

// Above the 5 MiB that some registries demand of a chunk, far below the 100 MB that proxies allow.
constexpr std::int64_t kChunk = 8 * 1024 * 1024;

}  // namespace

BlobUpload::BlobUpload(Transport& transport, const Target& target, std::string url,
                       const Descriptor& blob, Read read)
    : transport_(transport), target_(target), url_(std::move(url)), blob_(blob), read_(read) {}

absl::Status BlobUpload::Run() {
  const std::string doing = absl::StrCat("put blob ", blob_.digest);
  for (int tries = 1;; ++tries) {
    absl::StatusOr<Url> session = Begin();
    if (!session.ok()) return Annotate(session.status(), doing);
    absl::StatusOr<HttpResponse> response = in_chunks_ ? SendChunks(*session) : SendWhole(*session);
    if (response.ok() && response->status / 100 == 2) return absl::OkStatus();
    if (response.ok() && response->status == 413 && !in_chunks_) {
      in_chunks_ = true;
      tries = 0;
      continue;
    }
    const bool again =
        response.ok() ? IsRetryable(response->status) : IsTransient(response.status());
    if (!again || tries == kTries) {
      return response.ok() ? StatusOfAnswer(*response, doing) : Annotate(response.status(), doing);
    }
    ESPALIER_RETURN_IF_ERROR(transport_.Wait(tries, response.ok() ? &*response : nullptr,
                                             [] { return absl::OkStatus(); }));
  }
}

absl::StatusOr<Url> BlobUpload::Begin() {
  ESPALIER_ASSIGN_OR_RETURN(const HttpResponse response, transport_.Fetch(target_, [this] {
    return HttpRequest{.method = "POST", .url = url_};
  }));
  if (response.status != 202) return StatusOfAnswer(response, "begin the upload");
  ESPALIER_ASSIGN_OR_RETURN(const Url begun, ParseUrl(url_));
  ESPALIER_ASSIGN_OR_RETURN(Url session, ResolveUrl(begun, response.Header("Location")));
  if (!MayFollow(begun, session)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the registry sends uploads to ", session.authority, ", which is refused"));
  }
  return session;
}

absl::StatusOr<HttpResponse> BlobUpload::SendWhole(const Url& session) {
  return SendPart(Closing(session), "PUT", 0, blob_.size);
}

absl::StatusOr<HttpResponse> BlobUpload::SendChunks(Url session) {
  for (std::int64_t at = 0; at < blob_.size; at += kChunk) {
    ESPALIER_ASSIGN_OR_RETURN(HttpResponse response,
                              SendPart(session, "PATCH", at, std::min(at + kChunk, blob_.size)));
    if (response.status / 100 != 2) return response;
    const Url home = RegistryUrl(target_.registry);
    ESPALIER_ASSIGN_OR_RETURN(session, ResolveUrl(session, response.Header("Location")));
    if (!MayFollow(home, session)) {
      return absl::PermissionDeniedError("the registry sends an upload elsewhere");
    }
  }
  return SendPart(Closing(session), "PUT", blob_.size, blob_.size);
}

absl::StatusOr<HttpResponse> BlobUpload::SendPart(const Url& session, const std::string& method,
                                                  std::int64_t begin, std::int64_t end) {
  const auto make = [&]() -> absl::StatusOr<HttpRequest> {
    HttpRequest request{.method = method, .url = session.ToString()};
    request.headers.emplace_back("Content-Type", "application/octet-stream");
    if (method == "PATCH") {
      request.headers.emplace_back("Content-Range", absl::StrCat(begin, "-", end - 1));
    }
    request.body_size = end - begin;
    request.body_source = [this, at = begin,
                           end](std::size_t size) mutable -> absl::StatusOr<std::string> {
      const std::size_t wanted = std::min<std::int64_t>(size, end - at);
      if (wanted == 0) return std::string();
      ESPALIER_ASSIGN_OR_RETURN(std::string bytes, read_(at, wanted));
      if (bytes.empty()) return absl::DataLossError("the blob is shorter than it was");
      at += bytes.size();
      return bytes;
    };
    return request;
  };
  return transport_.Once(target_, make, [this](HttpRequest request) {
    return transport_.http().Fetch(std::move(request));
  });
}

Url BlobUpload::Closing(Url session) const {
  absl::StrAppend(&session.target, absl::StrContains(session.target, '?') ? "&" : "?",
                  "digest=", QueryEscape(blob_.digest));
  return session;
}

}  // namespace espalier::oci
