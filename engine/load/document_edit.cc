#include "engine/load/document_edit.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/load/load.h"
#include "engine/model/codec.h"

namespace espalier {
namespace {

bool IsCollection(const Node& node) {
  return node.type == Node::Type::kMap || node.type == Node::Type::kList;
}

// Whether lines end in more than one way, or in one that editors do not know any more (CR alone).
bool MixesLineBreaks(absl::string_view text) {
  std::size_t breaks = 0;
  std::size_t with_return = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
    if (text[i] != '\n') continue;
    ++breaks;
    if (i > 0 && text[i - 1] == '\r') ++with_return;
  }
  return with_return != 0 && with_return != breaks;
}

absl::Status CannotBeChanged(absl::string_view why) { return absl::FailedPreconditionError(why); }

absl::StatusOr<Node> Read(const std::string& text, DocumentForm form) {
  Problems problems;
  std::vector<Node> documents;
  if (form == DocumentForm::kYaml) {
    documents = ParseYaml(text, "", problems);
  } else if (std::optional<Node> document = ParseJson(text, "", problems)) {
    documents.push_back(*std::move(document));
  }
  ESPALIER_RETURN_IF_ERROR(ToStatus(problems));
  if (documents.size() != 1 || documents.front().type != Node::Type::kMap) {
    return absl::InvalidArgumentError("this is not one document");
  }
  return std::move(documents.front());
}

// How the items of one list become those of another: what both have in the same order stays. By
// position in the old list, from its end on.
struct ListStep {
  enum class What { kReplace, kRemove, kAdd };
  What what = What::kReplace;
  // Of the old list; for kAdd, before which it comes.
  std::size_t index = 0;
  const Node* value = nullptr;
};

// Longest common subsequence by the table: lists of the model have a thousand items at most.
constexpr std::size_t kListItems = 2000;

std::vector<ListStep> StepsBetween(const std::vector<Node>& olds, const std::vector<Node>& news) {
  const std::size_t rows = olds.size();
  const std::size_t columns = news.size();
  std::vector<std::uint16_t> longest((rows + 1) * (columns + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint16_t& {
    return longest[i * (columns + 1) + j];
  };
  for (std::size_t i = 1; i <= rows; ++i) {
    for (std::size_t j = 1; j <= columns; ++j) {
      at(i, j) = SaysTheSame(olds[i - 1], news[j - 1])
                     ? static_cast<std::uint16_t>(at(i - 1, j - 1) + 1)
                     : std::max(at(i - 1, j), at(i, j - 1));
    }
  }
  std::vector<ListStep> steps;
  std::size_t i = rows;
  std::size_t j = columns;
  while (i > 0 || j > 0) {
    const bool same = i > 0 && j > 0 && SaysTheSame(olds[i - 1], news[j - 1]);
    if (same && at(i, j) == at(i - 1, j - 1) + 1) {
      --i;
      --j;
    } else if (i > 0 && j > 0 && at(i - 1, j - 1) == at(i, j)) {
      --i;
      --j;
      steps.push_back({ListStep::What::kReplace, i, &news[j]});
    } else if (i > 0 && (j == 0 || at(i - 1, j) == at(i, j))) {
      --i;
      steps.push_back({ListStep::What::kRemove, i, nullptr});
    } else {
      --j;
      steps.push_back({ListStep::What::kAdd, i, &news[j]});
    }
  }
  return steps;
}

}  // namespace

DocumentEdit::DocumentEdit(std::string text, DocumentForm form, Node root)
    : text_(std::move(text)), form_(form), root_(std::move(root)) {}

absl::StatusOr<DocumentEdit> DocumentEdit::Open(std::string text, DocumentForm form) {
  // What is added between lines could not end as those around it do.
  if (MixesLineBreaks(text)) {
    return absl::InvalidArgumentError("its lines end in different ways (LF, CR LF, CR)");
  }
  ESPALIER_ASSIGN_OR_RETURN(Node root, Read(text, form));
  return DocumentEdit(std::move(text), form, std::move(root));
}

absl::Status DocumentEdit::Set(const NodeKeys& keys, const Node& value) {
  if (keys.empty()) return CannotBeChanged("a document is not replaced as a whole");
  Node wanted = root_;
  SetNode(wanted, keys, value);
  DocumentEdit edited = *this;
  const std::size_t depth = DepthOf(root_, keys);
  const Node* old = FindNode(root_, keys);
  absl::Status done;
  if (depth < keys.size()) {
    const NodeKeys map(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(depth));
    done = edited.AddEntry(map, keys[depth], Nested(keys, depth + 1, value));
  } else if (old->type == Node::Type::kList && value.type == Node::Type::kList) {
    done = edited.SetList(keys, value);
  } else if (IsCollection(*old) || IsCollection(value)) {
    done = CannotBeChanged("what stands there is of another shape");
  } else if (!SaysTheSame(*old, value)) {
    done = edited.ReplaceScalar(*edited.Find(keys), value, edited.StyleAt(keys));
  }
  ESPALIER_RETURN_IF_ERROR(done);
  if (!SaysTheSame(edited.root_, wanted)) {
    return CannotBeChanged("it cannot be written there without changing something else");
  }
  *this = std::move(edited);
  return absl::OkStatus();
}

absl::Status DocumentEdit::Remove(const NodeKeys& keys) {
  const std::size_t depth = RemovedDepth(root_, keys);
  if (depth == 0) return absl::OkStatus();
  Node wanted = root_;
  RemoveNode(wanted, keys);
  const NodeKeys above(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(depth) - 1);
  DocumentEdit edited = *this;
  const Node& map = *edited.Find(above);
  const auto entry = std::find_if(map.entries.begin(), map.entries.end(),
                                  [&](const auto& one) { return one.first == keys[depth - 1]; });
  ESPALIER_RETURN_IF_ERROR(edited.Erase(map, entry - map.entries.begin()));
  if (!SaysTheSame(edited.root_, wanted)) {
    return CannotBeChanged("it cannot be taken away without changing something else");
  }
  *this = std::move(edited);
  return absl::OkStatus();
}

const Node* DocumentEdit::Find(const NodeKeys& keys) const { return FindNode(root_, keys); }

TextStyle DocumentEdit::StyleAt(const NodeKeys& keys) const {
  TextStyle style;
  style.json = form_ == DocumentForm::kJson;
  const TextLayout layout(text_);
  LearnSteps(root_, style);
  style.line_break = layout.LineBreak(layout.BeginOf(root_)) == "\n" ? "\n" : "\r\n";
  NodeKeys above;
  style.in_flow = layout.IsFlow(root_);
  for (const std::string& key : keys) {
    above.push_back(key);
    const Node* node = FindNode(root_, above);
    // A value in brackets is itself not within them.
    if (node == nullptr || above.size() == keys.size()) break;
    style.in_flow = style.in_flow || layout.IsFlow(*node);
  }
  return style;
}

// Values.

absl::Status DocumentEdit::ReplaceScalar(const Node& old, const Node& value,
                                         const TextStyle& style) {
  const TextLayout layout(text_);
  ESPALIER_ASSIGN_OR_RETURN(const TextRange range, layout.RangeOf(old));
  const absl::string_view written =
      absl::string_view(text_).substr(range.begin, range.end - range.begin);
  // "key: !" is an empty text: there is nothing to replace, and what is put there belongs to the
  // tag.
  if (written.empty()) return CannotBeChanged("it is empty but for a tag");
  const bool is_block = written.front() == '|' || written.front() == '>';
  if (!is_block) return Apply({{range, ScalarText(value, written, style)}});
  // The signs stand alone in their line, but for a comment, which stays.
  const std::size_t signs = std::min(written.find_first_not_of("|>-+"), written.size());
  const std::size_t header_end = layout.LineEnd(range.begin);
  const std::size_t first_line = layout.NextLine(range.begin);
  const std::size_t content = text_.find_first_not_of(" \r\n", first_line);
  std::optional<BlockText> block;
  if (value.type == Node::Type::kString && range.end > first_line) {
    block = BlockTextOf(value.text, content - layout.LineBegin(content), style.line_break);
  }
  const TextRange header{range.begin, range.begin + signs};
  if (!block.has_value()) {
    return Apply({{header, ScalarText(value, written, style)},
                  {{header_end, std::max(header_end, range.end)}, ""}});
  }
  return Apply(
      {{header, absl::StrCat("|", block->chomp)}, {{first_line, range.end}, block->lines}});
}

absl::Status DocumentEdit::SetList(const NodeKeys& keys, const Node& wanted) {
  const std::vector<Node> olds = Find(keys)->items;
  if (wanted.items.empty()) return CannotBeChanged("an empty list is left out");
  if (olds.size() > kListItems || wanted.items.size() > kListItems) {
    return CannotBeChanged("the list is too long");
  }
  for (const ListStep& step : StepsBetween(olds, wanted.items)) {
    absl::Status done;
    switch (step.what) {
      case ListStep::What::kReplace:
        if (IsCollection(olds[step.index]) || IsCollection(*step.value)) {
          return CannotBeChanged("it is not clear which item became which");
        }
        done = ReplaceScalar(Find(keys)->items[step.index], *step.value, StyleOfItems(keys));
        break;
      case ListStep::What::kRemove:
        done = Erase(*Find(keys), step.index);
        break;
      case ListStep::What::kAdd:
        done = AddItem(keys, step.index, *step.value);
        break;
    }
    ESPALIER_RETURN_IF_ERROR(done);
  }
  return absl::OkStatus();
}

TextStyle DocumentEdit::StyleOfItems(const NodeKeys& keys) const {
  TextStyle style = StyleAt(keys);
  style.in_flow = style.in_flow || TextLayout(text_).IsFlow(*Find(keys));
  return style;
}

absl::Status DocumentEdit::AddEntry(const NodeKeys& map, const std::string& key,
                                    const Node& value) {
  const Node& parent = *Find(map);
  if (parent.type != Node::Type::kMap) {
    return CannotBeChanged("what stands above it is of another shape");
  }
  const TextStyle style = StyleOfItems(map);
  const std::string text = style.in_flow
                               ? absl::StrCat(KeyText(key, style), ": ", FlowText(value, style))
                               : EntryText(key, value, parent.column - 1, style);
  return Insert(parent, parent.entries.size(), text);
}

absl::Status DocumentEdit::AddItem(const NodeKeys& list, std::size_t index, const Node& value) {
  const Node& parent = *Find(list);
  const TextStyle style = StyleOfItems(list);
  const std::string text =
      IsCollection(value) ? FlowText(value, style) : ScalarText(value, "", style);
  return Insert(parent, index, style.in_flow ? text : absl::StrCat("- ", text));
}

// Where children come and go.

absl::Status DocumentEdit::Insert(const Node& parent, std::size_t index, const std::string& child) {
  return TextLayout(text_).IsFlow(parent) ? InsertInFlow(parent, index, child)
                                          : InsertLine(parent, index, child);
}

absl::Status DocumentEdit::InsertLine(const Node& parent, std::size_t index,
                                      const std::string& child) {
  const TextLayout layout(text_);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<TextRange> children, layout.ChildrenOf(parent));
  if (children.empty()) return CannotBeChanged("nothing stands there to go by");
  const std::string indent(parent.column - 1, ' ');
  const absl::string_view line_break = layout.LineBreak(children.front().begin);
  if (index > 0) {
    const std::size_t at = layout.LineEnd(children[index - 1].end);
    return Apply({{{at, at}, absl::StrCat(line_break, indent, child)}});
  }
  const std::size_t first = children.front().begin;
  if (!layout.IsFirstInLine(first)) return CannotBeChanged("it would begin within a line");
  const std::size_t at = layout.LineBegin(first);
  return Apply({{{at, at}, absl::StrCat(indent, child, line_break)}});
}

absl::Status DocumentEdit::InsertInFlow(const Node& parent, std::size_t index,
                                        const std::string& child) {
  const TextLayout layout(text_);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<TextRange> children, layout.ChildrenOf(parent));
  if (children.empty()) {
    const std::size_t at = layout.BeginOf(parent) + 1;
    return Apply({{{at, at}, child}});
  }
  const std::size_t neighbour = index < children.size() ? index : children.size() - 1;
  const std::size_t begin = children[neighbour].begin;
  const bool own_line = layout.IsFirstInLine(begin);
  const std::string indent(begin - layout.LineBegin(begin), ' ');
  const absl::string_view line_break = layout.LineBreak(begin);
  if (index < children.size()) {
    return Apply(
        {{{begin, begin},
          own_line ? absl::StrCat(child, ",", line_break, indent) : absl::StrCat(child, ", ")}});
  }
  const std::size_t end = children.back().end;
  const std::size_t next = layout.SkipBlank(end);
  const bool has_comma = next < text_.size() && text_[next] == ',';
  if (!own_line) return Apply({{{end, end}, absl::StrCat(", ", child)}});
  // Behind the comment that may stand in the line of the last one.
  const std::size_t at = layout.LineEnd(has_comma ? next : end);
  const bool closes_in_line = layout.LineEnd(layout.SkipBlank(has_comma ? next + 1 : end)) == at;
  if (closes_in_line) {
    return Apply({{{end, end}, absl::StrCat(",", line_break, indent, child)}});
  }
  std::vector<Splice> splices;
  if (!has_comma) splices.push_back({{end, end}, ","});
  splices.push_back({{at, at}, absl::StrCat(line_break, indent, child, has_comma ? "," : "")});
  return Apply(splices);
}

