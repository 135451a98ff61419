#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/blob_download.h"
#include "engine/oci/blob_upload.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/registry.h"
#include "engine/oci/transport.h"

namespace espalier::oci {
namespace {

enum class Access { kPull, kPush };

Target TargetOf(const Reference& reference, Access access) {
  return {reference.registry, absl::StrCat("repository:", reference.repository,
                                           access == Access::kPull ? ":pull" : ":pull,push")};
}

// "https://registry/v2/repository/" and what follows.
std::string V2(const Reference& reference, absl::string_view rest) {
  return absl::StrCat(RegistryUrl(reference.registry).ToString(), "v2/", reference.repository, "/",
                      rest);
}

absl::Status CheckDigest(absl::string_view digest, absl::string_view what) {
  if (IsDigest(digest)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " has no SHA-256 digest"));
}

// The entry for an architecture; of several the first.
absl::StatusOr<Descriptor> ChooseEntry(const Document& index, absl::string_view arch,
                                       const Reference& reference) {
  std::vector<const IndexEntry*> fitting;
  for (const IndexEntry& entry : index.entries) {
    // "unknown" marks attestations, which are no images.
    if (entry.arch == "unknown") continue;
    if (arch.empty() || entry.arch == arch) fitting.push_back(&entry);
  }
  if (fitting.empty()) {
    return absl::NotFoundError(absl::StrCat(reference.ToString(), " has no image for ",
                                            arch.empty() ? "any architecture" : arch));
  }
  if (arch.empty() && fitting.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat(reference.ToString(), " has images for ",
                                                      fitting.size(),
                                                      " platforms; its digest must name one"));
  }
  return fitting[0]->descriptor;
}

class HttpRegistry final : public Registry {
 public:
  HttpRegistry(Clock& clock, Random& random, Http& http, CredentialSource credentials,
               const Cancellation* stop)
      : transport_(clock, random, http, std::move(credentials), stop) {}

  absl::StatusOr<Manifest> GetManifest(const Reference& reference,
                                       absl::string_view arch) override {
    ESPALIER_ASSIGN_OR_RETURN(Document document, GetDocument(reference));
    if (!document.is_index) return std::move(document.manifest);
    ESPALIER_ASSIGN_OR_RETURN(const Descriptor chosen, ChooseEntry(document, arch, reference));
    ESPALIER_ASSIGN_OR_RETURN(Document image, GetDocument(reference.WithDigest(chosen.digest)));
    // Indexes of indexes exist only to confuse.
    if (image.is_index) {
      return absl::FailedPreconditionError(
          absl::StrCat(reference.ToString(), " is an index of indexes"));
    }
    return std::move(image.manifest);
  }

  absl::Status GetBlob(const Reference& reference, const Descriptor& blob, std::int64_t offset,
                       std::int64_t max_bytes_per_second,
                       absl::FunctionRef<absl::Status(absl::string_view)> sink) override {
    ESPALIER_RETURN_IF_ERROR(CheckDigest(blob.digest, "blob"));
    return BlobDownload(transport_, TargetOf(reference, Access::kPull),
                        V2(reference, absl::StrCat("blobs/", blob.digest)), blob, offset,
                        max_bytes_per_second, sink)
        .Run();
  }

  absl::StatusOr<bool> HasBlob(const Reference& reference, absl::string_view digest) override {
    ESPALIER_RETURN_IF_ERROR(CheckDigest(digest, "blob"));
    ESPALIER_ASSIGN_OR_RETURN(
        const HttpResponse response, transport_.Fetch(TargetOf(reference, Access::kPull), [&] {
          return HttpRequest{.method = "HEAD",
                             .url = V2(reference, absl::StrCat("blobs/", digest))};
        }));
    if (response.status == 200) return true;
    if (response.status == 404) return false;
    return StatusOfAnswer(response, absl::StrCat("look for blob ", digest));
  }

  absl::Status PutBlob(
      const Reference& reference, const Descriptor& blob,
      absl::FunctionRef<absl::StatusOr<std::string>(std::int64_t, std::size_t)> read) override {
    ESPALIER_RETURN_IF_ERROR(CheckDigest(blob.digest, "blob"));
    ESPALIER_ASSIGN_OR_RETURN(const bool there, HasBlob(reference, blob.digest));
    if (there) return absl::OkStatus();
    return BlobUpload(transport_, TargetOf(reference, Access::kPush),
                      V2(reference, "blobs/uploads/"), blob, read)
        .Run();
  }

