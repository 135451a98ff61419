#include "macagent/image/local_pieces.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace espalier::agent {
namespace {

using Pieces = std::map<std::string, oci::LocalPiece>;

// The image that has most in place.
struct Base {
  std::string disk;
  std::int64_t bytes = 0;
  Pieces pieces;
};

}  // namespace

Pieces FindLocalPieces(Io& io, ImageDirs& dirs, const std::set<std::string>& ready,
                       const oci::ImageLayout& layout, const std::string& dir) {
  const std::string disk = absl::StrCat(dir, "/", oci::kDiskFile);
  std::map<std::string, std::int64_t> places;
  for (const oci::DiskPiece& piece : layout.pieces) places[piece.blob.digest] = piece.offset;
  Pieces local;
  Base best;
  for (const std::string& digest : ready) {
    const absl::StatusOr<oci::ImageLayout> other = dirs.ReadLayout(digest);
    if (!other.ok()) continue;
    Base base{absl::StrCat(dirs.ImageDir(digest), "/", oci::kDiskFile), 0, {}};
    for (const oci::DiskPiece& piece : other->pieces) {
      const auto place = places.find(piece.blob.digest);
      if (place == places.end()) continue;
      local[piece.blob.digest] = {base.disk, piece.offset};
      if (place->second != piece.offset) continue;
      base.pieces[piece.blob.digest] = {disk, piece.offset};
      base.bytes += piece.plain_size;
    }
    if (base.bytes > best.bytes) best = std::move(base);
  }
  // Where the file system shares blocks, a clone also saves room. Where it does not, it is a copy,
  // which pays only if most of it stays.
  const bool clone = best.bytes * 2 > layout.disk_bytes && !io.Stat(disk).ok();
  if (clone && io.CloneFile(best.disk, disk).ok()) {
    for (auto& [digest, piece] : best.pieces) local[digest] = std::move(piece);
  }
  return local;
}

}  // namespace espalier::agent
