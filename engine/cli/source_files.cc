#include "engine/cli/source_files.h"

#include <cstdint>
#include <istream>
#include <memory>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/load/directory.h"
#include "engine/load/git_rules.h"
#include "engine/load/source_walk.h"

namespace espalier::cli {

namespace {

// Standard input, as a file of this name.
constexpr char kStandardInput[] = "-";

void ReadInput(std::istream& in, std::vector<SourceFile>& files, Problems& problems) {
  std::string bytes(limits::kDocumentBytes + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (bytes.size() > limits::kDocumentBytes) {
    AddTooLarge(kStandardInput, static_cast<std::int64_t>(bytes.size()), problems);
    return;
  }
  files.push_back({.path = kStandardInput, .bytes = std::move(bytes)});
}

absl::StatusOr<std::vector<SourceFile>> ReadPath(Invocation& invocation, const std::string& path,
                                                 Problems& problems) {
  if (path != kStandardInput) return ReadDirectory(invocation.io, path, problems);
  std::vector<SourceFile> files;
  ReadInput(invocation.in, files, problems);
  return files;
}

}  // namespace

absl::StatusOr<std::vector<LoadedObject>> LoadPaths(Invocation& invocation,
                                                    const std::vector<std::string>& paths,
                                                    const GitKinds& git, Problems& problems) {
  std::vector<LoadedObject> objects;
  for (const std::string& path : paths) {
    absl::StatusOr<std::vector<SourceFile>> files = ReadPath(invocation, path, problems);
    if (!files.ok()) {
      ESPALIER_RETURN_IF_ERROR(AsProblem(files.status(), path, problems));
      continue;
    }
    for (const SourceFile& file : *files) {
      for (LoadedObject& object : LoadFile(file, problems)) objects.push_back(std::move(object));
    }
  }
  if (git.has_value()) {
    RefuseWhatIsNotFromGit(*git, objects, problems);
    return Combine(std::move(objects), problems);
  }
  for (LoadedObject& object : objects) {
    const Resource& resource = object->resource();
    if (InfoOf(resource.body_case()).namespaced && resource.metadata().namespace_().empty()) {
      auto placed = std::make_shared<v1::Declared>(*object);
      placed->mutable_resource()->mutable_metadata()->set_namespace_(invocation.Namespace());
      object = std::move(placed);
    }
  }
  return Combine(std::move(objects), problems);
}

}  // namespace espalier::cli
