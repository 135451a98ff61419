// EditFile: files of a repository that declare other values than before, with everything else in
// them as it was. Pure, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/load/load.h"
#include "engine/model/ref.h"

namespace espalier {

// A field of an object, by the path that a FieldChange has.
struct FieldEdit {
  // "spec.cpu", "metadata.labels[team]".
  std::string path;
  // What shall be declared, as JSON; nothing: the field is left out.
  std::optional<std::string> value;
};

struct ObjectEdits {
  Ref object;
  std::vector<FieldEdit> fields;
};

// What became of an edit.
struct FieldEdited {
  // FAILED_PRECONDITION: why the field cannot be changed in this file.
  absl::Status done;
  // Where it stands in the new file, or what it stood in.
  int line = 0;
};

struct EditedFile {
  std::string bytes;
  // As in the request: by object, by field.
  std::vector<std::vector<FieldEdited>> objects;
};

// Makes the edits, each on its own: what cannot be done is left out, and the rest is done. An
// object that would not be valid afterwards stays as it was. FAILED_PRECONDITION: there are
// mistakes in the file as it is.
absl::StatusOr<EditedFile> EditFile(const SourceFile& file,
                                    const std::vector<ObjectEdits>& objects);

}  // namespace espalier
