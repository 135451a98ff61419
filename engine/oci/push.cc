#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/blob.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/file_digest.h"
#include "engine/oci/parallel.h"
#include "engine/oci/piece_source.h"
#include "engine/oci/transfer.h"

namespace espalier::oci {
namespace {

// One push: shared by its threads, on the stack of PushImage.
class Push {
 public:
  Push(Threads& threads, Io& io, Registry& registry, const Reference& reference,
       const PushFiles& files, const PushOptions& options)
      : threads_(threads),
        io_(io),
        registry_(registry),
        reference_(reference),
        files_(files),
        options_(options) {}

  absl::StatusOr<std::string> Run() {
    ESPALIER_RETURN_IF_ERROR(CheckDisk());
    Manifest manifest;
    manifest.media_type = kManifestType;
    manifest.annotations[kDiskSizeAnnotation] = absl::StrCat(disk_bytes_);
    if (options_.uploaded_at != absl::InfinitePast()) {
      manifest.annotations[kUploadTimeAnnotation] =
          absl::FormatTime(absl::RFC3339_sec, options_.uploaded_at, absl::UTCTimeZone());
    }
    ESPALIER_ASSIGN_OR_RETURN(manifest.layers.emplace_back(), PushConfig());
    ESPALIER_ASSIGN_OR_RETURN(std::vector<Descriptor> pieces, PushDisk());
    std::vector<std::string> plain_digests;
    for (Descriptor& piece : pieces) {
      plain_digests.push_back(piece.annotations.at(kPlainDigestAnnotation));
      manifest.layers.push_back(std::move(piece));
    }
    ESPALIER_RETURN_IF_ERROR(PushFile(files_.nvram, kTartNvramType, manifest));
    ESPALIER_RETURN_IF_ERROR(PushFile(files_.kernel, kKernelType, manifest));
    if (!files_.kernel.empty() && !options_.cmdline.empty()) {
      manifest.layers.back().annotations[kCmdlineAnnotation] = options_.cmdline;
    }
    ESPALIER_RETURN_IF_ERROR(PushFile(files_.initrd, kInitrdType, manifest));
    ESPALIER_ASSIGN_OR_RETURN(
        manifest.config, StoreBlob(registry_, reference_, kConfigType,
                                   WriteImageConfig(options_.os, options_.arch, plain_digests)));
    // What cannot be pulled is not pushed.
    ESPALIER_RETURN_IF_ERROR(ReadLayout(manifest).status());
    return registry_.PutManifest(reference_, kManifestType, WriteManifest(manifest));
  }

 private:
  absl::Status CheckDisk() {
    ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> disk, io_.Open(files_.disk, false));
    ESPALIER_ASSIGN_OR_RETURN(disk_bytes_, disk->Size());
    ESPALIER_ASSIGN_OR_RETURN(const std::string magic, disk->ReadAt(0, 4));
    if (disk_bytes_ == 0) return absl::InvalidArgumentError(absl::StrCat(files_.disk, " is empty"));
    if (magic == "QFI\xfb") {
      return absl::InvalidArgumentError(
          absl::StrCat(files_.disk, " is a qcow2 file; convert it with `qemu-img convert -O raw`"));
    }
    if (options_.piece_bytes <= 0 || options_.piece_bytes > limits::kDiskPieceBytes) {
      return absl::InvalidArgumentError("size of pieces is out of range");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Descriptor> PushConfig() {
    if (files_.config.empty()) {
      return StoreBlob(
          registry_, reference_, kTartConfigType,
          WriteTartConfig(options_.os, options_.arch, options_.cpu, options_.memory_mib));
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::string bytes,
                              io_.ReadFile(files_.config, limits::kObjectBytes));
    ESPALIER_RETURN_IF_ERROR(ParseImageConfig(bytes).status());
    return StoreBlob(registry_, reference_, kTartConfigType, bytes);
  }

  absl::StatusOr<std::vector<Descriptor>> PushDisk() {
    const std::size_t count = (disk_bytes_ + options_.piece_bytes - 1) / options_.piece_bytes;
    std::vector<Descriptor> pieces(count);
    ESPALIER_RETURN_IF_ERROR(ForEachInParallel(threads_, options_.parallel_layers, count,
                                               [&](std::size_t i) -> absl::Status {
                                                 ESPALIER_ASSIGN_OR_RETURN(pieces[i], PushPiece(i));
                                                 return absl::OkStatus();
                                               }));
    return pieces;
  }

  absl::StatusOr<Descriptor> PushPiece(std::size_t index) {
    const std::int64_t offset = static_cast<std::int64_t>(index) * options_.piece_bytes;
    const std::int64_t size = std::min(options_.piece_bytes, disk_bytes_ - offset);
    ESPALIER_ASSIGN_OR_RETURN(std::unique_ptr<File> disk, io_.Open(files_.disk, false));
    PieceSource source(std::move(disk), offset, size);
    ESPALIER_ASSIGN_OR_RETURN(Descriptor layer,
                              source.Measure([this] { return CheckCancelled(); }));
    ESPALIER_RETURN_IF_ERROR(registry_.PutBlob(
        reference_, layer, [&](std::int64_t at, std::size_t count) -> absl::StatusOr<std::string> {
          ESPALIER_RETURN_IF_ERROR(CheckCancelled());
          return source.Read(at, count);
        }));
    const std::int64_t done = done_ += size;
    if (options_.progress) options_.progress(done, disk_bytes_);
    return layer;
  }

  absl::Status PushFile(const std::string& path, const char* media_type, Manifest& manifest) {
    if (path.empty()) return absl::OkStatus();
    ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, io_.Open(path, false));
    Descriptor layer;
    layer.media_type = media_type;
    ESPALIER_ASSIGN_OR_RETURN(layer.size, file->Size());
    ESPALIER_ASSIGN_OR_RETURN(layer.digest, DigestOfFile(*file, 0, layer.size));
    ESPALIER_RETURN_IF_ERROR(registry_.PutBlob(
        reference_, layer,
        [&](std::int64_t at, std::size_t count) { return file->ReadAt(at, count); }));
    manifest.layers.push_back(std::move(layer));
    return absl::OkStatus();
  }

  absl::Status CheckCancelled() const {
    if (options_.cancellation == nullptr || !options_.cancellation->cancelled()) {
      return absl::OkStatus();
    }
    return absl::CancelledError("push was cancelled");
  }

  Threads& threads_;
  Io& io_;
  Registry& registry_;
  const Reference& reference_;
  const PushFiles& files_;
  const PushOptions& options_;
  std::int64_t disk_bytes_ = 0;
  // Plain bytes whose layers are in the registry.
  std::atomic<std::int64_t> done_ = 0;
};

}  // namespace

absl::StatusOr<std::string> PushImage(Threads& threads, Io& io, Registry& registry,
                                      const Reference& reference, const PushFiles& files,
                                      const PushOptions& options) {
  absl::StatusOr<std::string> digest = Push(threads, io, registry, reference, files, options).Run();
  if (!digest.ok()) return Annotate(digest.status(), absl::StrCat("push ", reference.ToString()));
  return digest;
}

}  // namespace espalier::oci
