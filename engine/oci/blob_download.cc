#include "engine/oci/blob_download.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/oci/retry.h"

namespace espalier::oci {

BlobDownload::BlobDownload(Transport& transport, const Target& target, std::string url,
                           const Descriptor& blob, std::int64_t offset,
                           std::int64_t max_bytes_per_second, Sink sink)
    : transport_(transport),
      target_(target),
      url_(std::move(url)),
      blob_(blob),
      start_(offset),
      max_bytes_per_second_(max_bytes_per_second),
      sink_(sink),
      at_(offset) {}

absl::Status BlobDownload::Run() {
  if (start_ < 0 || start_ > blob_.size)
    return absl::InvalidArgumentError("offset is not in the blob");
  const std::string doing = absl::StrCat("get blob ", blob_.digest);
  for (int tries = 1; at_ < blob_.size; ++tries) {
    const std::int64_t before = at_;
    absl::StatusOr<HttpResponse> response = Try();
    if (refused_) return response.status();
    if (at_ > before) tries = 0;
    if (response.ok() && response->status / 100 == 2) {
      if (at_ == blob_.size) break;
      // A proxy may end an answer early and politely.
      response = absl::UnavailableError("the answer ended before the blob did");
    }
    const bool again =
        response.ok() ? IsRetryable(response->status) : IsTransient(response.status());
    if (!again || tries >= kTries) {
      return response.ok() ? StatusOfAnswer(*response, doing) : Annotate(response.status(), doing);
    }
    ESPALIER_RETURN_IF_ERROR(transport_.Wait(std::max(tries, 1),
                                             response.ok() ? &*response : nullptr,
                                             [this] { return sink_(absl::string_view()); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<HttpResponse> BlobDownload::Try() {
  const auto make = [this]() -> absl::StatusOr<HttpRequest> {
    HttpRequest request{.url = url_, .max_bytes_per_second = max_bytes_per_second_};
    if (at_ > 0) request.headers.emplace_back("Range", absl::StrCat("bytes=", at_, "-"));
    return request;
  };
  const auto send = [this](HttpRequest request) {
    return transport_.http().Stream(
        std::move(request), [this](const HttpResponse& response) { return CheckHeaders(response); },
        [this](absl::string_view bytes) { return Take(bytes); });
  };
  return transport_.Once(target_, make, send);
}

absl::Status BlobDownload::CheckHeaders(const HttpResponse& response) {
  drop_ = 0;
  if (response.status == 206) {
    // "bytes first-last/size"
    const std::string expected = absl::StrCat("bytes ", at_, "-");
    if (absl::StartsWith(response.Header("Content-Range"), expected)) return absl::OkStatus();
    refused_ = true;
    return absl::FailedPreconditionError("the registry answers another range than was asked for");
  }
  if (response.status / 100 == 2) {
    // The whole blob, although a part was asked for.
    if (start_ > 0) {
      refused_ = true;
      return absl::OutOfRangeError("the registry ignores ranges");
    }
    drop_ = at_;
  }
  return absl::OkStatus();
}

absl::Status BlobDownload::Take(absl::string_view bytes) {
  const std::size_t dropped = std::min<std::int64_t>(drop_, bytes.size());
  drop_ -= dropped;
  bytes.remove_prefix(dropped);
  if (bytes.empty()) return absl::OkStatus();
  absl::Status status;
  if (static_cast<std::int64_t>(bytes.size()) > blob_.size - at_) {
    status = absl::DataLossError(
        absl::StrCat("blob ", blob_.digest, " is longer than the ", blob_.size, " bytes declared"));
  } else {
    status = sink_(bytes);
  }
  refused_ = !status.ok();
  if (status.ok()) at_ += bytes.size();
  return status;
}

}  // namespace espalier::oci
