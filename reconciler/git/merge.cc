#include "reconciler/git/merge.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/status.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/tree_diff.h"
#include "reconciler/git/tree_impl.h"

namespace espalier {
namespace {

bool IsRegular(const git_index_entry& entry) {
  return entry.mode == GIT_FILEMODE_BLOB || entry.mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

// What the index says about names that git must not write; a file of such a name cannot be merged.
absl::Status Refused(const absl::Status& status) {
  return absl::IsInternal(status) ? absl::FailedPreconditionError(status.message()) : status;
}

bool HaveSameFiles(const GitTreeHandle& a, const GitTreeHandle& b) {
  return git_oid_equal(git_tree_id(a.get()), git_tree_id(b.get())) == 1;
}

// The lines of a range, each with its end.
absl::string_view TextAt(absl::string_view text, const LineRange& range) {
  const auto skip = [](absl::string_view rest, std::int32_t lines) {
    for (; lines > 0 && !rest.empty(); --lines) {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    }
    return rest;
  };
  const absl::string_view from = skip(text, range.first - 1);
  return from.substr(0, from.size() - skip(from, range.count).size());
}

// One merge, so that what its steps share need not be passed down.
class Merge {
 public:
  explicit Merge(std::shared_ptr<const OpenRepository> repository)
      : repository_(std::move(repository)), raw_(repository_->handles().repository.get()) {}

  absl::StatusOr<MergeResult> Run(const std::string& base, const std::string& target,
                                  const std::string& head);

 private:
  absl::StatusOr<GitTreeHandle> TreeOf(const std::string& commit) const;
  absl::Status CheckSizes();
  absl::StatusOr<std::map<std::string, std::size_t>> Changed(git_diff* diff) const;
  absl::StatusOr<GitTreeHandle> Write(git_index* index) const;
  absl::StatusOr<std::vector<MergeConflict>> ConflictsIn(git_index* index) const;
  absl::StatusOr<MergeConflict> ConflictOf(const git_index_entry* base, const git_index_entry* ours,
                                           const git_index_entry* theirs) const;
  absl::StatusOr<std::vector<LineCollision>> CollidingLines(const git_index_entry* base,
                                                            const git_index_entry& ours,
                                                            const git_index_entry& theirs) const;
  absl::StatusOr<std::string> TextOf(const git_index_entry* entry) const;

  const std::shared_ptr<const OpenRepository> repository_;
  git_repository* const raw_;
  GitTreeHandle base_;
  GitTreeHandle ours_;
  GitTreeHandle theirs_;
  // Renames are followed.
  bool comparable_ = true;
};

absl::StatusOr<MergeResult> Merge::Run(const std::string& base, const std::string& target,
                                       const std::string& head) {
  ESPALIER_ASSIGN_OR_RETURN(ours_, TreeOf(target));
  ESPALIER_ASSIGN_OR_RETURN(theirs_, TreeOf(head));
  ESPALIER_ASSIGN_OR_RETURN(base_, TreeOf(base));
  MergeResult result;
  auto impl = std::make_unique<GitTree::Impl>();
  impl->repository = repository_;
  // Where one side has changed nothing, libgit2 would read the other into an index, and lose the
  // memory of a name that no index takes.
  if (HaveSameFiles(base_, ours_)) {
    impl->root = std::move(theirs_);
  } else if (HaveSameFiles(base_, theirs_)) {
    impl->root = std::move(ours_);
  } else {
    ESPALIER_RETURN_IF_ERROR(CheckSizes());
    git_merge_options options = GIT_MERGE_OPTIONS_INIT;
    options.flags = GIT_MERGE_SKIP_REUC | (comparable_ ? GIT_MERGE_FIND_RENAMES : 0);
    git_index* raw = nullptr;
    const int code = git_merge_trees(&raw, raw_, base_.get(), ours_.get(), theirs_.get(), &options);
    // A name that no index takes leaves one behind as well.
    const GitIndex index(raw);
    if (code < 0) return Refused(GitStatus(code, "merging"));
    if (git_index_has_conflicts(raw) == 1) {
      ESPALIER_ASSIGN_OR_RETURN(result.conflicts, ConflictsIn(raw));
      return result;
    }
    ESPALIER_ASSIGN_OR_RETURN(impl->root, Write(raw));
  }
  result.tree = std::make_unique<GitTree>(std::move(impl));
  return result;
}

absl::StatusOr<GitTreeHandle> Merge::TreeOf(const std::string& commit) const {
  ESPALIER_ASSIGN_OR_RETURN(const GitCommit found, FindCommit(*repository_, commit));
  git_tree* tree = nullptr;
  if (int code = git_commit_tree(&tree, found.get()); code < 0) {
    return GitDamaged(code, "reading the commit's tree");
  }
  return GitTreeHandle(tree);
}

// libgit2 would read whatever it has to, however large: in this process, for a pull request of
// anybody.
absl::Status Merge::CheckSizes() {
  TreeSizes sizes(*repository_);
  for (const GitTreeHandle* tree : {&base_, &ours_, &theirs_}) {
    ESPALIER_RETURN_IF_ERROR(sizes.Check(tree->get()));
  }
  ESPALIER_ASSIGN_OR_RETURN(const GitDiff our_diff,
                            DiffTrees(*repository_, base_.get(), ours_.get()));
  ESPALIER_ASSIGN_OR_RETURN(const GitDiff their_diff,
                            DiffTrees(*repository_, base_.get(), theirs_.get()));
  for (const GitDiff* diff : {&our_diff, &their_diff}) {
    ESPALIER_ASSIGN_OR_RETURN(const bool comparable, MayCompareContents(*repository_, diff->get()));
    comparable_ = comparable_ && comparable;
  }
  ESPALIER_ASSIGN_OR_RETURN(const auto our_files, Changed(our_diff.get()));
  ESPALIER_ASSIGN_OR_RETURN(const auto their_files, Changed(their_diff.get()));
  for (const auto& [path, size] : their_files) {
    const auto ours = our_files.find(path);
    if (ours == our_files.end() || std::max(size, ours->second) <= limits::kMergeBlobBytes)
      continue;
    return absl::ResourceExhaustedError(absl::StrCat(PathForPeople(path),
                                                     " is changed on both sides and larger than ",
                                                     limits::kMergeBlobBytes, " bytes"));
  }
  return absl::OkStatus();
}

// What a side changes, with the larger of its sizes before and after.
absl::StatusOr<std::map<std::string, std::size_t>> Merge::Changed(git_diff* diff) const {
  std::map<std::string, std::size_t> files;
  for (std::size_t i = 0; i < git_diff_num_deltas(diff); ++i) {
    const git_diff_delta& delta = *git_diff_get_delta(diff, i);
    std::size_t& largest = files[delta.new_file.path];
    for (const git_diff_file* file : {&delta.old_file, &delta.new_file}) {
      if (file->mode == GIT_FILEMODE_UNREADABLE || file->mode == GIT_FILEMODE_COMMIT) continue;
      ESPALIER_ASSIGN_OR_RETURN(const std::size_t size, BlobSize(*repository_, file->id));
      largest = std::max(largest, size);
    }
  }
  return files;
}

absl::StatusOr<GitTreeHandle> Merge::Write(git_index* index) const {
  git_oid id;
  if (int code = git_index_write_tree_to(&id, index, raw_); code < 0) {
    // It goes to memory, so that nothing on the disk can be wrong.
    return absl::FailedPreconditionError(GitStatus(code, "writing the merge result").message());
  }
  git_tree* tree = nullptr;
  if (int code = git_tree_lookup(&tree, raw_, &id); code < 0) {
    return GitStatus(code, "reading the merge result");
  }
  return GitTreeHandle(tree);
}

absl::StatusOr<std::vector<MergeConflict>> Merge::ConflictsIn(git_index* index) const {
  git_index_conflict_iterator* raw = nullptr;
  if (int code = git_index_conflict_iterator_new(&raw, index); code < 0) {
    return GitStatus(code, "listing conflicts");
  }
  const GitIndexConflicts iterator(raw);
  std::vector<MergeConflict> conflicts;
  const git_index_entry* base = nullptr;
  const git_index_entry* ours = nullptr;
  const git_index_entry* theirs = nullptr;
  int code = 0;
  while (conflicts.size() < limits::kMergeConflicts &&
         (code = git_index_conflict_next(&base, &ours, &theirs, raw)) == 0) {
    ESPALIER_ASSIGN_OR_RETURN(MergeConflict conflict, ConflictOf(base, ours, theirs));
    conflicts.push_back(std::move(conflict));
  }
  if (code < 0 && code != GIT_ITEROVER) return GitStatus(code, "listing conflicts");
  return conflicts;
}

absl::StatusOr<MergeConflict> Merge::ConflictOf(const git_index_entry* base,
                                                const git_index_entry* ours,
                                                const git_index_entry* theirs) const {
  using Kind = MergeConflict::Kind;
  MergeConflict conflict;
  const git_index_entry* named = theirs != nullptr ? theirs : ours != nullptr ? ours : base;
  conflict.path = PathForPeople(named->path);
  if (ours != nullptr && theirs != nullptr) {
    conflict.kind = base != nullptr ? Kind::kContent : Kind::kBothAdded;
    ESPALIER_ASSIGN_OR_RETURN(conflict.lines, CollidingLines(base, *ours, *theirs));
  } else if (base != nullptr && ours != nullptr) {
    conflict.kind = Kind::kDeletedInHead;
  } else if (base != nullptr && theirs != nullptr) {
    conflict.kind = Kind::kDeletedInTarget;
  } else {
    conflict.kind = Kind::kName;
  }
  return conflict;
}

absl::StatusOr<std::vector<LineCollision>> Merge::CollidingLines(
    const git_index_entry* base, const git_index_entry& ours, const git_index_entry& theirs) const {
  ESPALIER_ASSIGN_OR_RETURN(const std::string base_text, TextOf(base));
  ESPALIER_ASSIGN_OR_RETURN(const std::string our_text, TextOf(&ours));
  ESPALIER_ASSIGN_OR_RETURN(const std::string their_text, TextOf(&theirs));
  ESPALIER_ASSIGN_OR_RETURN(const ChangedLines our_lines, DiffLines(base_text, our_text));
  ESPALIER_ASSIGN_OR_RETURN(const ChangedLines their_lines, DiffLines(base_text, their_text));
  std::vector<LineCollision> collisions = Collisions(our_lines, their_lines);
  // What both sides changed in the same way needs nobody's choice.
  collisions.erase(std::remove_if(collisions.begin(), collisions.end(),
                                  [&](const LineCollision& collision) {
                                    return TextAt(our_text, collision.ours) ==
                                           TextAt(their_text, collision.theirs);
                                  }),
                   collisions.end());
  return collisions;
}

absl::StatusOr<std::string> Merge::TextOf(const git_index_entry* entry) const {
  if (entry == nullptr || !IsRegular(*entry)) return std::string();
  git_blob* raw = nullptr;
  if (int code = git_blob_lookup(&raw, raw_, &entry->id); code < 0) {
    return GitDamaged(code, "reading a file");
  }
  const GitBlob blob(raw);
  return std::string(static_cast<const char*>(git_blob_rawcontent(raw)), git_blob_rawsize(raw));
}

}  // namespace

absl::StatusOr<MergeResult> MergeInMemory(std::shared_ptr<const OpenRepository> repository,
                                          const std::string& base, const std::string& target,
                                          const std::string& head) {
  return Merge(std::move(repository)).Run(base, target, head);
}

}  // namespace espalier
