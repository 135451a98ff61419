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
#include "reconciler/git/libgit.h"

namespace espalier {
namespace {

absl::StatusOr<git_oid> ParseId(const std::string& hex) {
  git_oid oid;
  if (hex.size() != GIT_OID_HEXSZ || git_oid_fromstr(&oid, hex.c_str()) < 0) {
    return absl::InvalidArgumentError("not the id of a git object");
  }
  return oid;
}

// An object that another object names is there, or the mirror is damaged.
absl::Status Damaged(int code, absl::string_view doing) {
  return absl::DataLossError(GitStatus(code, doing).message());
}

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

}  // namespace

struct GitTree::Impl {
  GitRepository repository;
  GitOdb odb;
  git_oid commit;
  GitTreeHandle root;

  absl::StatusOr<std::vector<SourceEntry>> Entries(const std::string& id) const;
  // The id of the tree at `folder`.
  absl::StatusOr<std::string> Find(const std::string& folder) const;
};

absl::StatusOr<std::vector<SourceEntry>> GitTree::Impl::Entries(const std::string& id) const {
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseId(id));
  git_tree* raw = nullptr;
  if (int code = git_tree_lookup(&raw, repository.get(), &oid); code < 0) {
    return Damaged(code, "reading a tree");
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

absl::StatusOr<std::string> GitTree::Impl::Find(const std::string& folder) const {
  if (folder == ".") return std::string(git_oid_tostr_s(git_tree_id(root.get())));
  for (absl::string_view part : absl::StrSplit(folder, '/')) {
    if (std::string why = CheckSourceName(part); !why.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("path ", folder, ": ", why));
    }
  }
  git_tree_entry* raw = nullptr;
  const int code = git_tree_entry_bypath(&raw, root.get(), folder.c_str());
  if (code == GIT_ENOTFOUND) {
    return absl::NotFoundError(absl::StrCat("the commit has no folder ", folder));
  }
  if (code < 0) return Damaged(code, "reading a tree");
  const GitTreeEntry entry(raw);
  if (git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) {
    return absl::NotFoundError(absl::StrCat(folder, " is not a folder in the commit"));
  }
  return std::string(git_oid_tostr_s(git_tree_entry_id(entry.get())));
}

GitTree::GitTree(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GitTree::~GitTree() = default;

absl::StatusOr<std::unique_ptr<GitTree>> GitTree::Open(const GitLibrary&, const std::string& mirror,
                                                       const std::string& commit) {
  auto impl = std::make_unique<Impl>();
  git_repository* repository = nullptr;
  if (int code = git_repository_open_bare(&repository, mirror.c_str()); code < 0) {
    return GitStatus(code, "opening the mirror");
  }
  impl->repository.reset(repository);
  git_odb* odb = nullptr;
  if (int code = git_repository_odb(&odb, repository); code < 0) {
    return GitStatus(code, "opening the mirror");
  }
  impl->odb.reset(odb);
  ESPALIER_ASSIGN_OR_RETURN(impl->commit, ParseId(commit));
  if (git_odb_exists(odb, &impl->commit) != 1) {
    return absl::NotFoundError(absl::StrCat("the mirror has no commit ", commit));
  }
  git_commit* raw = nullptr;
  if (int code = git_commit_lookup(&raw, repository, &impl->commit); code < 0) {
    return Damaged(code, "reading the commit");
  }
  const GitCommit handle(raw);
  git_tree* root = nullptr;
  if (int code = git_commit_tree(&root, raw); code < 0) {
    return Damaged(code, "reading the commit's tree");
  }
  impl->root.reset(root);
  return std::unique_ptr<GitTree>(new GitTree(std::move(impl)));
}

absl::StatusOr<std::vector<FoundFile>> GitTree::List(const std::string& folder,
                                                     Problems& problems) const {
  ESPALIER_ASSIGN_OR_RETURN(const std::string id, impl_->Find(folder));
  const auto list = [this](const std::string&, const std::string& tree) {
    return impl_->Entries(tree);
  };
  ESPALIER_ASSIGN_OR_RETURN(std::vector<FoundFile> found,
                            WalkSource(folder == "." ? "" : folder, id, list, problems));
  // Sizes come from the objects' headers: nothing large is unpacked to learn that it is large.
  std::vector<FoundFile> files;
  std::size_t total = 0;
  for (FoundFile& file : found) {
    ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseId(file.id));
    std::size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (int code = git_odb_read_header(&size, &type, impl_->odb.get(), &oid); code < 0) {
      return Damaged(code, absl::StrCat("reading ", file.path));
    }
    if (size > limits::kDocumentBytes) {
      AddTooLarge(file.path, static_cast<std::int64_t>(size), problems);
      continue;
    }
    total += size;
    files.push_back(std::move(file));
  }
  if (total > limits::kSourceBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the files are larger than ", limits::kSourceBytes, " bytes together"));
  }
  return files;
}

absl::StatusOr<std::string> GitTree::Read(const std::string& blob) const {
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, ParseId(blob));
  git_odb_object* raw = nullptr;
  if (int code = git_odb_read(&raw, impl_->odb.get(), &oid); code < 0) {
    return Damaged(code, "reading a file");
  }
  const GitOdbObject object(raw);
  return std::string(static_cast<const char*>(git_odb_object_data(raw)), git_odb_object_size(raw));
}

bool GitTree::Follows(const std::string& ancestor) const {
  const absl::StatusOr<git_oid> oid = ParseId(ancestor);
  if (!oid.ok()) return false;
  if (git_oid_equal(&*oid, &impl_->commit) == 1) return true;
  return git_graph_descendant_of(impl_->repository.get(), &impl_->commit, &*oid) == 1;
}

}  // namespace espalier
