#include "engine/oci/piece_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/oci/apple_lz4.h"
#include "engine/oci/image_layout.h"
#include "engine/oci/zeros.h"

namespace espalier::oci {

absl::StatusOr<Descriptor> PieceSource::Measure(absl::FunctionRef<absl::Status()> tick) {
  const std::size_t blocks = (plain_size_ + kLz4WriteBlock - 1) / kLz4WriteBlock;
  Sha256 plain_hash;
  Sha256 layer_hash;
  starts_ = {0};
  for (std::size_t block = 0; block < blocks; ++block) {
    ESPALIER_RETURN_IF_ERROR(tick());
    ESPALIER_ASSIGN_OR_RETURN(const std::string plain, ReadPlain(block));
    plain_hash.Update(plain);
    if (zero_block_.empty() && IsZero(plain) && plain.size() == kLz4WriteBlock) {
      zero_block_ = EncodeLz4Block(plain);
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::string bytes, ReadBlock(block));
    layer_hash.Update(bytes);
    starts_.push_back(starts_.back() + static_cast<std::int64_t>(bytes.size()));
  }
  Descriptor layer;
  layer.media_type = kTartDiskType;
  layer.digest = absl::StrCat("sha256:", layer_hash.FinishHex());
  layer.size = starts_.back();
  layer.annotations[kPlainSizeAnnotation] = absl::StrCat(plain_size_);
  layer.annotations[kPlainDigestAnnotation] = absl::StrCat("sha256:", plain_hash.FinishHex());
  return layer;
}

absl::StatusOr<std::string> PieceSource::Read(std::int64_t at, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size && at < starts_.back()) {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), at);
    const std::size_t block = next - starts_.begin() - 1;
    ESPALIER_ASSIGN_OR_RETURN(const std::string whole, ReadBlock(block));
    if (static_cast<std::int64_t>(whole.size()) != *next - starts_[block]) {
      return absl::DataLossError("the disk changes while it is pushed");
    }
    const std::size_t inside = at - starts_[block];
    const std::size_t count = std::min(size - bytes.size(), whole.size() - inside);
    bytes.append(whole, inside, count);
    at += count;
  }
  return bytes;
}

absl::StatusOr<std::string> PieceSource::ReadPlain(std::size_t block) {
  const std::int64_t begin = static_cast<std::int64_t>(block * kLz4WriteBlock);
  const std::size_t size = std::min<std::int64_t>(kLz4WriteBlock, plain_size_ - begin);
  ESPALIER_ASSIGN_OR_RETURN(std::string plain, disk_->ReadAt(offset_ + begin, size));
  if (plain.size() != size)
    return absl::DataLossError("the disk becomes shorter while it is pushed");
  return plain;
}

absl::StatusOr<std::string> PieceSource::ReadBlock(std::size_t block) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string plain, ReadPlain(block));
  const bool zero = !zero_block_.empty() && plain.size() == kLz4WriteBlock && IsZero(plain);
  std::string bytes = zero ? zero_block_ : EncodeLz4Block(plain);
  const bool last = static_cast<std::int64_t>((block + 1) * kLz4WriteBlock) >= plain_size_;
  if (last) absl::StrAppend(&bytes, kLz4End);
  return bytes;
}

}  // namespace espalier::oci
