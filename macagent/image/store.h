// ImageStore: the images on this host's disk. One per agent, made by main (or the simulation) and
// owned by it; thread-safe; nothing in it blocks on the network.
//
// What lies here is content with a digest. The agent says again and again what it needs, whole, and
// the store makes it so: pulls what is missing, most needed first, and evicts what is in the way.
// Nothing is counted up and down, so an agent that was killed has nothing to repair: it starts,
// calls SetWanted with what it sees, and goes on.
//
// Below its directory:
//   images/<hex digest>/   a complete image; it appears here by a rename, after every digest held
//   pulls/<hex digest>/    a pull under way; what is verified is not fetched again after a restart
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/oci/registry.h"

namespace espalier::agent {

// Why an image is kept. What is needed more may push out what is needed less, never the other way
// round: so two caches that do not fit together settle instead of pulling in turns.
enum class Need {
  // Nobody asks for it any more.
  kNone,
  // A cache that may be evicted asks for it.
  kCached,
  // A pinned cache asks for it. Never evicted.
  kPinned,
  // A run that is placed here needs it or was cloned from it. Never evicted.
  kRun,
};

struct WantedImage {
  // "registry/name@sha256:...": Host.status.assigned, or VmStatus.placement.image_reference.
  std::string reference;
  Need need = Need::kCached;
};

// An image as it is here now.
struct HostImage {
  enum class State {
    // Being pulled, or waiting for its turn.
    kCaching,
    // Complete, every digest verified.
    kReady,
    // The last try failed; it is tried again by itself while it is wanted.
    kFailed,
  };
  // "sha256:<hex>" of its manifest.
  std::string digest;
  std::string reference;
  State state = State::kCaching;
  Need need = Need::kNone;
  // Guest system and architecture ("darwin", "arm64"); empty until known.
  std::string os;
  std::string arch;
  // Bytes on the disk when ready.
  std::int64_t bytes = 0;
  // Compressed bytes of a pull, here and in all, and the rate of the last seconds.
  std::int64_t done_bytes = 0;
  std::int64_t total_bytes = 0;
  std::int64_t bytes_per_second = 0;
  // Why it failed, for people.
  std::string message;
  // When the store saw it first, and when a run was last cloned from it (or it became ready).
  absl::Time since;
  absl::Time last_used;
  // Nobody asked for it through this store: it was put here by another hand.
  bool found = false;
};

class ImageStore {
 public:
  virtual ~ImageStore() = default;

  // Reads what is on the disk and begins to work. INTERNAL or PERMISSION_DENIED when the directory
  // cannot be used. Nothing is pulled or evicted before the first SetWanted.
  virtual absl::Status Start() = 0;
  // Ends pulls at their next byte and joins; what was verified stays for the next start. Once.
  virtual void Stop() = 0;

  // Everything that is needed now, replacing what was said before. Of several entries for one
  // digest the greatest need counts. Pulls that nobody needs any more end; their parts are removed.
  // INVALID_ARGUMENT naming the reference that has no digest; the others count.
  virtual absl::Status SetWanted(const std::vector<WantedImage>& images) = 0;

  // Room and rate, from Host.spec; 0 is the store's own choice, and no limit.
  virtual void SetLimits(std::int64_t budget_bytes, std::int64_t bytes_per_second) = 0;

  // Everything here, by digest.
  virtual std::vector<HostImage> List() const = 0;

  // Puts the image's files into the existing directory `dir`, as reflinks where the file system
  // can: what oci/image_layout.h names (disk.img and, where the image has them, vmlinuz, initrd,
  // cmdline, nvram.bin, config.json). NOT_FOUND: not here (yet); FAILED_PRECONDITION: here but not
  // ready; RESOURCE_EXHAUSTED: the disk is full, what was begun in `dir` is removed.
  virtual absl::Status CloneForRun(const std::string& digest, const std::string& dir) = 0;

  // `wakeup` is raised whenever List would show another state (not for mere progress). Borrowed
  // until Stop; one at a time.
  virtual void NotifyOn(Wakeup& wakeup) = 0;
};

struct ImageStoreOptions {
  // Made if it is not there. One store per directory at a time.
  std::string dir;
  // Room that images may take; 0: whatever leaves `headroom_bytes` free.
  std::int64_t budget_bytes = 0;
  // Left free on the file system, for the disks of running VMs to grow.
  std::int64_t headroom_bytes = std::int64_t{10} << 30;
  // Layers of one image that are fetched at once.
  int parallel_layers = 4;
  // Images that are pulled at once.
  int parallel_pulls = 2;
  // Of all pulls together; 0 is no limit.
  std::int64_t bytes_per_second = 0;
};

// All are borrowed and outlive the store.
std::unique_ptr<ImageStore> MakeImageStore(Clock& clock, Threads& threads, Io& io, Random& random,
                                           Log& log, oci::Registry& registry,
                                           const ImageStoreOptions& options);

}  // namespace espalier::agent