absl::Status DocumentEdit::Erase(const Node& parent, std::size_t index) {
  return TextLayout(text_).IsFlow(parent) ? EraseInFlow(parent, index) : EraseLines(parent, index);
}

absl::Status DocumentEdit::EraseLines(const Node& parent, std::size_t index) {
  const TextLayout layout(text_);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<TextRange> children, layout.ChildrenOf(parent));
  const TextRange& child = children[index];
  if (layout.IsFirstInLine(child.begin)) {
    TextRange lines{layout.LineBegin(child.begin), layout.NextLine(child.end)};
    const bool at_end = lines.end == text_.size() && !absl::EndsWith(text_, "\n");
    // The line break that would be left over is the one before.
    if (at_end && lines.begin > 0) {
      lines.begin = layout.LineEnd(layout.LineBegin(lines.begin - 1));
    }
    return Apply({{lines, ""}});
  }
  if (index > 0 || children.size() < 2) return CannotBeChanged("it begins within a line");
  // The next one takes its place, behind the dash of an item.
  const std::size_t next = children[1].begin;
  const absl::string_view between = absl::string_view(text_).substr(child.end, next - child.end);
  if (absl::StrContains(between, "#")) {
    return CannotBeChanged("a comment stands between it and the next one");
  }
  return Apply({{{child.begin, next}, ""}});
}

