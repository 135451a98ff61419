// Names of what travels beside a call over gRPC.
#pragma once

namespace espalier {

// Of the caller: CallContext::operation_id and CallContext::min_revision.
inline constexpr char kOperationIdMetadata[] = "espalier-operation-id";
inline constexpr char kMinRevisionMetadata[] = "espalier-min-revision";
// Of the engine, at the end of a call that it refused: RetryAfter in milliseconds.
inline constexpr char kRetryAfterMetadata[] = "espalier-retry-after-ms";

}  // namespace espalier
