#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/oci/apple_lz4.h"
#include "engine/oci/blob.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/file_digest.h"
#include "engine/oci/parallel.h"
#include "engine/oci/sparse_writer.h"
#include "engine/oci/transfer.h"

namespace espalier::oci {
namespace {

// A file per verified piece of the disk, holding the digest of its plain bytes: what a later try
// need not fetch. Written after the piece is durable.
constexpr char kDoneDir[] = "done";
constexpr char kManifestFile[] = "manifest.json";
constexpr std::size_t kMarkerBytes = 256;

// One pull: shared by its threads, on the stack of PullImage.
class Pull {
 public:
  Pull(Threads& threads, Io& io, Registry& registry, const Reference& reference,
       const std::string& dir, const PullOptions& options)
      : threads_(threads),
        io_(io),
        registry_(registry),
        reference_(reference),
        dir_(dir),
        options_(options) {}

  absl::StatusOr<PulledImage> Run() {
    ESPALIER_ASSIGN_OR_RETURN(image_.manifest, registry_.GetManifest(reference_, options_.arch));
    ESPALIER_ASSIGN_OR_RETURN(image_.layout, ReadLayout(image_.manifest));
    if (options_.max_disk_bytes > 0 && layout().disk_bytes > options_.max_disk_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("its disk has ", layout().disk_bytes,
                                                       " bytes, at most ", options_.max_disk_bytes,
                                                       " are allowed"));
    }
    ESPALIER_RETURN_IF_ERROR(ReadConfig());
    ESPALIER_RETURN_IF_ERROR(PrepareDir());
    const std::size_t pieces = layout().pieces.size();
    const std::size_t count = pieces + layout().files.size();
    const std::int64_t width =
        std::clamp<std::int64_t>(options_.parallel_layers, 1, static_cast<std::int64_t>(count));
    rate_ = options_.bytes_per_second / width;
    if (options_.bytes_per_second > 0) rate_ = std::max<std::int64_t>(rate_, 1);
    total_ = layout().compressed_bytes();
    ESPALIER_RETURN_IF_ERROR(
        ForEachInParallel(threads_, static_cast<int>(width), count, [&](std::size_t i) {
          // The small files first: a broken image is found out before its disk is fetched.
          const std::size_t files = count - pieces;
          return i < files ? PullFile(layout().files[i]) : PullPiece(i - files);
        }));
    ESPALIER_RETURN_IF_ERROR(io_.WriteFile(Path(kCmdlineFile), layout().cmdline, 0600));
    ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(Path(kDoneDir)));
    image_.fetched_bytes = fetched_;
    return std::move(image_);
  }

