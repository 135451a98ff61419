// DocumentEdit: one document whose fields are changed in its text, in place: what is not changed
// stays byte for byte, comments, order, quotes and indentation included. After each change the text
// is read again, and has to say what the change meant and nothing else: what would not is refused,
// and the text stays as it was. A plain value that changes; one thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/load/node_edit.h"
#include "engine/load/text_layout.h"
#include "engine/load/text_style.h"

namespace espalier {

enum class DocumentForm { kYaml, kJson };

class DocumentEdit {
 public:
  // Text with one document. INVALID_ARGUMENT: there is none, there are several, something is wrong
  // with it, or its lines end in different ways.
  static absl::StatusOr<DocumentEdit> Open(std::string text, DocumentForm form);

  const std::string& text() const { return text_; }
  const Node& root() const { return root_; }

  // The value stands at `keys` from now on; what is missing on the way is added.
  // FAILED_PRECONDITION says why that cannot be done there.
  absl::Status Set(const NodeKeys& keys, const Node& value);
  // Nothing stands there from now on; OK if nothing did. A map that would be empty goes as well.
  absl::Status Remove(const NodeKeys& keys);

 private:
  // Bytes that are put in place of others.
  struct Splice {
    TextRange range;
    std::string text;
  };

  DocumentEdit(std::string text, DocumentForm form, Node root);

  absl::Status SetList(const NodeKeys& keys, const Node& wanted);
  absl::Status ReplaceScalar(const Node& old, const Node& value, const TextStyle& style);
  absl::Status AddEntry(const NodeKeys& map, const std::string& key, const Node& value);
  absl::Status AddItem(const NodeKeys& list, std::size_t index, const Node& value);
  // Puts a child that is written so before the one at `index`, or behind the last.
  absl::Status Insert(const Node& parent, std::size_t index, const std::string& child);
  absl::Status InsertLine(const Node& parent, std::size_t index, const std::string& child);
  absl::Status InsertInFlow(const Node& parent, std::size_t index, const std::string& child);
  // Takes away the entry or item at `index`.
  absl::Status Erase(const Node& parent, std::size_t index);
  absl::Status EraseLines(const Node& parent, std::size_t index);
  absl::Status EraseInFlow(const Node& parent, std::size_t index);

  const Node* Find(const NodeKeys& keys) const;
  // How the value at `keys` is written; how what is in it is.
  TextStyle StyleAt(const NodeKeys& keys) const;
  TextStyle StyleOfItems(const NodeKeys& keys) const;
  // Makes the changes, which do not overlap, and reads the text again.
  absl::Status Apply(const std::vector<Splice>& splices);

  std::string text_;
  DocumentForm form_;
  Node root_;
};

}  // namespace espalier
