// Proposals: what a pull request would make of a source. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/git/change.h"
#include "reconciler/git/changed_lines.h"
#include "reconciler/git/merge.h"
#include "reconciler/source_set.h"

namespace espalier {

struct ProposalRequest {
  v1::GitSourceSpec spec;
  // The pull request's number; the mirror keeps its head by it.
  std::int64_t number = 0;
  // Where the forge offers its head: "refs/pull/12/head", "refs/merge-requests/12/head".
  std::string head_ref;
  // The commit that it shall be merged into: what the source's last read saw.
  std::string target_commit;
};

// A file below the source's folder that the proposal changes.
struct ProposedFile {
  // From the merge base to the head: `change.lines` says what is part of the pull request's diff.
  ChangedFile change;
  // From the head to the merge result. Lines that this brings come from the target.
  ChangedLines merged;

  // The head's line that became `line` of the merge result; 0 if the target brought it.
  std::int32_t HeadLine(std::int32_t line) const { return merged.OldLine(line); }
};

struct ProposalResult {
  std::int64_t number = 0;
  // Why the rest is not known; OK otherwise. NOT_FOUND: the forge has no such ref, or the target
  // commit is gone from the tracked one. FAILED_PRECONDITION and RESOURCE_EXHAUSTED: as
  // MergeInMemory.
  absl::Status fetched;
  // What the ref points at, which may be newer than what was asked about.
  std::string head_commit;
  std::string target_commit;
  // The commit from which both went apart.
  std::string merge_base;
  // In order of paths. Empty: the proposal has nothing to do with the source, and nothing below is
  // filled in.
  std::vector<ProposedFile> files;
  // Of the whole repository, in order of paths.
  std::vector<MergeConflict> conflicts;
  // The set of the merge result, with `commit` the head's; null if there are conflicts. Positions
  // in it are those of the merge result (see ProposedFile::HeadLine). As large as the source: let
  // go of it once it is planned.
  std::shared_ptr<const LoadedSet> merged;

  // The file of this path, or null.
  const ProposedFile* FindFile(const std::string& path) const;
};

// A question about commits that the mirror has, answered without a fetch.
struct HistoryRequest {
  // Commits that the branch was at, oldest first.
  std::vector<std::string> tips;
  // Which of the tips brought these, and does the last of them contain them? At most
  // limits::kHistoryQuestions.
  std::vector<std::string> asked;

  bool operator==(const HistoryRequest&) const = default;
};

struct HistoryResult {
  HistoryRequest request;
  // By commit that was asked about, the first tip that contains it. The first of all tips may not
  // be the one that brought it.
  std::map<std::string, std::string> brought;
  // Those that the last tip contains.
  std::set<std::string> contained;
};

}  // namespace espalier
