#include "reconciler/git/tree.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/load/directory.h"
#include "engine/load/load.h"
#include "engine/load/source_name.h"
#include "reconciler/git/tree_impl.h"

namespace espalier {
namespace {

SourceEntry::Type TypeOf(git_filemode_t mode) {
  switch (mode) {
    case GIT_FILEMODE_BLOB:
    case GIT_FILEMODE_BLOB_EXECUTABLE:
      return SourceEntry::Type::kFile;
    case GIT_FILEMODE_TREE:
      return SourceEntry::Type::kFolder;
    case GIT_FILEMODE_LINK:
      return SourceEntry::Type::kSymlink;
    case GIT_FILEMODE_COMMIT:
      return SourceEntry::Type::kSubmodule;
    case GIT_FILEMODE_UNREADABLE:
      break;
  }
  return SourceEntry::Type::kOther;
}

absl::StatusOr<std::vector<SourceEntry>> Entries(const GitTree::Impl& impl, const std::string& id) {
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseGitId(id));
  git_tree* raw = nullptr;
  if (int code = git_tree_lookup(&raw, impl.repository->handles().repository.get(), &oid);
      code < 0) {
    return GitDamaged(code, "reading a tree");
  }
  const GitTreeHandle tree(raw);
  std::vector<SourceEntry> entries;
  const std::size_t count = git_tree_entrycount(tree.get());
  entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const git_tree_entry* entry = git_tree_entry_byindex(tree.get(), i);
    entries.push_back({.name = git_tree_entry_name(entry),
                       .type = TypeOf(git_tree_entry_filemode(entry)),
                       .id = git_oid_tostr_s(git_tree_entry_id(entry))});
  }
  return entries;
}

// The id of the tree at `folder`.
absl::StatusOr<std::string> Find(const GitTree::Impl& impl, const std::string& folder) {
  if (folder == ".") return GitIdText(*git_tree_id(impl.root.get()));
  for (absl::string_view part : absl::StrSplit(folder, '/')) {
    if (std::string why = CheckSourceName(part); !why.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("path ", folder, ": ", why));
    }
  }
  git_tree_entry* raw = nullptr;
  const int code = git_tree_entry_bypath(&raw, impl.root.get(), folder.c_str());
  if (code == GIT_ENOTFOUND) {
    return absl::NotFoundError(absl::StrCat("the commit has no folder ", folder));
  }
  if (code < 0) return GitDamaged(code, "reading a tree");
  const GitTreeEntry entry(raw);
  if (git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) {
    return absl::NotFoundError(absl::StrCat(folder, " is not a folder in the commit"));
  }
  return GitIdText(*git_tree_entry_id(entry.get()));
}

}  // namespace

GitTree::GitTree(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GitTree::~GitTree() = default;

absl::StatusOr<std::unique_ptr<GitTree>> GitTree::Open(
    std::shared_ptr<const OpenRepository> repository, const std::string& commit) {
  ESPALIER_ASSIGN_OR_RETURN(const GitCommit found, FindCommit(*repository, commit));
  git_tree* root = nullptr;
  if (int code = git_commit_tree(&root, found.get()); code < 0) {
    return GitDamaged(code, "reading the commit's tree");
  }
  auto impl = std::make_unique<Impl>();
  impl->repository = std::move(repository);
  impl->root.reset(root);
  return std::make_unique<GitTree>(std::move(impl));
}

absl::StatusOr<std::vector<FoundFile>> GitTree::List(const std::string& folder,
                                                     Problems& problems) const {
  ESPALIER_ASSIGN_OR_RETURN(const std::string id, Find(*impl_, folder));
  const auto list = [this](const std::string&, const std::string& tree) {
    return Entries(*impl_, tree);
  };
  ESPALIER_ASSIGN_OR_RETURN(std::vector<FoundFile> found,
                            WalkSource(folder == "." ? "" : folder, id, list, problems));
  // Sizes come from the objects' headers: nothing large is unpacked to learn that it is large.
  std::vector<FoundFile> files;
  std::size_t total = 0;
  for (FoundFile& file : found) {
    ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseGitId(file.id));
    absl::StatusOr<std::size_t> size = BlobSize(*impl_->repository, oid);
    if (!size.ok()) return Annotate(size.status(), file.path);
    if (*size > limits::kDocumentBytes) {
      AddTooLarge(file.path, static_cast<std::int64_t>(*size), problems);
      continue;
    }
    total += *size;
    files.push_back(std::move(file));
  }
  if (total > limits::kSourceBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the files are larger than ", limits::kSourceBytes, " bytes together"));
  }
  return files;
}

absl::StatusOr<std::string> GitTree::Read(const std::string& blob) const {
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseGitId(blob));
  git_odb_object* raw = nullptr;
  if (int code = git_odb_read(&raw, impl_->repository->handles().odb.get(), &oid); code < 0) {
    return GitDamaged(code, "reading a file");
  }
  const GitOdbObject object(raw);
  return std::string(static_cast<const char*>(git_odb_object_data(raw)), git_odb_object_size(raw));
}

}  // namespace espalier
