// ImageDirs: how images lie on the disk, below the store's directory. Every change is a rename, so
// that kill -9 leaves either the old or the new. Thread-safe as far as no two threads touch the
// same image; the store sees to that.
//
//   images/<hex digest>/   disk.img, ..., manifest.json, record: complete
//   pulls/<hex digest>/    under way
//   trash/<n>              on its way out: emptied at every start
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/io.h"
#include "engine/oci/image_layout.h"

namespace espalier::agent {

// What is written beside a complete image.
struct ImageRecord {
  std::string reference;
  std::string os;
  std::string arch;
  absl::Time since;
  absl::Time last_used;
};

// A directory below images/.
struct StoredImage {
  // "sha256:<hex>", or the directory's name if it is none.
  std::string digest;
  // Whether the store itself put it there.
  bool ours = false;
  ImageRecord record;
  // Bytes on the disk.
  std::int64_t bytes = 0;
};

class ImageDirs {
 public:
  ImageDirs(Io& io, std::string root) : io_(io), root_(std::move(root)) {}

  // Makes the directories, empties the trash, and tells what is there. An image of ours whose disk
  // is missing goes to the trash.
  absl::StatusOr<std::vector<StoredImage>> Open();

  // Digests that have a directory below pulls/.
  absl::StatusOr<std::vector<std::string>> ListPulls();

  std::string ImageDir(absl::string_view digest) const;
  std::string PullDir(absl::string_view digest) const;

  // The pull's directory, made if it is not there. What another hand put at the image's place
  // becomes a pull: its content is fetched anew.
  absl::StatusOr<std::string> PreparePull(absl::string_view digest);
  // Makes a finished pull the image. Its bytes on the disk.
  absl::StatusOr<std::int64_t> Publish(absl::string_view digest, const ImageRecord& record);
  absl::Status WriteRecord(absl::string_view digest, const ImageRecord& record);

  absl::Status DiscardImage(absl::string_view digest);
  absl::Status DiscardPull(absl::string_view digest);

  // How a complete image was cut, for pulls that can take pieces of it.
  absl::StatusOr<oci::ImageLayout> ReadLayout(absl::string_view digest);

  // Clones the image's files into `dir`; nothing of it is left there after an error.
  absl::Status Clone(absl::string_view digest, const std::string& dir);

 private:
  absl::StatusOr<StoredImage> Read(const std::string& name);
  absl::StatusOr<std::int64_t> DiskBytes(const std::string& dir);
  absl::Status Discard(const std::string& dir);

  Io& io_;
  const std::string root_;
  std::atomic<std::uint64_t> next_trash_ = 0;
};

}  // namespace espalier::agent