  absl::StatusOr<std::string> PutManifest(const Reference& reference, absl::string_view media_type,
                                          absl::string_view bytes) override {
    std::string digest = DigestOf(bytes);
    if (!reference.digest.empty() && reference.digest != digest) {
      return absl::InvalidArgumentError(
          absl::StrCat("manifest has digest ", digest, ", not ", reference.digest));
    }
    const std::string& name = reference.digest.empty() ? reference.tag : reference.digest;
    ESPALIER_ASSIGN_OR_RETURN(
        const HttpResponse response, transport_.Fetch(TargetOf(reference, Access::kPush), [&] {
          return HttpRequest{.method = "PUT",
                             .url = V2(reference, absl::StrCat("manifests/", name)),
                             .headers = {{"Content-Type", std::string(media_type)}},
                             .body = std::string(bytes)};
        }));
    if (response.status / 100 == 2) return digest;
    return StatusOfAnswer(response, absl::StrCat("put manifest ", reference.ToString()));
  }

  absl::StatusOr<std::vector<std::string>> ListTags(const Reference& reference) override {
    return ListAll(TargetOf(reference, Access::kPull), V2(reference, "tags/list"), "tags");
  }

  absl::StatusOr<std::vector<std::string>> ListRepositories(const std::string& registry) override {
    return ListAll({registry, "registry:catalog:*"},
                   absl::StrCat(RegistryUrl(registry).ToString(), "v2/_catalog"), "repositories");
  }

 private:
  absl::StatusOr<Document> GetDocument(const Reference& reference) {
    const std::string doing = absl::StrCat("get manifest ", reference.ToString());
    const std::string& name = reference.digest.empty() ? reference.tag : reference.digest;
    ESPALIER_ASSIGN_OR_RETURN(
        const HttpResponse response, transport_.Fetch(TargetOf(reference, Access::kPull), [&] {
          return HttpRequest{
              .url = V2(reference, absl::StrCat("manifests/", name)),
              .headers = {{"Accept", absl::StrCat(kManifestType, ", ", kIndexType, ", ",
                                                  kDockerManifestType, ", ", kDockerListType)}},
              .max_answer_bytes = limits::kManifestBytes};
        }));
    if (response.status != 200) return StatusOfAnswer(response, doing);
    if (!reference.digest.empty() && DigestOf(response.body) != reference.digest) {
      return absl::DataLossError(
          absl::StrCat(doing, ": the bytes have digest ", DigestOf(response.body)));
    }
    absl::StatusOr<Document> document =
        ParseDocument(response.body, response.Header("Content-Type"));
    if (!document.ok()) return Annotate(document.status(), doing);
    return document;
  }

  // Every page of a list of names.
  absl::StatusOr<std::vector<std::string>> ListAll(const Target& target, const std::string& url,
                                                   absl::string_view key) {
    ESPALIER_ASSIGN_OR_RETURN(Url page, ParseUrl(url));
    std::vector<std::string> names;
    while (names.size() < limits::kRegistryNames) {
      ESPALIER_ASSIGN_OR_RETURN(const HttpResponse response, transport_.Fetch(target, [&] {
        return HttpRequest{.url = page.ToString(),
                           .max_answer_bytes = limits::kRegistryAnswerBytes};
      }));
      if (response.status != 200) return StatusOfAnswer(response, absl::StrCat("list ", key));
      ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> more,
                                ParseNames(response.body, key));
      names.insert(names.end(), more.begin(), more.end());
      const absl::string_view link = response.Header("Link");
      // '<url>; rel="next"'
      const std::size_t end = link.find('>');
      if (more.empty() || !absl::StartsWith(link, "<") || end == absl::string_view::npos) {
        return names;
      }
      ESPALIER_ASSIGN_OR_RETURN(const Url next, ResolveUrl(page, link.substr(1, end - 1)));
      if (!next.SameOrigin(page)) {
        return absl::PermissionDeniedError(absl::StrCat("list ", key, ": continues elsewhere"));
      }
      page = next;
    }
    return absl::ResourceExhaustedError(
        absl::StrCat("list ", key, ": more than ", limits::kRegistryNames));
  }

  Transport transport_;
};

}  // namespace

std::unique_ptr<Registry> MakeRegistry(Clock& clock, Random& random, Http& http,
                                       CredentialSource credentials, const Cancellation* stop) {
  return std::make_unique<HttpRegistry>(clock, random, http, std::move(credentials), stop);
}

}  // namespace espalier::oci
