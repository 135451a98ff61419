#include "reconciler/source_set.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// Credentials say where passwords are sent: a repository may write them only if its source names
// the kind. Everything else that it may not write is refused by the engine, which knows all the
// rules.
void RefuseCredentials(const v1::GitSourceSpec& spec, const std::vector<LoadedObject>& objects,
                       Problems& problems) {
  const bool allowed =
      std::any_of(spec.kinds().begin(), spec.kinds().end(), [](const std::string& kind) {
        const KindInfo* info = FindKind(kind);
        return info != nullptr && info->kind == Kind::kRegistryCredential;
      });
  if (allowed) return;
  for (const LoadedObject& object : objects) {
    if (!object.resource.has_registry_credential()) continue;
    Problem& problem =
        problems.Error("not_allowed", "",
                       "git may declare registry credentials only if the source's kinds name them");
    *problem.mutable_ref() = ToProto(RefOf(object.resource));
    problem.set_file(object.source);
  }
}

// What a person can mend by a push, as a problem of the set; OK for those.
absl::Status AsProblem(const absl::Status& status, const std::string& path, Problems& problems) {
  if (absl::IsDataLoss(status) || absl::IsInternal(status)) return status;
  problems.Error(absl::IsNotFound(status) ? "missing_folder" : "not_allowed", "", status.message())
      .set_file(path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedSet> SourceSet::Load(const GitTree& tree, const std::string& commit,
                                          const v1::GitSourceSpec& spec) {
  LoadedSet set;
  set.commit = commit;
  const std::string folder = spec.path().empty() ? "." : spec.path();
  absl::StatusOr<std::vector<FoundFile>> files = tree.List(folder, set.problems);
  if (!files.ok()) {
    ESPALIER_RETURN_IF_ERROR(AsProblem(files.status(), folder, set.problems));
    return set;
  }
  set.files = files->size();
  std::map<Key, Parsed> next;
  std::vector<LoadedObject> objects;
  for (const FoundFile& file : *files) {
    const Key key(file.id, file.path);
    auto known = cache_.extract(key);
    if (known.empty()) {
      ++set.parsed;
      ESPALIER_ASSIGN_OR_RETURN(Parsed parsed, ParseFile(tree, file));
      next.emplace(key, std::move(parsed));
    } else {
      next.insert(std::move(known));
    }
    const Parsed& parsed = next.at(key);
    set.problems.Append(parsed.problems);
    objects.insert(objects.end(), parsed.objects.begin(), parsed.objects.end());
  }
  cache_ = std::move(next);
  RefuseCredentials(spec, objects, set.problems);
  set.declared = Combine(objects, set.problems);
  return set;
}

absl::StatusOr<SourceSet::Parsed> SourceSet::ParseFile(const GitTree& tree, const FoundFile& file) {
  ESPALIER_ASSIGN_OR_RETURN(std::string bytes, tree.Read(file.id));
  Parsed parsed;
  parsed.objects = LoadFile({.path = file.path, .bytes = std::move(bytes)}, parsed.problems);
  return parsed;
}

}  // namespace espalier
