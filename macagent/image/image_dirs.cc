#include "macagent/image/image_dirs.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"

namespace espalier::agent {
namespace {

constexpr char kRecordFile[] = "record";
constexpr char kManifestFile[] = "manifest.json";

// One "name value" per line: nothing in it can hold a line end.
std::string WriteRecordText(const ImageRecord& record) {
  return absl::StrCat("reference ", record.reference, "\nos ", record.os, "\narch ", record.arch,
                      "\nsince ", absl::ToUnixSeconds(record.since), "\nused ",
                      absl::ToUnixSeconds(record.last_used), "\n");
}

absl::Time ReadTime(absl::string_view text) {
  std::int64_t seconds = 0;
  return absl::SimpleAtoi(text, &seconds) ? absl::FromUnixSeconds(seconds) : absl::UnixEpoch();
}

ImageRecord ParseRecordText(absl::string_view text) {
  ImageRecord record;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const auto& [name, value] = parts;
    if (name == "reference") record.reference = std::string(value);
    if (name == "os") record.os = std::string(value);
    if (name == "arch") record.arch = std::string(value);
    if (name == "since") record.since = ReadTime(value);
    if (name == "used") record.last_used = ReadTime(value);
  }
  return record;
}

}  // namespace

std::string ImageDirs::ImageDir(absl::string_view digest) const {
  return absl::StrCat(root_, "/images/", oci::HexOf(digest));
}
std::string ImageDirs::PullDir(absl::string_view digest) const {
  return absl::StrCat(root_, "/pulls/", oci::HexOf(digest));
}

absl::StatusOr<std::vector<StoredImage>> ImageDirs::Open() {
  ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(absl::StrCat(root_, "/trash")));
  for (const char* dir : {"/images", "/pulls", "/trash"}) {
    ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(absl::StrCat(root_, dir), 0700));
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            io_.List(absl::StrCat(root_, "/images")));
  std::vector<StoredImage> images;
  for (const std::string& name : names) {
    ESPALIER_ASSIGN_OR_RETURN(StoredImage image, Read(name));
    const std::string dir = absl::StrCat(root_, "/images/", name);
    if (image.ours && !io_.Stat(absl::StrCat(dir, "/", oci::kDiskFile)).ok()) {
      ESPALIER_RETURN_IF_ERROR(Discard(dir));
      continue;
    }
    images.push_back(std::move(image));
  }
  return images;
}

absl::StatusOr<StoredImage> ImageDirs::Read(const std::string& name) {
  const std::string dir = absl::StrCat(root_, "/images/", name);
  StoredImage image;
  image.digest = absl::StrCat("sha256:", name);
  const bool named = oci::IsDigest(image.digest);
  if (!named) image.digest = name;
  ESPALIER_ASSIGN_OR_RETURN(image.bytes, DiskBytes(dir));
  const absl::StatusOr<std::string> record =
      io_.ReadFile(absl::StrCat(dir, "/", kRecordFile), limits::kObjectBytes);
  if (record.ok() && named) {
    image.ours = true;
    image.record = ParseRecordText(*record);
  } else {
    ESPALIER_ASSIGN_OR_RETURN(const FileInfo info, io_.Stat(dir));
    image.record.since = image.record.last_used = info.modified;
  }
  return image;
}

absl::StatusOr<std::vector<std::string>> ImageDirs::ListPulls() {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            io_.List(absl::StrCat(root_, "/pulls")));
  std::vector<std::string> digests;
  for (const std::string& name : names) {
    std::string digest = absl::StrCat("sha256:", name);
    if (oci::IsDigest(digest)) digests.push_back(std::move(digest));
  }
  return digests;
}

absl::StatusOr<std::string> ImageDirs::PreparePull(absl::string_view digest) {
  std::string dir = PullDir(digest);
  if (io_.Stat(ImageDir(digest)).ok()) {
    ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(dir));
    ESPALIER_RETURN_IF_ERROR(io_.Rename(ImageDir(digest), dir));
  }
  ESPALIER_RETURN_IF_ERROR(io_.MakeDirs(dir, 0700));
  return dir;
}

absl::StatusOr<std::int64_t> ImageDirs::Publish(absl::string_view digest,
                                                const ImageRecord& record) {
  ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(PullDir(digest), "/", kRecordFile),
                                         WriteRecordText(record), 0600));
  ESPALIER_RETURN_IF_ERROR(io_.Rename(PullDir(digest), ImageDir(digest)));
  return DiskBytes(ImageDir(digest));
}

absl::Status ImageDirs::WriteRecord(absl::string_view digest, const ImageRecord& record) {
  return io_.WriteFile(absl::StrCat(ImageDir(digest), "/", kRecordFile), WriteRecordText(record),
                       0600);
}

absl::Status ImageDirs::DiscardImage(absl::string_view digest) { return Discard(ImageDir(digest)); }
absl::Status ImageDirs::DiscardPull(absl::string_view digest) { return Discard(PullDir(digest)); }

absl::Status ImageDirs::Discard(const std::string& dir) {
  const std::string trash = absl::StrCat(root_, "/trash/", next_trash_.fetch_add(1));
  const absl::Status status = io_.Rename(dir, trash);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  ESPALIER_RETURN_IF_ERROR(status);
  return io_.RemoveAll(trash);
}

absl::StatusOr<oci::ImageLayout> ImageDirs::ReadLayout(absl::string_view digest) {
  ESPALIER_ASSIGN_OR_RETURN(
      const std::string bytes,
      io_.ReadFile(absl::StrCat(ImageDir(digest), "/", kManifestFile), limits::kManifestBytes));
  absl::StatusOr<oci::Document> document = oci::ParseDocument(bytes, oci::kManifestType);
  if (!document.ok()) document = oci::ParseDocument(bytes, oci::kDockerManifestType);
  if (!document.ok()) return document.status();
  return oci::ReadLayout(document->manifest);
}

absl::Status ImageDirs::Clone(absl::string_view digest, const std::string& dir) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names, io_.List(ImageDir(digest)));
  std::vector<std::string> made;
  for (const std::string& name : names) {
    if (name == kRecordFile || name == kManifestFile) continue;
    const std::string to = absl::StrCat(dir, "/", name);
    const absl::Status status = io_.CloneFile(absl::StrCat(ImageDir(digest), "/", name), to);
    if (!status.ok()) {
      for (const std::string& path : made) io_.RemoveAll(path).IgnoreError();
      return status;
    }
    made.push_back(to);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> ImageDirs::DiskBytes(const std::string& dir) {
  ESPALIER_ASSIGN_OR_RETURN(const FileInfo info, io_.Stat(dir));
  if (info.type != FileInfo::Type::kDirectory) return info.disk_bytes;
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names, io_.List(dir));
  std::int64_t bytes = 0;
  for (const std::string& name : names) {
    ESPALIER_ASSIGN_OR_RETURN(const FileInfo file, io_.Stat(absl::StrCat(dir, "/", name)));
    bytes += file.disk_bytes;
  }
  return bytes;
}

}  // namespace espalier::agent
