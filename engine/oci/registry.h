// Registry: what the product needs of OCI registries. The only client of registries: `espalier
// image push`, resolution of Images, and the agents' pulls go through it. Thread-safe; calls block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/random.h"
#include "engine/oci/reference.h"

namespace espalier::oci {

// A blob as a manifest lists it.
struct Descriptor {
  std::string media_type;
  std::string digest;
  std::int64_t size = 0;
  std::map<std::string, std::string> annotations;
};

// A manifest whose bytes have the digest that was asked for.
struct Manifest {
  std::string digest;
  std::string media_type;
  std::string bytes;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;
};

struct Credential {
  std::string username;
  std::string password;
};
// The credential for a registry host, or an empty one. Called on the calling thread of each
// request.
using CredentialSource = std::function<Credential(const std::string& registry)>;

class Registry {
 public:
  virtual ~Registry() = default;

  // The manifest of a reference; an index is followed to the entry for `arch` (empty: the only
  // one). NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED, DATA_LOSS (bytes do not have their
  // digest), UNAVAILABLE, RESOURCE_EXHAUSTED (the registry asks to come later, or an answer is too
  // large).
  virtual absl::StatusOr<Manifest> GetManifest(const Reference& reference,
                                               absl::string_view arch) = 0;

  // A blob from `offset` on, handed to `sink` as it comes. Bytes are checked against the digest
  // only by the caller, who may have the first part already. OUT_OF_RANGE: the registry ignores
  // ranges and `offset` was not 0; start again from 0. `max_bytes_per_second`: 0 is no limit. While
  // it waits for a busy registry, `sink` gets no bytes about once a second, so that it can end the
  // wait.
  virtual absl::Status GetBlob(const Reference& reference, const Descriptor& blob,
                               std::int64_t offset, std::int64_t max_bytes_per_second,
                               absl::FunctionRef<absl::Status(absl::string_view)> sink) = 0;

  virtual absl::StatusOr<bool> HasBlob(const Reference& reference, absl::string_view digest) = 0;

  // Uploads a blob whose digest and size are known; `read(offset, size)` gives its bytes.
  virtual absl::Status PutBlob(
      const Reference& reference, const Descriptor& blob,
      absl::FunctionRef<absl::StatusOr<std::string>(std::int64_t, std::size_t)> read) = 0;

  // Stores a manifest under the reference's tag (or digest). Its digest.
  virtual absl::StatusOr<std::string> PutManifest(const Reference& reference,
                                                  absl::string_view media_type,
                                                  absl::string_view bytes) = 0;

  virtual absl::StatusOr<std::vector<std::string>> ListTags(const Reference& reference) = 0;
  // Repositories of a registry host (its catalogue, where it has one).
  virtual absl::StatusOr<std::vector<std::string>> ListRepositories(
      const std::string& registry) = 0;
};

// Over HTTP: https, and plain http for loopback hosts only. Follows redirects without ever sending
// Authorization to another host; gets and refreshes bearer tokens. A request that meets a busy or
// failing registry is repeated a few times, as long apart as the registry asks. When `stop` (may be
// null) is cancelled, waits between tries end with CANCELLED within a second. Borrows all but the
// credentials.
std::unique_ptr<Registry> MakeRegistry(Clock& clock, Random& random, Http& http,
                                       CredentialSource credentials,
                                       const Cancellation* stop = nullptr);

// What the engine wants to know of an image, read from its manifest and config.
struct ImageFacts {
  std::string digest;
  std::string os;
  std::string arch;
  std::int64_t compressed_bytes = 0;
  std::int64_t disk_bytes = 0;
};
absl::StatusOr<ImageFacts> Resolve(Registry& registry, const Reference& reference);

}  // namespace espalier::oci
