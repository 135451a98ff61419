// BlobUpload: one blob, put into a registry. Lives on the stack of the call that it serves; one
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/oci/registry.h"
#include "engine/oci/transport.h"

namespace espalier::oci {

class BlobUpload {
 public:
  // Bytes of the blob from an offset on; fewer than asked for only at its end.
  using Read = absl::FunctionRef<absl::StatusOr<std::string>(std::int64_t, std::size_t)>;

  BlobUpload(Transport& transport, const Target& target, std::string url, const Descriptor& blob,
             Read read);

  // In one request, because that is what every registry understands; in chunks when something on
  // the way refuses the size. A broken upload begins again, a few times.
  absl::Status Run();

 private:
  absl::StatusOr<Url> Begin();
  absl::StatusOr<HttpResponse> SendWhole(const Url& session);
  absl::StatusOr<HttpResponse> SendChunks(Url session);
  absl::StatusOr<HttpResponse> SendPart(const Url& session, const std::string& method,
                                        std::int64_t begin, std::int64_t end);
  // The session's URL with the digest, which closes it.
  Url Closing(Url session) const;

  Transport& transport_;
  const Target target_;
  const std::string url_;
  const Descriptor& blob_;
  const Read read_;
  bool in_chunks_ = false;
};

}  // namespace espalier::oci
