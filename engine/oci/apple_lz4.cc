#include "engine/oci/apple_lz4.h"

#include <lz4.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier::oci {
namespace {

constexpr absl::string_view kCompressed = "bv41";
constexpr absl::string_view kStored = "bv4-";
// How far back LZ4 can refer.
constexpr std::size_t kWindow = 64 * 1024;

std::string Number(std::size_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
  return bytes;
}

std::uint32_t ReadNumber(absl::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

absl::Status Malformed(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("compressed layer: ", why));
}

}  // namespace

std::string EncodeLz4Block(absl::string_view plain) {
  ESPALIER_CHECK(!plain.empty() && plain.size() <= kLz4WriteBlock);
  std::string compressed(LZ4_compressBound(static_cast<int>(plain.size())), '\0');
  const int size =
      LZ4_compress_default(plain.data(), compressed.data(), static_cast<int>(plain.size()),
                           static_cast<int>(compressed.size()));
  ESPALIER_CHECK(size > 0);
  if (static_cast<std::size_t>(size) >= plain.size()) {
    return absl::StrCat(kStored, Number(plain.size()), plain);
  }
  compressed.resize(size);
  return absl::StrCat(kCompressed, Number(plain.size()), Number(size), compressed);
}

absl::Status AppleLz4Decoder::Feed(absl::string_view bytes,
                                   absl::FunctionRef<absl::Status(absl::string_view)> sink) {
  const bool buffered = !pending_.empty();
  if (buffered) pending_.append(bytes.data(), bytes.size());
  const absl::string_view all = buffered ? absl::string_view(pending_) : bytes;
  absl::string_view input = all;
  while (!input.empty()) {
    if (ended_) return Malformed("bytes follow its end");
    if (input == kLz4End.substr(0, input.size()) && input.size() < 4) break;
    if (absl::ConsumePrefix(&input, kLz4End)) {
      ended_ = true;
      continue;
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::size_t size, TakeBlock(input, sink));
    if (size == 0) break;
    input.remove_prefix(size);
  }
  if (buffered) {
    pending_.erase(0, all.size() - input.size());
  } else {
    pending_ = std::string(input);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> AppleLz4Decoder::TakeBlock(
    absl::string_view input, absl::FunctionRef<absl::Status(absl::string_view)> sink) {
  const absl::string_view magic = input.substr(0, 4);
  const bool compressed = magic == kCompressed.substr(0, magic.size());
  const bool stored = magic == kStored.substr(0, magic.size());
  if (!compressed && !stored) return Malformed("no block begins where one should");
  const std::size_t header = compressed ? 12 : 8;
  if (magic.size() < 4 || input.size() < header) return 0;
  const std::size_t plain_size = ReadNumber(input.substr(4));
  const std::size_t size = compressed ? ReadNumber(input.substr(8)) : plain_size;
  if (plain_size > limits::kLz4BlockBytes || size > limits::kLz4BlockBytes + 4096) {
    return Malformed("a block is too large");
  }
  if (static_cast<std::int64_t>(plain_size) > left_) {
    return Malformed("it holds more bytes than it says");
  }
  if (input.size() < header + size) return 0;
  const absl::string_view body = input.substr(header, size);
  if (stored) {
    plain_.assign(body.data(), body.size());
  } else {
    plain_.resize(plain_size);
    const int got = LZ4_decompress_safe_usingDict(
        body.data(), plain_.data(), static_cast<int>(body.size()), static_cast<int>(plain_size),
        history_.data(), static_cast<int>(history_.size()));
    if (got < 0 || static_cast<std::size_t>(got) != plain_size) {
      return Malformed("a block cannot be decompressed");
    }
  }
  ESPALIER_RETURN_IF_ERROR(Emit(sink));
  return header + size;
}

absl::Status AppleLz4Decoder::Emit(absl::FunctionRef<absl::Status(absl::string_view)> sink) {
  left_ -= static_cast<std::int64_t>(plain_.size());
  if (plain_.size() >= kWindow) {
    history_.assign(plain_, plain_.size() - kWindow, kWindow);
  } else {
    history_ += plain_;
    if (history_.size() > kWindow) history_.erase(0, history_.size() - kWindow);
  }
  return sink(plain_);
}

absl::Status AppleLz4Decoder::Finish() const {
  if (ended_ && pending_.empty()) return absl::OkStatus();
  return Malformed("it ends too early");
}

}  // namespace espalier::oci
