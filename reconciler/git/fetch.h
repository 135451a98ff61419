// One fetch of one ref into a bare mirror. It runs in a child process (fetch_child.h), because the
// library that speaks git has no timeouts of its own and reads what strangers send: whatever
// happens to it there, the reconciler only sees a child that ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/http.h"
#include "reconciler/git/git_library.h"

namespace espalier {

// Tags that are versions, after a prefix; see GitSourceSpec.tags.
struct TagRange {
  std::string range;
  std::string prefix;
};

struct SshLogin {
  // As CheckSshPrivateKey accepts it.
  std::string private_key;
  // Lines as KnownHosts::Parse accepts them.
  std::string known_hosts;
  // A private directory, in which the two lie as files for OpenSSH. Made, and removed, by whoever
  // runs the fetch.
  std::string dir;
};

struct FetchRequest {
  // As ParseRepositoryUrl accepts it.
  std::string url;
  // A full ref name; without meaning where there are tags.
  std::string ref;
  // Instead of `ref`: the tag of the newest version in a range.
  std::optional<TagRange> tags;
  // 40 hex digits: this commit, which `ref` must contain, instead of the ref's newest; may be
  // empty.
  std::string commit;
  // Below which the heads of pull requests are named in the answer; empty: they are not.
  std::string pull_heads_prefix;
  // The bare repository to fetch into; made if it is not there.
  std::string mirror;
  // What the mirror keeps the commit as, below refs/espalier/: "head", "pull/12".
  std::string keep_as = "head";
  // For http(s); empty: none.
  std::string username;
  std::string password;
  // How http(s) gets there.
  HttpRoute route;
  // For ssh.
  SshLogin ssh;
  // More than this from the other side is refused.
  std::int64_t max_bytes = 0;
};

// Number -> commit of the head, as 40 hex digits.
using PullHeads = std::map<std::int64_t, std::string>;

struct FetchAnswer {
  // 40 hex digits.
  std::string commit;
  // The full name of the ref that was followed: with tags, the one that was chosen.
  std::string ref;
  PullHeads pull_heads;
};

// Brings the ref and all it needs into the mirror, and returns the commit that it points at (a tag
// is followed to its commit). Downloads nothing if the mirror has it. The mirror keeps the ref's
// commit as `keep_as` says. Errors are GitStatus's and those of ConnectHttp and ConnectSsh;
// NOT_FOUND if there is no such ref, FAILED_PRECONDITION if it does not contain `commit`,
// RESOURCE_EXHAUSTED above max_bytes.
absl::StatusOr<FetchAnswer> FetchIntoMirror(const GitLibrary& library, const FetchRequest& request);

}  // namespace espalier
