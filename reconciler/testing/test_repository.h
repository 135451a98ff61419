// TestRepository: a bare git repository in a directory, made through libgit2 commit by commit, so
// that trees can be built which no git client would make. For tests.
#pragma once

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
  // The branch forgets its history: the next commit has no parent.
  void DeleteBranch(absl::string_view branch = "main");

 private:
  std::string path_;
  int commits_ = 0;
};

}  // namespace espalier
