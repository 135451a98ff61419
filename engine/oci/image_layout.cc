#include "engine/oci/image_layout.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/digest.h"

namespace espalier::oci {
namespace {

absl::Status Unusable(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("not a VM image that can be used here: ", why));
}

std::string AnnotationOf(const std::map<std::string, std::string>& annotations, const char* name) {
  const auto found = annotations.find(name);
  return found == annotations.end() ? "" : found->second;
}

// A size that stands in an annotation: written by whoever pushed, so believed only within bounds.
bool ReadSize(absl::string_view text, std::int64_t max, std::int64_t& size) {
  return absl::SimpleAtoi(text, &size) && size > 0 && size <= max;
}

absl::Status AddPiece(const Descriptor& layer, ImageLayout& layout) {
  DiskPiece& piece = layout.pieces.emplace_back();
  piece.blob = layer;
  piece.offset = layout.disk_bytes;
  const std::string size = AnnotationOf(layer.annotations, kPlainSizeAnnotation);
  if (!ReadSize(size, limits::kDiskPieceBytes, piece.plain_size)) {
    return Unusable(
        absl::StrCat("a piece of the disk says to hold \"", absl::CHexEscape(size), "\" bytes"));
  }
  // LZ4 cannot do better than 255 to 1, nor make bytes much more than they are.
  if (piece.plain_size / 256 > layer.size || layer.size / 2 > piece.plain_size + 4096) {
    return Unusable(
        absl::StrCat("a piece of ", layer.size, " bytes cannot hold ", piece.plain_size));
  }
  piece.plain_digest = AnnotationOf(layer.annotations, kPlainDigestAnnotation);
  if (!piece.plain_digest.empty() && !IsDigest(piece.plain_digest)) {
    return Unusable("the digest of a piece is none");
  }
  layout.disk_bytes += piece.plain_size;
  if (layout.disk_bytes > limits::kDiskBytes) return Unusable("the disk is too large");
  return absl::OkStatus();
}

absl::Status AddLayer(const Descriptor& layer, ImageLayout& layout) {
  static constexpr struct {
    const char* media_type;
    const char* file;
  } kFiles[] = {{kTartConfigType, kConfigFile},
                {kTartNvramType, kNvramFile},
                {kKernelType, kKernelFile},
                {kInitrdType, kInitrdFile}};
  if (layer.media_type == kTartDiskType) return AddPiece(layer, layout);
  for (const auto& [media_type, file] : kFiles) {
    if (layer.media_type != media_type) continue;
    if (layer.size > limits::kImageFileBytes) return Unusable(absl::StrCat(file, " is too large"));
    for (const ImageFile& other : layout.files) {
      if (other.name == file) return Unusable(absl::StrCat("it has ", file, " twice"));
    }
    layout.files.push_back({layer, file});
    if (layer.media_type == kKernelType) {
      layout.cmdline = AnnotationOf(layer.annotations, kCmdlineAnnotation);
    }
    return absl::OkStatus();
  }
  // Leaving out what we do not know could mean half a disk.
  return Unusable(absl::StrCat("a layer is of type \"", absl::CHexEscape(layer.media_type), "\""));
}

}  // namespace

std::int64_t ImageLayout::compressed_bytes() const {
  std::int64_t bytes = 0;
  for (const DiskPiece& piece : pieces) bytes += piece.blob.size;
  for (const ImageFile& file : files) bytes += file.blob.size;
  return bytes;
}

absl::StatusOr<ImageLayout> ReadLayout(const Manifest& manifest) {
  ImageLayout layout;
  layout.config = manifest.config;
  for (const Descriptor& layer : manifest.layers) {
    ESPALIER_RETURN_IF_ERROR(AddLayer(layer, layout));
  }
  if (layout.pieces.empty()) return Unusable("it has no disk");
  const std::string declared = AnnotationOf(manifest.annotations, kDiskSizeAnnotation);
  std::int64_t disk_bytes = 0;
  if (!declared.empty() &&
      (!ReadSize(declared, limits::kDiskBytes, disk_bytes) || disk_bytes != layout.disk_bytes)) {
    return Unusable(absl::StrCat("its disk says to have \"", absl::CHexEscape(declared),
                                 "\" bytes, its pieces have ", layout.disk_bytes));
  }
  if (layout.cmdline.size() > 2048 ||
      layout.cmdline.find_first_of(std::string("\n\r\0", 3)) != std::string::npos) {
    return Unusable("the kernel's command line is malformed");
  }
  return layout;
}

}  // namespace espalier::oci
