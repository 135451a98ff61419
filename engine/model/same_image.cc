#include "engine/model/same_image.h"

#include "absl/strings/match.h"

namespace espalier {
namespace {

struct Parts {
  absl::string_view repository;
  // "latest" where neither tag nor digest is named, as everywhere.
  absl::string_view tag;
  absl::string_view digest;
};

Parts PartsOf(absl::string_view reference) {
  Parts parts;
  const std::size_t at = reference.find('@');
  if (at != absl::string_view::npos) parts.digest = reference.substr(at + 1);
  parts.repository = reference.substr(0, at);
  const std::size_t colon = parts.repository.rfind(':');
  // Before the last slash it is a port's.
  if (colon != absl::string_view::npos && !absl::StrContains(parts.repository.substr(colon), "/")) {
    parts.tag = parts.repository.substr(colon + 1);
    parts.repository = parts.repository.substr(0, colon);
  }
  if (parts.tag.empty() && parts.digest.empty()) parts.tag = "latest";
  return parts;
}

}  // namespace

bool MeansSameImage(absl::string_view before, absl::string_view after, absl::string_view digest) {
  if (digest.empty() || !absl::StrContains(before, "/") || !absl::StrContains(after, "/")) {
    return false;
  }
  const Parts was = PartsOf(before);
  const Parts is = PartsOf(after);
  if (was.repository != is.repository) return false;
  if (!is.digest.empty()) return is.digest == digest;
  return was.tag == is.tag && (was.digest.empty() || was.digest == digest);
}

}  // namespace espalier