absl::Status DocumentEdit::EraseInFlow(const Node& parent, std::size_t index) {
  const TextLayout layout(text_);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<TextRange> children, layout.ChildrenOf(parent));
  const TextRange& child = children[index];
  const std::size_t after = layout.SkipBlank(child.end);
  const bool has_comma = after < text_.size() && text_[after] == ',';
  const bool is_last = index + 1 == children.size();
  const std::size_t line_end = layout.LineEnd(has_comma ? after : child.end);
  const std::size_t behind = layout.SkipBlank(has_comma ? after + 1 : child.end);
  const bool own_lines = layout.IsFirstInLine(child.begin) && behind > line_end;
  std::vector<Splice> splices;
  if (is_last && index > 0 && !has_comma) {
    // The comma before it, which JSON does not take before the end.
    const TextRange& before = children[index - 1];
    const std::size_t comma = layout.SkipBlank(before.end);
    if (!own_lines) return Apply({{{before.end, child.end}, ""}});
    splices.push_back({{comma, comma + 1}, ""});
  }
  if (own_lines) {
    splices.push_back({{layout.LineBegin(child.begin), layout.NextLine(line_end)}, ""});
  } else if (!is_last) {
    splices.push_back({{child.begin, children[index + 1].begin}, ""});
  } else if (index > 0) {
    splices.push_back({{children[index - 1].end, child.end}, ""});
  } else {
    splices.push_back({child, ""});
  }
  return Apply(splices);
}

absl::Status DocumentEdit::Apply(const std::vector<Splice>& splices) {
  std::string text;
  std::size_t at = 0;
  for (const Splice& splice : splices) {
    if (splice.range.begin < at || splice.range.end < splice.range.begin) {
      return CannotBeChanged("the changes would overlap");
    }
    absl::StrAppend(&text, absl::string_view(text_).substr(at, splice.range.begin - at),
                    splice.text);
    at = splice.range.end;
  }
  absl::StrAppend(&text, absl::string_view(text_).substr(at));
  absl::StatusOr<Node> root = Read(text, form_);
  if (!root.ok()) return CannotBeChanged("it cannot be written there");
  text_ = std::move(text);
  root_ = *std::move(root);
  return absl::OkStatus();
}

}  // namespace espalier
