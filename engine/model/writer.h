// DocumentWriter: where a document is written piece by piece, without a tree of it in memory; one
// form is JSON, one YAML. Internal to the model, but for small JSON texts of others. One thread.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/model/codec.h"

namespace espalier {

class DocumentWriter {
 public:
  virtual ~DocumentWriter() = default;

  virtual void BeginMap() = 0;
  virtual void EndMap() = 0;
  virtual void BeginList() = 0;
  virtual void EndList() = 0;
  // The key of the value that is written next. REQUIRES: a map is open.
  virtual void Key(absl::string_view key) = 0;
  virtual void String(absl::string_view text) = 0;
  // A number, true, false or null, as written.
  virtual void Literal(absl::string_view text) = 0;

  void Bool(bool value) { Literal(value ? "true" : "false"); }
  void Member(absl::string_view key, absl::string_view text) {
    Key(key);
    String(text);
  }
};

// They append to `out`, which must outlive them. YAML in block style, ends with a line feed; JSON
// without one.
std::unique_ptr<DocumentWriter> MakeJsonWriter(Indent indent, std::string& out);
std::unique_ptr<DocumentWriter> MakeYamlWriter(std::string& out);

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(absl::string_view text, std::string& out);

}  // namespace espalier
