// Edits of documents, of a text, a path and a value as JSON (between bytes FF): what is done says
// what was meant, and what comes and goes leaves no trace.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "engine/load/document_edit.h"
#include "engine/model/codec.h"

namespace {

using espalier::DocumentEdit;
using espalier::DocumentForm;
using espalier::FindNode;
using espalier::NodeKeys;

void Try(const DocumentEdit& document, const NodeKeys& keys, const espalier::Node& value) {
  DocumentEdit edit = document;
  if (edit.Set(keys, value).ok()) {
    const espalier::Node* there = FindNode(edit.root(), keys);
    ESPALIER_CHECK(there != nullptr && espalier::SaysTheSame(*there, value));
  } else {
    ESPALIER_CHECK(edit.text() == document.text());
  }
  edit = document;
  if (edit.Remove(keys).ok()) ESPALIER_CHECK(FindNode(edit.root(), keys) == nullptr);

  const NodeKeys fresh = {"a key that nobody has"};
  if (FindNode(document.root(), fresh) != nullptr) return;
  edit = document;
  if (edit.Set(fresh, value).ok() && edit.Remove(fresh).ok()) {
    ESPALIER_CHECK(edit.text() == document.text());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<absl::string_view> parts = absl::StrSplit(input, '\xFF');
  if (parts.size() != 3 || parts[1].empty()) return 0;
  espalier::Problems problems;
  const std::optional<espalier::Node> value = espalier::ParseJson(parts[2], "", problems);
  if (!value.has_value()) return 0;
  for (const DocumentForm form : {DocumentForm::kYaml, DocumentForm::kJson}) {
    const auto document = DocumentEdit::Open(std::string(parts[0]), form);
    if (document.ok()) Try(*document, espalier::KeysOf(document->root(), parts[1]), *value);
  }
  return 0;
}
