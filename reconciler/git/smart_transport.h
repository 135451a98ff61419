// How the git protocol of libgit2 travels over connections of our own. libgit2 brings transports
// for https and ssh, but without deadlines and with settings for the whole process alone, and
// leaves errors as text (docs/decisions/0007-our-own-git-transports.md). One thread.
#pragma once

#include <git2.h>
#include <git2/sys/transport.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

// One way to a repository's git-upload-pack.
//
//   Open(kAdvertisement) -> Read ... -> { Open(kRequest) -> Write -> Read ... } as often as needed
class SmartConnection {
 public:
  enum class Part { kAdvertisement, kRequest };

  virtual ~SmartConnection() = default;
  // Whether each request is an exchange of its own, as over HTTP, and not part of one conversation.
  virtual bool stateless() const = 0;
  virtual absl::Status Open(Part part) = 0;
  virtual absl::Status Write(absl::string_view bytes) = 0;
  // Up to `size` bytes, waiting until there are some; 0 at the end.
  virtual absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size) = 0;
};

// What one fetch sees of its transport.
struct SmartTransport {
  SmartConnection& connection;
  // More than this in all is RESOURCE_EXHAUSTED, and so is an endless advertisement.
  std::int64_t max_bytes = 0;
  // What went wrong first: it says more than libgit2's error.
  absl::Status failure;
  std::int64_t received = 0;
  std::int64_t advertised = 0;
};

// For a git_transport_cb: a transport of `owner` over `smart`, which must outlive it. libgit2's
// code for what went wrong, 0 otherwise.
int MakeSmartTransport(git_transport** out, git_remote* owner, SmartTransport& smart);

}  // namespace espalier
