// TempDir: a directory of a test's own, removed with everything in it at the end. Any thread.
#pragma once

#include <string>

namespace espalier {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // Absolute, without a slash at its end.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace espalier
