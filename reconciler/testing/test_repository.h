// TestRepository: a bare git repository in a directory, made through libgit2 commit by commit, so
// that trees can be built which no git client would make. For tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "reconciler/git/git_library.h"

namespace espalier {

struct TestFile {
  enum class Mode { kFile, kSymlink, kSubmodule };
  std::string bytes;
  Mode mode = Mode::kFile;
};

struct TestCommit {
  std::map<std::string, TestFile> files;
  std::vector<std::string> parents;
  // Of author and committer, in Unix seconds; 0: later than the commit written before.
  std::int64_t time = 0;
};

class TestRepository {
 public:
  TestRepository(const GitLibrary& library, std::string path);

  const std::string& path() const { return path_; }

  // A commit on `branch` (and the branch, if it is new) whose tree is exactly `files`, by path. Its
  // id.
  std::string Commit(const std::map<std::string, TestFile>& files,
                     absl::string_view branch = "main");
  // Text files only.
  std::string CommitText(const std::map<std::string, std::string>& files,
                         absl::string_view branch = "main");
  // Points a ref of any name at a commit, as "refs/pull/7/head"; moves it if it is there.
  void SetRef(const std::string& name, const std::string& commit);
  // A tag with a message of its own, an object that points at the commit.
  void AnnotateTag(const std::string& name, const std::string& commit);
  // The header of a commit that carries its signature.
  static std::string SignatureHeader(const std::string& armour);
  // The bytes of a commit with a signature in their header.
  static std::string WithSignature(const std::string& commit_bytes, const std::string& armour);
  // The bytes of a commit object. Its files are written.
  std::string CommitBytes(const TestCommit& commit);
  // A commit that no ref names yet. Its id.
  std::string Write(const TestCommit& commit) { return WriteObject(CommitBytes(commit)); }
  // A commit object of any bytes. Its id.
  std::string WriteObject(const std::string& commit_bytes);
  // A tree of its own, and one in which the same tree stands under `count` names. Their ids.
  std::string WriteTree(const std::map<std::string, TestFile>& files);
  std::string WriteTreeOfTrees(const std::string& tree, int count);
  // The branch forgets its history: the next commit has no parent.
  void DeleteBranch(absl::string_view branch = "main");

 private:
  std::string path_;
  int commits_ = 0;
};

}  // namespace espalier
