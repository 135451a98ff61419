#include "engine/load/edit_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "engine/load/document_edit.h"
#include "engine/load/place.h"
#include "engine/load/yaml_split.h"
#include "engine/model/codec.h"

namespace espalier {
namespace {

constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

// A piece of the file, and the document in it, if it has one.
struct Part {
  std::string text;
  std::optional<Ref> object;
};

class FileEdit {
 public:
  explicit FileEdit(const SourceFile& file)
      : path_(file.path),
        form_(absl::EndsWithIgnoreCase(file.path, ".json") ? DocumentForm::kJson
                                                           : DocumentForm::kYaml) {
    absl::string_view text = file.bytes;
    if (absl::ConsumePrefix(&text, kByteOrderMark)) mark_ = kByteOrderMark;
    if (form_ == DocumentForm::kJson) {
      AddPart(text);
    } else {
      for (const YamlChunk& chunk : SplitYaml(text)) AddPart(chunk.text);
    }
  }

  std::vector<FieldEdited> Edit(const ObjectEdits& edits) {
    std::vector<FieldEdited> done(edits.fields.size());
    const auto fail = [&](const absl::Status& why) {
      for (FieldEdited& one : done) one.done.Update(why);
      return done;
    };
    Part* part = nullptr;
    for (Part& one : parts_) {
      if (one.object != edits.object) continue;
      if (part != nullptr) return fail(absl::FailedPreconditionError("it is declared twice here"));
      part = &one;
    }
    if (part == nullptr) return fail(absl::FailedPreconditionError("it is not declared here"));
    absl::StatusOr<DocumentEdit> document = DocumentEdit::Open(part->text, form_);
    if (!document.ok()) return fail(absl::FailedPreconditionError(document.status().message()));
    // What comes in first and what goes after it: a map that is emptied and filled again would
    // lose its place.
    for (const bool sets : {true, false}) {
      for (std::size_t i = 0; i < edits.fields.size(); ++i) {
        if (edits.fields[i].value.has_value() == sets) {
          done[i].done = EditField(edits.fields[i], *document);
        }
      }
    }
    Problems problems;
    (void)LoadFile({.path = path_, .bytes = document->text()}, problems);
    if (problems.HasErrors()) {
      return fail(absl::FailedPreconditionError(
          absl::StrCat("the object would not be valid: ", ToStatus(problems).message())));
    }
    part->text = document->text();
    return done;
  }

  // Lines of the file as it is now, for the edits that were made.
  void FindLines(const ObjectEdits& edits, std::vector<FieldEdited>& done) const {
    int before = 0;
    for (const Part& part : parts_) {
      if (part.object == edits.object) {
        const absl::StatusOr<DocumentEdit> document = DocumentEdit::Open(part.text, form_);
        for (std::size_t i = 0; document.ok() && i < done.size(); ++i) {
          done[i].line = before + PlaceOf(document->root(), edits.fields[i].path).line;
        }
      }
      before += static_cast<int>(std::count(part.text.begin(), part.text.end(), '\n'));
    }
  }

  std::string Bytes() const {
    std::string bytes = mark_;
    for (const Part& part : parts_) absl::StrAppend(&bytes, part.text);
    return bytes;
  }

 private:
  void AddPart(absl::string_view text) {
    Part& part = parts_.emplace_back();
    part.text = std::string(text);
    Problems problems;
    const std::vector<LoadedObject> objects =
        LoadFile({.path = path_, .bytes = part.text}, problems);
    if (objects.size() == 1) part.object = RefOf(objects.front()->resource());
  }

  static absl::Status EditField(const FieldEdit& edit, DocumentEdit& document) {
    const NodeKeys keys = KeysOf(document.root(), edit.path);
    if (!edit.value.has_value()) return document.Remove(keys);
    Problems problems;
    const std::optional<Node> value = ParseJson(*edit.value, "", problems);
    if (!value.has_value()) return absl::FailedPreconditionError("its value cannot be read");
    return document.Set(keys, *value);
  }

  const std::string path_;
  const DocumentForm form_;
  std::string mark_;
  std::vector<Part> parts_;
};

}  // namespace

absl::StatusOr<EditedFile> EditFile(const SourceFile& file,
                                    const std::vector<ObjectEdits>& objects) {
  Problems problems;
  (void)LoadFile(file, problems);
  if (problems.HasErrors()) return absl::FailedPreconditionError(ToStatus(problems).message());
  FileEdit edit(file);
  EditedFile edited;
  edited.objects.reserve(objects.size());
  for (const ObjectEdits& one : objects) edited.objects.push_back(edit.Edit(one));
  for (std::size_t i = 0; i < objects.size(); ++i) edit.FindLines(objects[i], edited.objects[i]);
  edited.bytes = edit.Bytes();
  return edited;
}

}  // namespace espalier
