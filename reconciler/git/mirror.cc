#include "reconciler/git/mirror.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "reconciler/git/tree.h"

namespace espalier {
namespace {

constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr char kRefs[] = "/refs/espalier/";

// "g12" -> 12; 0 for other names.
std::int64_t GenerationOf(absl::string_view name) {
  std::int64_t number = 0;
  if (!absl::ConsumePrefix(&name, "g") || !absl::SimpleAtoi(name, &number)) return 0;
  return number;
}

absl::Status NotMirrored() { return absl::NotFoundError("the repository is not mirrored yet"); }

}  // namespace

Mirror::Mirror(const GitLibrary& library, Io& io, Fetch fetch, std::string dir)
    : library_(library), io_(io), fetch_(std::move(fetch)), dir_(std::move(dir)) {}

absl::StatusOr<FetchAnswer> Mirror::Update(FetchRequest request) {
  ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(dir_, kDirMode));
  request.max_bytes = limits::kFetchBytes;
  const Current current = ReadCurrent();
  const std::string url_hash = Sha256Hex(request.url);
  if (current.generation > 0 && current.url_hash == url_hash && !discarded_) {
    request.mirror = PathOf(current.generation);
    // What was added beside the tracked ref brought a pack each, and would have to be fetched
    // again.
    if (Sweep(request.mirror, request.keep_as) <= limits::kMirrorPacks + Added(request.mirror)) {
      absl::StatusOr<FetchAnswer> answer = fetch_(request);
      // Opening what was fetched is the cheapest proof that the copy can be read.
      if (answer.ok()) {
        if (IsReadable(request.mirror, answer->commit)) return answer;
      } else if (!absl::IsDataLoss(answer.status())) {
        return answer;
      }
    }
  }
  return CloneAnew(std::move(request), current.generation + 1);
}

absl::StatusOr<FetchAnswer> Mirror::CloneAnew(FetchRequest request, std::int64_t generation) {
  request.mirror = PathOf(generation);
  // A clone that was interrupted before it became current.
  ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(request.mirror));
  ESPALIER_ASSIGN_OR_RETURN(FetchAnswer answer, fetch_(request));
  ESPALIER_RETURN_IF_ERROR(
      io_.WriteFile(absl::StrCat(dir_, "/current"),
                    absl::StrCat("g", generation, " ", Sha256Hex(request.url), "\n"), kFileMode));
  discarded_ = false;
  RemoveOthers(generation);
  return answer;
}

bool Mirror::IsReadable(const std::string& mirror, const std::string& commit) const {
  absl::StatusOr<std::shared_ptr<const OpenRepository>> repository =
      OpenRepository::Open(library_, mirror);
  return repository.ok() && GitTree::Open(*std::move(repository), commit).ok();
}

absl::StatusOr<FetchAnswer> Mirror::Add(FetchRequest request) {
  const Current current = ReadCurrent();
  if (current.generation == 0 || current.url_hash != Sha256Hex(request.url)) return NotMirrored();
  request.mirror = PathOf(current.generation);
  request.max_bytes = limits::kFetchBytes;
  Sweep(request.mirror, request.keep_as);
  ESPALIER_ASSIGN_OR_RETURN(FetchAnswer answer, fetch_(request));
  if (!IsReadable(request.mirror, answer.commit)) {
    return absl::DataLossError("what was fetched cannot be read");
  }
  return answer;
}

void Mirror::Drop(const std::string& keep_as) {
  const Current current = ReadCurrent();
  if (current.generation == 0) return;
  (void)io_.RemoveAll(absl::StrCat(PathOf(current.generation), kRefs, keep_as));
}

absl::StatusOr<std::shared_ptr<const OpenRepository>> Mirror::Open() const {
  const Current current = ReadCurrent();
  if (current.generation == 0) return NotMirrored();
  return OpenRepository::Open(library_, PathOf(current.generation));
}

void Mirror::Discard() { discarded_ = true; }

Mirror::Current Mirror::ReadCurrent() const {
  const absl::StatusOr<std::string> text = io_.ReadFile(absl::StrCat(dir_, "/current"), 256);
  if (!text.ok()) return {};
  const std::vector<absl::string_view> words = absl::StrSplit(absl::StripSuffix(*text, "\n"), ' ');
  if (words.size() != 2) return {};
  return {.generation = GenerationOf(words[0]), .url_hash = std::string(words[1])};
}

std::string Mirror::PathOf(std::int64_t generation) const {
  return absl::StrCat(dir_, "/g", generation);
}

std::size_t Mirror::Sweep(const std::string& mirror, const std::string& keep_as) {
  std::size_t packs = 0;
  const std::string pack_dir = absl::StrCat(mirror, "/objects/pack");
  for (const std::string& name : io_.List(pack_dir).value_or(std::vector<std::string>())) {
    if (absl::EndsWith(name, ".pack")) {
      ++packs;
    } else if (absl::StartsWith(name, "tmp_") || absl::StrContains(name, "_git2_")) {
      // A fetch that was killed leaves its half of a pack, which nothing else ever removes.
      (void)io_.RemoveAll(absl::StrCat(pack_dir, "/", name));
    }
  }
  (void)io_.RemoveAll(absl::StrCat(mirror, kRefs, keep_as, ".lock"));
  return packs;
}

std::size_t Mirror::Added(const std::string& mirror) {
  std::size_t added = 0;
  const std::string dir = absl::StrCat(mirror, kRefs);
  for (const std::string& name : io_.List(dir).value_or(std::vector<std::string>())) {
    // The tracked ref is a file beside folders of others, which is no folder to be listed.
    added += io_.List(absl::StrCat(dir, name)).value_or(std::vector<std::string>()).size();
  }
  return added;
}

void Mirror::RemoveOthers(std::int64_t generation) {
  for (const std::string& name : io_.List(dir_).value_or(std::vector<std::string>())) {
    const std::int64_t other = GenerationOf(name);
    // What cannot be removed now is tried again after the next clone.
    if (other > 0 && other != generation) (void)io_.RemoveAll(absl::StrCat(dir_, "/", name));
  }
}

}  // namespace espalier
