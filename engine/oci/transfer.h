// Whole VM images, from a disk to a registry and back. Any thread; calls block, and start threads
// of their own to move several layers at once. The layout is described in image_layout.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/oci/image_layout.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

// Compressed bytes that are through, and in all. Called often, from several threads at once.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

// Paths of the files to push; only the disk, a raw one, is required.
struct PushFiles {
  std::string disk;
  std::string kernel;
  std::string initrd;
  // Tart's own files; a config is written from PushOptions if there is none.
  std::string config;
  std::string nvram;
};

struct PushOptions {
  // "linux" or "darwin", and "amd64" or "arm64".
  std::string os = "linux";
  std::string arch = "amd64";
  // What a VM of this image wants at least: hints.
  int cpu = 2;
  std::int64_t memory_mib = 2048;
  // The kernel's command line.
  std::string cmdline;
  // Written into the manifest; without it equal files give equal digests.
  absl::Time uploaded_at = absl::InfinitePast();
  // Plain bytes of each piece of the disk.
  std::int64_t piece_bytes = std::int64_t{512} << 20;
  int parallel_layers = 4;
  Progress progress;
  // Borrowed; may be null.
  const Cancellation* cancellation = nullptr;
};

// Pushes an image under the reference's tag. Its manifest digest. Layers that the registry has are
// not sent again. Needs no room on the disk: layers are compressed as they are sent.
// INVALID_ARGUMENT (the disk is empty, or no raw disk), NOT_FOUND (a file), CANCELLED, and the
// errors of Registry.
absl::StatusOr<std::string> PushImage(Threads& threads, Io& io, Registry& registry,
                                      const Reference& reference, const PushFiles& files,
                                      const PushOptions& options);

// A piece of a disk that lies on this machine already.
struct LocalPiece {
  std::string path;
  std::int64_t offset = 0;
};

struct PullOptions {
  // Which image of an index; empty: the only one.
  std::string arch;
  int parallel_layers = 4;
  // Of all layers together; 0 is no limit.
  std::int64_t bytes_per_second = 0;
  // Refused above this; 0 is no limit. Counts the plain disk, though zeros take no room.
  std::int64_t max_disk_bytes = 0;
  // Pieces to take from here instead of the network, by the digest of their layer. They are
  // verified like all others.
  std::map<std::string, LocalPiece> local;
  Progress progress;
  // Borrowed; may be null.
  const Cancellation* cancellation = nullptr;
};

struct PulledImage {
  Manifest manifest;
  ImageLayout layout;
  std::string os;
  std::string arch;
  // Bytes that came over the network this time.
  std::int64_t fetched_bytes = 0;
};

// Fetches an image into the existing directory `dir`, as the files that image_layout.h names. When
// it returns OK every byte was checked against its digest and is on the disk. After any other end,
// also kill -9, a call with the same directory goes on with what was verified; the directory must
// not be used for another image in between. FAILED_PRECONDITION (no VM image, or its sizes are
// lies), DATA_LOSS (bytes do not have their digest, also at the second try), RESOURCE_EXHAUSTED
// (disk full, too large), CANCELLED, and Registry's errors.
absl::StatusOr<PulledImage> PullImage(Threads& threads, Io& io, Registry& registry,
                                      const Reference& reference, const std::string& dir,
                                      const PullOptions& options);

}  // namespace espalier::oci
