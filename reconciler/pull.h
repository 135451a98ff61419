// SourcePull: everything about one source that is slow and touches the disk or the network:
// secrets, fetch, tree walk, parsing. It runs beside the loop, which only sees its results. Belongs
// to one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/base/io.h"
#include "engine/model/secret.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/git/mirror.h"
#include "reconciler/source_set.h"

namespace espalier {

struct PullRequest {
  v1::GitSourceSpec spec;
  // The commit seen before, to tell a rewritten history; may be empty.
  std::string previous;
  // The commit that was applied last, loaded as well when the new one is invalid; empty: the caller
  // still holds a valid set.
  std::string fallback;
};

struct PullResult {
  // Why there is no commit; OK otherwise.
  absl::Status fetched;
  std::string commit;
  // The commit does not follow from `previous`.
  bool rewritten = false;
  // The set of `commit`: the same pointer as before when neither commit nor folder changed, so that
  // the loop can tell. Null when the mirror could not be read (then `fetched` says why).
  std::shared_ptr<const LoadedSet> head;
  // The set of PullRequest::fallback, if it was needed, is there and is valid.
  std::shared_ptr<const LoadedSet> fallback;
};

class SourcePull {
 public:
  // `dir` is the source's own directory below the cache directory.
  SourcePull(const GitLibrary& library, Io& io, Fetch fetch, std::string dir,
             std::string secrets_dir, Environment env);

  PullResult Pull(const PullRequest& request);

  // Removes everything that the source has on the disk.
  void RemoveFiles();

 private:
  absl::StatusOr<FetchRequest> RequestOf(const v1::GitSourceSpec& spec) const;
  absl::Status LoadHead(const PullRequest& request, PullResult& result);
  absl::StatusOr<LoadedSet> Load(const std::string& commit, const v1::GitSourceSpec& spec);

  Io& io_;
  const std::string dir_;
  const std::string secrets_dir_;
  const Environment env_;
  Mirror mirror_;
  SourceSet set_;
  std::shared_ptr<const LoadedSet> head_;
  // What of the spec decides how a commit is read.
  std::string head_rules_;
};

}  // namespace espalier