 private:
  const ImageLayout& layout() const { return image_.layout; }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_, "/", name); }
  std::string MarkerPath(std::size_t piece) const {
    return absl::StrCat(dir_, "/", kDoneDir, "/", piece);
  }

  absl::Status ReadConfig() {
    ESPALIER_ASSIGN_OR_RETURN(const std::string bytes,
                              FetchBlob(registry_, reference_, layout().config));
    ESPALIER_ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(bytes));
    image_.os = config.os;
    image_.arch = config.arch;
    return absl::OkStatus();
  }

  // Leaves what an earlier pull of the same manifest has verified, and nothing of any other.
  absl::Status PrepareDir() {
    const absl::StatusOr<std::string> before =
        io_.ReadFile(Path(kManifestFile), image_.manifest.bytes.size());
    if (!before.ok() || *before != image_.manifest.bytes) {
      ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(Path(kDoneDir)));
      ESPALIER_RETURN_IF_ERROR(io_.WriteFile(Path(kManifestFile), image_.manifest.bytes, 0600));
    }
    ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(Path(kDoneDir), 0700));
    ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> disk, io_.Open(Path(kDiskFile), true));
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t size, disk->Size());
    clean_ = size == 0;
    return size == layout().disk_bytes ? absl::OkStatus() : disk->Truncate(layout().disk_bytes);
  }

  absl::Status PullPiece(std::size_t index) {
    const DiskPiece& piece = layout().pieces[index];
    ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> disk, io_.Open(Path(kDiskFile), false));
    const absl::StatusOr<std::string> marker = io_.ReadFile(MarkerPath(index), kMarkerBytes);
    if (marker.ok() && IsIn(*disk, piece, *marker)) return Advance(piece.blob.size);
    std::string digest;
    ESPALIER_ASSIGN_OR_RETURN(const bool copied, CopyLocal(*disk, piece));
    if (copied) {
      digest = piece.plain_digest;
      ESPALIER_RETURN_IF_ERROR(Advance(piece.blob.size));
    } else {
      absl::StatusOr<std::string> fetched = FetchPiece(*disk, piece, clean_);
      // Bytes are broken by machines between here and there more often than in the registry.
      if (absl::IsDataLoss(fetched.status())) fetched = FetchPiece(*disk, piece, false);
      if (!fetched.ok()) return Annotate(fetched.status(), absl::StrCat("piece ", index));
      digest = *fetched;
    }
    ESPALIER_RETURN_IF_ERROR(disk->Sync());
    return io_.WriteFile(MarkerPath(index), digest, 0600);
  }

  // Whether the piece with that plain digest lies in the disk.
  static bool IsIn(File& disk, const DiskPiece& piece, const std::string& digest) {
    if (!piece.plain_digest.empty() && piece.plain_digest != digest) return false;
    const absl::StatusOr<std::string> found = DigestOfFile(disk, piece.offset, piece.plain_size);
    return found.ok() && *found == digest;
  }

  // Takes the piece from an image that is here already; false if that cannot be done.
  absl::StatusOr<bool> CopyLocal(File& disk, const DiskPiece& piece) {
    const auto found = options_.local.find(piece.blob.digest);
    if (found == options_.local.end() || piece.plain_digest.empty()) return false;
    const auto& [path, offset] = found->second;
    // A clone of the older disk: the piece may lie in its place.
    if (path == Path(kDiskFile)) {
      return offset == piece.offset && IsIn(disk, piece, piece.plain_digest);
    }
    const absl::StatusOr<std::unique_ptr<File>> source = io_.Open(path, false);
    if (!source.ok()) return false;
    SparseWriter writer(disk, piece.offset, clean_);
    Sha256 hash;
    constexpr std::int64_t kStep = 1024 * 1024;
    for (std::int64_t at = 0; at < piece.plain_size; at += kStep) {
      ESPALIER_RETURN_IF_ERROR(CheckCancelled());
      const std::size_t size = std::min(kStep, piece.plain_size - at);
      const absl::StatusOr<std::string> bytes = (*source)->ReadAt(offset + at, size);
      if (!bytes.ok() || bytes->size() != size) return false;
      hash.Update(*bytes);
      ESPALIER_RETURN_IF_ERROR(writer.Write(*bytes));
    }
    const bool same = absl::StrCat("sha256:", hash.FinishHex()) == piece.plain_digest;
    // What was copied by mistake is in the way now.
    if (!same) clean_ = false;
    return same;
  }

  // Network, digest, decompression, digest, disk, in one pass. The plain digest.
  absl::StatusOr<std::string> FetchPiece(File& disk, const DiskPiece& piece, bool clean) {
    AppleLz4Decoder decoder(piece.plain_size);
    SparseWriter writer(disk, piece.offset, clean);
    Sha256 plain_hash;
    std::int64_t plain_size = 0;
    const auto take_plain = [&](absl::string_view plain) {
      plain_hash.Update(plain);
      plain_size += static_cast<std::int64_t>(plain.size());
      return writer.Write(plain);
    };
    ESPALIER_RETURN_IF_ERROR(FetchVerified(
        piece.blob, [&](absl::string_view bytes) { return decoder.Feed(bytes, take_plain); }));
    ESPALIER_RETURN_IF_ERROR(decoder.Finish());
    std::string digest = absl::StrCat("sha256:", plain_hash.FinishHex());
    if (plain_size != piece.plain_size ||
        (!piece.plain_digest.empty() && digest != piece.plain_digest)) {
      return absl::DataLossError(
          absl::StrCat("layer ", piece.blob.digest, " does not hold what its annotations say"));
    }
    return digest;
  }

  // Streams a blob; DATA_LOSS unless the bytes had its digest. Counts progress, and takes it back
  // when it was for nothing.
  absl::Status FetchVerified(const Descriptor& blob,
                             absl::FunctionRef<absl::Status(absl::string_view)> sink) {
    Sha256 hash;
    std::int64_t got = 0;
    absl::Status status =
        registry_.GetBlob(reference_, blob, 0, rate_, [&](absl::string_view bytes) -> absl::Status {
          ESPALIER_RETURN_IF_ERROR(CheckCancelled());
          if (bytes.empty()) return absl::OkStatus();
          hash.Update(bytes);
          got += static_cast<std::int64_t>(bytes.size());
          fetched_ += static_cast<std::int64_t>(bytes.size());
          ESPALIER_RETURN_IF_ERROR(Advance(static_cast<std::int64_t>(bytes.size())));
          return sink(bytes);
        });
    if (status.ok() &&
        (got != blob.size || absl::StrCat("sha256:", hash.FinishHex()) != blob.digest)) {
      status = absl::DataLossError(absl::StrCat("blob ", blob.digest, ": the bytes are others"));
    }
    if (!status.ok()) done_ -= got;
    return status;
  }

  absl::Status PullFile(const ImageFile& file) {
    const absl::StatusOr<std::unique_ptr<File>> there = io_.Open(Path(file.name), false);
    if (there.ok()) {
      const absl::StatusOr<std::string> digest = DigestOfFile(**there, 0, file.blob.size);
      const absl::StatusOr<std::int64_t> size = (*there)->Size();
      if (digest.ok() && *digest == file.blob.digest && size.ok() && *size == file.blob.size) {
        return Advance(file.blob.size);
      }
    }
    absl::Status status = FetchFile(file);
    if (absl::IsDataLoss(status)) status = FetchFile(file);
    return Annotate(status, file.name);
  }

  absl::Status FetchFile(const ImageFile& file) {
    const std::string part = absl::StrCat(Path(file.name), ".part");
    ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> out, io_.Open(part, true));
    ESPALIER_RETURN_IF_ERROR(out->Truncate(0));
    std::int64_t at = 0;
    ESPALIER_RETURN_IF_ERROR(FetchVerified(file.blob, [&](absl::string_view bytes) -> absl::Status {
      ESPALIER_RETURN_IF_ERROR(out->WriteAt(at, bytes));
      at += static_cast<std::int64_t>(bytes.size());
      return absl::OkStatus();
    }));
    ESPALIER_RETURN_IF_ERROR(out->Sync());
    return io_.Rename(part, Path(file.name));
  }

  // Counts `bytes` as done. Always OK: it stands where a status is wanted.
  absl::Status Advance(std::int64_t bytes) {
    const std::int64_t done = done_ += bytes;
    if (options_.progress) options_.progress(done, total_);
    return absl::OkStatus();
  }

  absl::Status CheckCancelled() const {
    if (options_.cancellation == nullptr || !options_.cancellation->cancelled()) {
      return absl::OkStatus();
    }
    return absl::CancelledError("pull was cancelled");
  }

  Threads& threads_;
  Io& io_;
  Registry& registry_;
  const Reference& reference_;
  const std::string& dir_;
  const PullOptions& options_;

  // Set before the threads start.
  PulledImage image_;
  std::int64_t rate_ = 0;
  std::int64_t total_ = 0;

  // Whether the disk holds nothing yet but what this pull has written in order.
  std::atomic<bool> clean_ = false;
  std::atomic<std::int64_t> done_ = 0;
  std::atomic<std::int64_t> fetched_ = 0;
};

}  // namespace

absl::StatusOr<PulledImage> PullImage(Threads& threads, Io& io, Registry& registry,
                                      const Reference& reference, const std::string& dir,
                                      const PullOptions& options) {
  absl::StatusOr<PulledImage> image = Pull(threads, io, registry, reference, dir, options).Run();
  if (!image.ok()) return Annotate(image.status(), absl::StrCat("pull ", reference.ToString()));
  return image;
}

}  // namespace espalier::oci
