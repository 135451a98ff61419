#include "engine/load/source_walk.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"
#include "engine/load/source_name.h"
#include "engine/model/utf8.h"

namespace espalier {
namespace {

std::string Join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : absl::StrCat(folder, "/", name);
}

void Refuse(ProblemCode code, const std::string& path, absl::string_view message,
            Problems& problems) {
  const bool is_text = FindInvalidUtf8(path) == absl::string_view::npos;
  problems.Error(code, "", message)
      .set_file(is_text ? absl::Utf8SafeCEscape(path) : absl::CEscape(path));
}

// One walk, so that its counters and its output need not be passed down.
class Walk {
 public:
  Walk(ListFolder list, Problems& problems) : list_(list), problems_(problems) {}

  absl::Status Folder(const std::string& path, const std::string& id, std::size_t depth) {
    if (depth > limits::kSourceDepth) {
      return absl::ResourceExhaustedError(
          absl::StrCat("folders are nested deeper than ", limits::kSourceDepth, " at ", path));
    }
    absl::StatusOr<std::vector<SourceEntry>> entries = list_(path, id);
    if (!entries.ok()) return entries.status();
    entries_ += entries->size();
    if (entries_ > limits::kSourceEntries) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits::kSourceEntries, " files and folders"));
    }
    std::sort(entries->begin(), entries->end(),
              [](const SourceEntry& a, const SourceEntry& b) { return a.name < b.name; });
    // Two names that differ in case alone are one file on a Mac: which one would depend on who
    // looks.
    std::map<std::string, std::string> folded;
    for (const SourceEntry& entry : *entries) {
      if (absl::StartsWith(entry.name, ".") && entry.name != "..") continue;
      const std::string entry_path = Join(path, entry.name);
      auto [twin, is_new] = folded.emplace(absl::AsciiStrToLower(entry.name), entry.name);
      if (!is_new) {
        Refuse("bad_file_name", entry_path,
               absl::StrCat("differs from \"", twin->second, "\" only in case"), problems_);
        continue;
      }
      absl::Status status = Entry(entry, entry_path, depth);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<FoundFile> TakeFiles() && { return std::move(files_); }

 private:
  absl::Status Entry(const SourceEntry& entry, const std::string& path, std::size_t depth) {
    if (std::string why = CheckSourceName(entry.name); !why.empty()) {
      Refuse("bad_file_name", path, why, problems_);
      return absl::OkStatus();
    }
    if (path.size() > limits::kSourcePathBytes) {
      Refuse("bad_file_name", path,
             absl::StrCat("the path is longer than ", limits::kSourcePathBytes, " bytes"),
             problems_);
      return absl::OkStatus();
    }
    switch (entry.type) {
      case SourceEntry::Type::kFile:
        if (!IsSourceName(entry.name)) return absl::OkStatus();
        if (files_.size() == limits::kSourceFiles) {
          return absl::ResourceExhaustedError(
              absl::StrCat("more than ", limits::kSourceFiles, " files to read"));
        }
        files_.push_back({.path = path, .id = entry.id});
        return absl::OkStatus();
      case SourceEntry::Type::kFolder:
        return Folder(path, entry.id, depth + 1);
      case SourceEntry::Type::kSymlink:
        Refuse("not_a_file", path, "is a symbolic link; only files and folders are read",
               problems_);
        return absl::OkStatus();
      case SourceEntry::Type::kSubmodule:
        Refuse("not_a_file", path, "is a submodule; only files and folders are read", problems_);
        return absl::OkStatus();
      case SourceEntry::Type::kOther:
        Refuse("not_a_file", path, "is neither a file nor a folder", problems_);
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  // Borrowed from the caller of WalkSource, who outlives the walk.
  ListFolder list_;
  Problems& problems_;
  std::vector<FoundFile> files_;
  std::size_t entries_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<FoundFile>> WalkSource(const std::string& prefix, const std::string& id,
                                                  ListFolder list, Problems& problems) {
  Walk walk(list, problems);
  absl::Status status = walk.Folder(prefix, id, 1);
  if (!status.ok()) return status;
  std::vector<FoundFile> files = std::move(walk).TakeFiles();
  // By whole path, whatever the order of folders and files in one folder was.
  std::sort(files.begin(), files.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
  return files;
}

absl::Status AsProblem(const absl::Status& status, const std::string& path, Problems& problems) {
  const auto add = [&](ProblemCode code) {
    problems.Error(code, "", status.message()).set_file(path);
    return absl::OkStatus();
  };
  if (absl::IsNotFound(status)) return add("missing_folder");
  if (absl::IsResourceExhausted(status)) return add("too_large");
  if (absl::IsInvalidArgument(status)) return add("bad_file_name");
  return status;
}

}  // namespace espalier
