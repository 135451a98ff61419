#include "reconciler/testing/test_repository.h"

#include <git2.h>
#include <git2/sys/repository.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/check.h"
#include "reconciler/git/libgit.h"

namespace espalier {
namespace {

void Must(int code) { ESPALIER_CHECK(code >= 0); }

GitRepository Open(const std::string& path) {
  git_repository* repository = nullptr;
  Must(git_repository_open_bare(&repository, path.c_str()));
  return GitRepository(repository);
}

// Trees are built from their bytes: a tree builder refuses the names that these tests are about.
git_oid WriteFiles(git_repository* repository, const std::map<std::string, TestFile>& files) {
  std::map<std::string, std::map<std::string, TestFile>> folders;
  std::map<std::string, std::string> entries;  // sort key -> entry
  git_odb* raw = nullptr;
  Must(git_repository_odb(&raw, repository));
  const GitOdb odb(raw);
  const auto add = [&](const std::string& name, absl::string_view mode, const git_oid& oid) {
    std::string entry = absl::StrCat(mode, " ", name);
    entry.push_back('\0');
    entry.append(reinterpret_cast<const char*>(oid.id), GIT_OID_RAWSZ);
    // Folders sort as if their names ended in a slash.
    entries[mode == "40000" ? name + "/" : name] = entry;
  };
  for (const auto& [path, file] : files) {
    if (const std::size_t slash = path.find('/'); slash != std::string::npos) {
      folders[path.substr(0, slash)][path.substr(slash + 1)] = file;
      continue;
    }
    git_oid oid;
    if (file.mode == TestFile::Mode::kSubmodule) {
      Must(git_oid_fromstr(&oid, "1234567890123456789012345678901234567890"));
      add(path, "160000", oid);
      continue;
    }
    Must(git_odb_write(&oid, odb.get(), file.bytes.data(), file.bytes.size(), GIT_OBJECT_BLOB));
    add(path, file.mode == TestFile::Mode::kSymlink ? "120000" : "100644", oid);
  }
  for (const auto& [name, inside] : folders) add(name, "40000", WriteFiles(repository, inside));
  std::string bytes;
  for (const auto& [key, entry] : entries) bytes += entry;
  git_oid oid;
  Must(git_odb_write(&oid, odb.get(), bytes.data(), bytes.size(), GIT_OBJECT_TREE));
  return oid;
}

}  // namespace

TestRepository::TestRepository(const GitLibrary&, std::string path) : path_(std::move(path)) {
  git_repository* repository = nullptr;
  Must(git_repository_init(&repository, path_.c_str(), /*is_bare=*/1));
  git_repository_free(repository);
}

std::string TestRepository::Commit(const std::map<std::string, TestFile>& files,
                                   absl::string_view branch) {
  const std::string ref = absl::StrCat("refs/heads/", branch);
  TestCommit commit = {.files = files};
  git_oid parent;
  if (git_reference_name_to_id(&parent, Open(path_).get(), ref.c_str()) == 0) {
    commit.parents.push_back(git_oid_tostr_s(&parent));
  }
  const std::string id = Write(commit);
  SetRef(ref, id);
  return id;
}

std::string TestRepository::CommitBytes(const TestCommit& commit) {
  const git_oid tree = WriteFiles(Open(path_).get(), commit.files);
  // By its bytes as well, for the same reason; the count makes equal trees different commits.
  std::string text = absl::StrCat("tree ", git_oid_tostr_s(&tree), "\n");
  for (const std::string& parent : commit.parents) absl::StrAppend(&text, "parent ", parent, "\n");
  ++commits_;
  const std::string who =
      absl::StrCat(" Ana <ana@fleet.example> ",
                   commit.time != 0 ? commit.time : 1700000000 + commits_, " +0000\n");
  absl::StrAppend(&text, "author", who, "committer", who);
  absl::StrAppend(&text, "\ncommit ", commits_, "\n");
  return text;
}

std::string TestRepository::SignatureHeader(const std::string& armour) {
  return absl::StrCat("gpgsig ", absl::StrReplaceAll(armour, {{"\n", "\n "}}), "\n");
}

std::string TestRepository::WithSignature(const std::string& commit_bytes,
                                          const std::string& armour) {
  const std::size_t end = commit_bytes.find("\n\n") + 1;
  return absl::StrCat(commit_bytes.substr(0, end), SignatureHeader(armour),
                      commit_bytes.substr(end));
}

std::string TestRepository::WriteObject(const std::string& commit_bytes) {
  const GitRepository repository = Open(path_);
  git_odb* raw = nullptr;
  Must(git_repository_odb(&raw, repository.get()));
  const GitOdb odb(raw);
  git_oid id;
  Must(git_odb_write(&id, odb.get(), commit_bytes.data(), commit_bytes.size(), GIT_OBJECT_COMMIT));
  return git_oid_tostr_s(&id);
}

std::string TestRepository::WriteTree(const std::map<std::string, TestFile>& files) {
  const git_oid tree = WriteFiles(Open(path_).get(), files);
  return git_oid_tostr_s(&tree);
}

std::string TestRepository::WriteTreeOfTrees(const std::string& tree, int count) {
  git_oid id;
  Must(git_oid_fromstr(&id, tree.c_str()));
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&bytes, "40000 f", i);
    bytes.push_back('\0');
    bytes.append(reinterpret_cast<const char*>(id.id), GIT_OID_RAWSZ);
  }
  const GitRepository repository = Open(path_);
  git_odb* raw = nullptr;
  Must(git_repository_odb(&raw, repository.get()));
  Must(git_odb_write(&id, GitOdb(raw).get(), bytes.data(), bytes.size(), GIT_OBJECT_TREE));
  return git_oid_tostr_s(&id);
}

std::string TestRepository::CommitText(const std::map<std::string, std::string>& files,
                                       absl::string_view branch) {
  std::map<std::string, TestFile> all;
  for (const auto& [path, bytes] : files) all[path] = {.bytes = bytes};
  return Commit(all, branch);
}

void TestRepository::SetRef(const std::string& name, const std::string& commit) {
  const GitRepository repository = Open(path_);
  git_oid oid;
  Must(git_oid_fromstr(&oid, commit.c_str()));
  git_reference* reference = nullptr;
  Must(git_reference_create(&reference, repository.get(), name.c_str(), &oid, 1, nullptr));
  git_reference_free(reference);
}

void TestRepository::AnnotateTag(const std::string& name, const std::string& commit) {
  const GitRepository repository = Open(path_);
  const std::string text =
      absl::StrCat("object ", commit, "\ntype commit\ntag ", name,
                   "\ntagger Ana <ana@fleet.example> 1700000000 +0000\n\nrelease\n");
  git_odb* raw = nullptr;
  Must(git_repository_odb(&raw, repository.get()));
  const GitOdb odb(raw);
  git_oid tag;
  Must(git_odb_write(&tag, odb.get(), text.data(), text.size(), GIT_OBJECT_TAG));
  SetRef(absl::StrCat("refs/tags/", name), git_oid_tostr_s(&tag));
}

void TestRepository::DeleteBranch(absl::string_view branch) {
  const GitRepository repository = Open(path_);
  Must(git_reference_remove(repository.get(), absl::StrCat("refs/heads/", branch).c_str()));
}

}  // namespace espalier
