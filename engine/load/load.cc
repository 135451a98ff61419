#include "engine/load/load.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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

// "fleet.yaml:12" into the problem's place.
void SetSource(absl::string_view source, Problem& problem) {
  const std::size_t colon = source.rfind(':');
  int line = 0;
  if (colon != absl::string_view::npos && absl::SimpleAtoi(source.substr(colon + 1), &line)) {
    problem.set_line(line);
    source = source.substr(0, colon);
  }
  problem.set_file(std::string(source));
}

}  // namespace

std::vector<LoadedObject> LoadFile(const SourceFile& file, Problems& problems) {
  std::vector<LoadedObject> objects;
  for (const Node& document : Parse(file, problems)) {
    std::optional<Resource> resource = Decode(document, file.path, problems);
    if (!resource.has_value()) continue;
    CheckRules(*resource, document, file.path, problems);
    objects.push_back({std::move(*resource), absl::StrCat(file.path, ":", document.line)});
  }
  return objects;
}

std::vector<v1::Declared> Combine(const std::vector<LoadedObject>& objects, Problems& problems) {
  if (objects.size() > limits::kApplyObjects) {
    problems.Error("too_large", "",
                   absl::StrCat("declares ", objects.size(), " objects, at most ",
                                limits::kApplyObjects, " are allowed"));
    return {};
  }
  std::vector<v1::Declared> declared;
  declared.reserve(objects.size());
  absl::flat_hash_map<Ref, const std::string*> sources;
  for (const LoadedObject& object : objects) {
    const Ref ref = RefOf(object.resource);
    const auto [first, is_new] = sources.emplace(ref, &object.source);
    if (!is_new) {
      Problem& problem = problems.Error(
          "duplicate_object", "",
          absl::StrCat("is declared twice, at ", *first->second, " and at ", object.source));
      *problem.mutable_ref() = ToProto(ref);
      SetSource(object.source, problem);
      continue;
    }
    v1::Declared& entry = declared.emplace_back();
    *entry.mutable_resource() = object.resource;
    entry.set_source(object.source);
  }
  return declared;
}

std::vector<v1::Declared> LoadFiles(const std::vector<SourceFile>& files, Problems& problems) {
  std::size_t bytes = 0;
  for (const SourceFile& file : files) bytes += file.bytes.size();
  if (files.size() > limits::kSourceFiles || bytes > limits::kSourceBytes) {
    problems.Error(
        "too_large", "",
        absl::StrCat("has ", files.size(), " files with ", bytes, " bytes, at most ",
                     limits::kSourceFiles, " with ", limits::kSourceBytes, " are allowed"));
    return {};
  }
  std::vector<LoadedObject> objects;
  for (const SourceFile& file : files) {
    for (LoadedObject& object : LoadFile(file, problems)) objects.push_back(std::move(object));
  }
  return Combine(objects, problems);
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
