#include "engine/load/directory.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/load/source_walk.h"

namespace espalier {
namespace {

SourceEntry::Type TypeOf(FileInfo::Type type) {
  switch (type) {
    case FileInfo::Type::kFile:
      return SourceEntry::Type::kFile;
    case FileInfo::Type::kDirectory:
      return SourceEntry::Type::kFolder;
    case FileInfo::Type::kSymlink:
      return SourceEntry::Type::kSymlink;
    case FileInfo::Type::kOther:
      break;
  }
  return SourceEntry::Type::kOther;
}

// Appends the file at `disk_path`; a file that is too large is a problem and is left out.
absl::Status AppendFile(Io& io, const std::string& disk_path, const std::string& path,
                        std::size_t& total, std::vector<SourceFile>& files, Problems& problems) {
  ESPALIER_ASSIGN_OR_RETURN(const FileInfo info, io.Stat(disk_path));
  if (info.size_bytes > static_cast<std::int64_t>(limits::kDocumentBytes)) {
    AddTooLarge(path, info.size_bytes, problems);
    return absl::OkStatus();
  }
  ESPALIER_ASSIGN_OR_RETURN(std::string bytes, io.ReadFile(disk_path, limits::kDocumentBytes));
  total += bytes.size();
  if (total > limits::kSourceBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the files are larger than ", limits::kSourceBytes, " bytes together"));
  }
  files.push_back({.path = path, .bytes = std::move(bytes)});
  return absl::OkStatus();
}

}  // namespace

void AddTooLarge(const std::string& path, std::int64_t size_bytes, Problems& problems) {
  problems
      .Error("too_large", "",
             absl::StrCat("the file has ", size_bytes, " bytes; at most ", limits::kDocumentBytes,
                          " are read"))
      .set_file(path);
}

absl::StatusOr<std::vector<SourceFile>> ReadDirectory(Io& io, const std::string& dir,
                                                      Problems& problems) {
  std::vector<SourceFile> files;
  std::size_t total = 0;
  // A trailing slash follows a link that names the directory itself: only what lies in it is
  // judged.
  const std::string root = absl::StrCat(dir, "/");
  ESPALIER_ASSIGN_OR_RETURN(const FileInfo info, io.Stat(dir));
  if (info.type == FileInfo::Type::kFile) {
    ESPALIER_RETURN_IF_ERROR(AppendFile(io, dir, dir, total, files, problems));
    return files;
  }
  const auto list = [&](const std::string& path,
                        const std::string&) -> absl::StatusOr<std::vector<SourceEntry>> {
    const std::string folder = absl::StrCat(root, path);
    ESPALIER_ASSIGN_OR_RETURN(std::vector<std::string> names, io.List(folder));
    std::vector<SourceEntry> entries;
    for (std::string& name : names) {
      ESPALIER_ASSIGN_OR_RETURN(const FileInfo entry, io.Stat(absl::StrCat(folder, "/", name)));
      entries.push_back({.name = std::move(name), .type = TypeOf(entry.type)});
    }
    return entries;
  };
  const std::string typed =
      dir == "." || dir == "./" ? "" : absl::StrCat(absl::StripSuffix(dir, "/"), "/");
  Problems refused;
  ESPALIER_ASSIGN_OR_RETURN(std::vector<FoundFile> found, WalkSource("", "", list, refused));
  for (Problem problem : refused.list()) {
    problem.set_file(absl::StrCat(typed, problem.file()));
    problems.Append(problem);
  }
  for (const FoundFile& file : found) {
    ESPALIER_RETURN_IF_ERROR(AppendFile(io, absl::StrCat(root, file.path),
                                        absl::StrCat(typed, file.path), total, files, problems));
  }
  return files;
}

}  // namespace espalier
