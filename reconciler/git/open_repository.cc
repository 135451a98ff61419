#include "reconciler/git/open_repository.h"

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>

#include <utility>

#include "reconciler/git/libgit.h"

namespace espalier {
namespace {

// Before libgit2's own backends, which have 1 and 2: whatever is written goes to the first.
constexpr int kMemoryPriority = 100;

}  // namespace

OpenRepository::OpenRepository(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
OpenRepository::~OpenRepository() = default;

absl::StatusOr<std::shared_ptr<const OpenRepository>> OpenRepository::Open(
    const GitLibrary&, const std::string& path) {
  auto handles = std::make_unique<Handles>();
  git_repository* repository = nullptr;
  if (int code = git_repository_open_bare(&repository, path.c_str()); code < 0) {
    return GitStatus(code, "opening the mirror");
  }
  handles->repository.reset(repository);
  git_odb* odb = nullptr;
  if (int code = git_repository_odb(&odb, repository); code < 0) {
    return GitStatus(code, "opening the mirror");
  }
  handles->odb.reset(odb);
  git_odb_backend* memory = nullptr;
  if (int code = git_mempack_new(&memory); code < 0) return GitStatus(code, "opening the mirror");
  if (int code = git_odb_add_backend(odb, memory, kMemoryPriority); code < 0) {
    memory->free(memory);
    return GitStatus(code, "opening the mirror");
  }
  return std::shared_ptr<const OpenRepository>(new OpenRepository(std::move(handles)));
}

}  // namespace espalier
