// BlobDownload: one blob, fetched in as many pieces as the network breaks it into. Lives on the
// stack of the call that it serves; one thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/oci/registry.h"
#include "engine/oci/transport.h"

namespace espalier::oci {

class BlobDownload {
 public:
  using Sink = absl::FunctionRef<absl::Status(absl::string_view)>;

  BlobDownload(Transport& transport, const Target& target, std::string url, const Descriptor& blob,
               std::int64_t offset, std::int64_t max_bytes_per_second, Sink sink);

  // See Registry::GetBlob. A break goes on behind the last byte that came; only tries without a
  // single new byte are counted.
  absl::Status Run();

 private:
  absl::StatusOr<HttpResponse> Try();
  absl::Status CheckHeaders(const HttpResponse& response);
  absl::Status Take(absl::string_view bytes);

  Transport& transport_;
  const Target target_;
  const std::string url_;
  const Descriptor& blob_;
  const std::int64_t start_;
  const std::int64_t max_bytes_per_second_;
  const Sink sink_;
  // Where the next byte of the blob belongs that the sink has not seen.
  std::int64_t at_;
  // Bytes to drop first: a registry without ranges sends again what came before a break.
  std::int64_t drop_ = 0;
  // Whether the sink, not the network, ended the last try.
  bool refused_ = false;
};

}  // namespace espalier::oci
