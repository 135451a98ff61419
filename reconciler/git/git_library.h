// GitLibrary: the life of libgit2 in this process. Made first by main, destroyed last; whatever
// reads repositories takes it as the proof that it is there.
#pragma once

namespace espalier {

class GitLibrary {
 public:
  // Starts libgit2 so that it reads no configuration of the machine or the user and maps a bounded
  // amount of memory.
  GitLibrary();
  ~GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

}  // namespace espalier
