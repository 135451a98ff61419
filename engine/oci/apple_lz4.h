// LZ4 in the framing of Apple's Compression library, which Tart's disk layers use (it is not LZ4's
// own frame format). A stream is a row of blocks; numbers are little-endian:
//
//   "bv41" <u32 plain size> <u32 compressed size> <bytes>     compressed
//   "bv4-" <u32 size> <bytes>                                  as it is
//   "bv4$"                                                      the end
//
// Input of any kind is answered with a status. One thread per object.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::oci {

// Plain bytes of each block that we write; every block can be read without the ones before it.
inline constexpr std::size_t kLz4WriteBlock = 64 * 1024;
inline constexpr absl::string_view kLz4End = "bv4$";

// One block. REQUIRES: 0 < plain.size() <= kLz4WriteBlock.
std::string EncodeLz4Block(absl::string_view plain);

// Reads a stream as it comes, in pieces of any size.
class AppleLz4Decoder {
 public:
  // No more than `max_plain_bytes` are ever produced: what the stream says is not believed.
  explicit AppleLz4Decoder(std::int64_t max_plain_bytes) : left_(max_plain_bytes) {}

  // Hands plain bytes to `sink` as blocks become complete; its error is returned. DATA_LOSS when
  // the stream is malformed, too long, or goes on behind its end. Not to be called again after an
  // error.
  absl::Status Feed(absl::string_view bytes,
                    absl::FunctionRef<absl::Status(absl::string_view)> sink);

  // DATA_LOSS unless the end was seen. REQUIRES: every Feed was OK.
  absl::Status Finish() const;

 private:
  // Decodes the block at the beginning of `input`: its size, or 0 if it is not complete.
  absl::StatusOr<std::size_t> TakeBlock(absl::string_view input,
                                        absl::FunctionRef<absl::Status(absl::string_view)> sink);
  absl::Status Emit(absl::FunctionRef<absl::Status(absl::string_view)> sink);

  std::int64_t left_;
  bool ended_ = false;
  // What came and makes no whole block yet.
  std::string pending_;
  // The block that was decoded last; blocks of other writers may refer back into it.
  std::string plain_;
  // The 64 KiB before it.
  std::string history_;
};

}  // namespace espalier::oci
