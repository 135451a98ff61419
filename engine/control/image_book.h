// ImageBook: which bytes a name or reference of an image stands for. Names are Images, whose status
// says it; references are asked of their registry by threads of the book's own, so that no loop
// waits for a network. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "engine/loop/view.h"

namespace espalier::control {

// What an image is, once a registry was asked.
struct ResolvedImage {
  std::string digest;
  std::string os;
  std::string arch;
  std::int64_t compressed_bytes = 0;
  std::int64_t disk_bytes = 0;
};

// Asks the registry of a reference. Blocks; called on the book's threads, several at once.
using ImageSource = std::function<absl::StatusOr<ResolvedImage>(const std::string& reference)>;

// "registry/name:tag" and "sha256:..." as "registry/name:tag@sha256:...": the digest says which
// bytes, the tag what people call them. Pure.
std::string WithDigest(absl::string_view reference, absl::string_view digest);

// Whether a spec's image is an OCI reference; otherwise it is the name of an Image.
bool IsReference(absl::string_view image);

class ImageBook {
 public:
  ImageBook(Clock& clock, Threads& threads, ImageSource source);
  // REQUIRES: Stop() was called if Start() was.
  ~ImageBook();

  // Called on a thread of the book whenever an answer has come. Before Start.
  void OnAnswer(std::function<void()> listener);
  void Start();
  // Waits for the questions under way.
  void Stop();

  // What the registry said of the reference, if it was asked within `max_age`; otherwise asks and
  // answers nothing until OnAnswer. A failure is asked again after a while, by whoever asks then.
  // Not started, it asks the registry there and then, on the caller's thread.
  std::optional<absl::StatusOr<ResolvedImage>> Ask(const std::string& reference,
                                                   absl::Duration max_age);
  // Why the last question about it failed, however long ago; OK if it did not.
  absl::Status LastFailure(const std::string& reference);

 private:
  struct Entry {
    std::optional<absl::StatusOr<ResolvedImage>> answer;
    absl::Duration answered_at;
    absl::Duration used_at;
    bool asking = false;
  };

  void Resolve(const std::string& reference);
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  Threads& threads_;
  const ImageSource source_;
  std::vector<std::function<void()>> listeners_;
  // Questions of one registry stand in one line: one that hangs holds up no other.
  std::vector<std::unique_ptr<SerialExecutor>> lines_;

  Mutex mu_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

// What a VM's or cache's `image` stands for, as far as it is known.
struct ImageAnswer {
  // Empty until it is known.
  std::string digest;
  // "registry/name@sha256:...".
  std::string reference;
  std::string os;
  std::string arch;
  std::int64_t bytes = 0;
  // If it is not known, why: "image sonoma does not exist".
  std::string why;
  // It will be known without anybody's doing; ask again when the book answers.
  bool coming = false;

  bool known() const { return !digest.empty(); }
};

// What was resolved once stays: a tag that moves concerns new VMs only, and those soon enough.
inline constexpr absl::Duration kReferenceAge = absl::Minutes(5);

// Looks an image up in the view (names) or in the book (references, asked within `max_age`).
ImageAnswer LookUpImage(const std::string& image, const Snapshot& now, ImageBook& book,
                        absl::Duration max_age = kReferenceAge);

}  // namespace espalier::control
