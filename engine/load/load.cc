#include "engine/load/load.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/load/place.h"
#include "engine/model/codec.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

std::vector<Node> Parse(const SourceFile& file, Problems& problems) {
  if (!absl::EndsWithIgnoreCase(file.path, ".json")) {
    return ParseYaml(file.bytes, file.path, problems);
  }
  std::vector<Node> nodes;
  if (auto node = ParseJson(file.bytes, file.path, problems); node.has_value()) {
    nodes.push_back(std::move(*node));
  }
  return nodes;
}

// Adds what Validate finds, with the places that only the document knows.
void CheckRules(const Resource& resource, const Node& document, const std::string& file,
                Problems& problems) {
  Resource complete = resource;
  ApplyDefaults(complete);
  Problems found;
  Validate(complete, {}, found);
  for (Problem& problem : found.list()) {
    const Place place = PlaceOf(document, problem.path());
    problem.set_file(file);
    problem.set_line(place.line);
    problem.set_column(place.column);
  }
  problems.Append(found);
}

}  // namespace

std::vector<LoadedObject> LoadFile(const SourceFile& file, Problems& problems) {
  std::vector<LoadedObject> objects;
  // Read as YAML it would be some odd text.
  if (absl::StartsWith(file.bytes, "version https://git-lfs.github.com/spec/")) {
    Problem& problem = problems.Error(
        "lfs_pointer", "",
        "is a pointer of Git LFS and not the file itself; keep declarations in the repository");
    problem.set_file(file.path);
    problem.set_line(1);
    return objects;
  }
  for (const Node& document : Parse(file, problems)) {
    std::optional<Resource> resource = Decode(document, file.path, problems);
    if (!resource.has_value()) continue;
    CheckRules(*resource, document, file.path, problems);
    auto object = std::make_shared<v1::Declared>();
    *object->mutable_resource() = std::move(*resource);
    object->set_source(absl::StrCat(file.path, ":", document.line));
    objects.push_back(std::move(object));
  }
  return objects;
}

std::vector<LoadedObject> Combine(std::vector<LoadedObject> objects, Problems& problems) {
  if (objects.size() > limits::kApplyObjects) {
    problems.Error("too_large", "",
                   absl::StrCat("declares ", objects.size(), " objects, at most ",
                                limits::kApplyObjects, " are allowed"));
    return {};
  }
  absl::flat_hash_map<Ref, const v1::Declared*> seen;
  std::erase_if(objects, [&](const LoadedObject& object) {
    const Ref ref = RefOf(object->resource());
    const auto [first, is_new] = seen.emplace(ref, object.get());
    if (is_new) return false;
    Problem& problem =
        problems.Error("duplicate_object", "",
                       absl::StrCat("is declared twice, at ", first->second->source(), " and at ",
                                    object->source()));
    *problem.mutable_ref() = ToProto(ref);
    SetPlace(object->source(), problem);
    return true;
  });
  return objects;
}

void CopyTo(const std::vector<LoadedObject>& set,
            google::protobuf::RepeatedPtrField<v1::Declared>& declared) {
  declared.Reserve(static_cast<int>(set.size()));
  for (const LoadedObject& object : set) *declared.Add() = *object;
}

bool IsSourceName(absl::string_view path) {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  const bool hidden = std::any_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return absl::StartsWith(part, ".") && part != "." && part != "..";
  });
  if (hidden) return false;
  return absl::EndsWithIgnoreCase(path, ".yaml") || absl::EndsWithIgnoreCase(path, ".yml") ||
         absl::EndsWithIgnoreCase(path, ".json");
}

}  // namespace espalier
