#include "reconciler/source_set.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/load/git_rules.h"
#include "engine/load/source_walk.h"
#include "reconciler/git/git_limits.h"

namespace espalier {

absl::StatusOr<LoadedSet> SourceSet::Load(const GitTree& tree, const std::string& commit,
                                          const v1::GitSourceSpec& spec,
                                          const std::string& holder) {
  LoadedSet set;
  set.commit = commit;
  const std::string folder = spec.path().empty() ? "." : spec.path();
  absl::StatusOr<std::vector<FoundFile>> files = tree.List(folder, set.problems);
  if (!files.ok()) {
    ESPALIER_RETURN_IF_ERROR(AsProblem(files.status(), folder, set.problems));
    return set;
  }
  set.files = files->size();
  Files used;
  Sha256 contents;
  std::vector<LoadedObject> objects;
  for (const FoundFile& file : *files) {
    // Neither holds a line end: names with one are refused.
    contents.Update(absl::StrCat(file.id, " ", file.path, "\n"));
    const Key key(file.id, file.path);
    std::shared_ptr<const Parsed> parsed;
    if (const auto known = known_.find(key); known != known_.end()) parsed = known->second.lock();
    if (parsed == nullptr) {
      ++set.parsed;
      ESPALIER_ASSIGN_OR_RETURN(parsed, ParseFile(tree, file));
      set.parsed_objects += parsed->objects.size();
    }
    set.problems.Append(parsed->problems);
    objects.insert(objects.end(), parsed->objects.begin(), parsed->objects.end());
    used.emplace(key, std::move(parsed));
  }
  set.contents = contents.FinishHex();
  Hold(holder, std::move(used));
  RefuseWhatIsNotFromGit(std::vector<std::string>(spec.kinds().begin(), spec.kinds().end()),
                         objects, set.problems);
  set.declared = Combine(std::move(objects), set.problems);
  return set;
}

absl::StatusOr<std::shared_ptr<const SourceSet::Parsed>> SourceSet::ParseFile(
    const GitTree& tree, const FoundFile& file) {
  ESPALIER_ASSIGN_OR_RETURN(std::string bytes, tree.Read(file.id));
  auto parsed = std::make_shared<Parsed>();
  parsed->objects = LoadFile({.path = file.path, .bytes = std::move(bytes)}, parsed->problems);
  return parsed;
}

void SourceSet::Hold(const std::string& holder, Files files) {
  for (const auto& [key, parsed] : files) known_[key] = parsed;
  if (holder != kHead) {
    // A thousand pull requests hold a thousand times what each of them changes, not the source.
    const Files& head = held_[kHead];
    std::size_t others = 0;
    for (const auto& [name, held] : held_) {
      if (name != kHead && name != holder) others += held.size();
    }
    std::erase_if(files, [&head](const auto& file) { return head.count(file.first) > 0; });
    // Beyond this they are parsed again when they are needed again.
    if (others + files.size() > limits::kProposalFiles) files.clear();
  }
  held_[holder] = std::move(files);
  std::erase_if(known_, [](const auto& file) { return file.second.expired(); });
}

void SourceSet::Drop(const std::string& holder) { held_.erase(holder); }

}  // namespace espalier
