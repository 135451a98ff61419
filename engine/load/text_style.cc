#include "engine/load/text_style.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/load/yaml_scalar.h"
#include "engine/model/writer.h"

namespace espalier {
namespace {

bool IsCollection(const Node& node) {
  return node.type == Node::Type::kMap || node.type == Node::Type::kList;
}

bool HasControl(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

// What readers of YAML 1.1 take for true and false.
bool IsOldBool(absl::string_view text) {
  static constexpr std::array<absl::string_view, 6> kWords = {"yes", "no", "on", "off", "y", "n"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](absl::string_view word) { return absl::EqualsIgnoreCase(word, text); });
}

// Whether `text` is read as itself where it stands without quotes, in place of `old`.
bool CanBePlain(absl::string_view text, absl::string_view old, const TextStyle& style) {
  if (CoreTypeOf(text) != Node::Type::kString || HasControl(text)) return false;
  // Whoever wrote `power: on` knows it.
  if (IsOldBool(text) && !IsOldBool(old)) return false;
  const char first = text.front();
  const bool may_begin = absl::ascii_isalnum(first) || absl::StrContains("_./+", first) ||
                         static_cast<unsigned char>(first) >= 0x80;
  if (!may_begin || text.back() == ' ' || text.back() == ':' || absl::StrContains(text, ": ") ||
      absl::StrContains(text, " #") || absl::StartsWith(text, "...")) {
    return false;
  }
  return !style.in_flow || text.find_first_of(",[]{}:") == absl::string_view::npos;
}

std::string JsonText(absl::string_view text) {
  std::string quoted;
  AppendJsonString(text, quoted);
  return quoted;
}

// As the writer of YAML would: cautious where there is nothing to go by.
std::string FreshText(absl::string_view text, const TextStyle& style) {
  if (style.json) return JsonText(text);
  std::string line;
  MakeYamlWriter(line)->String(text);
  line.pop_back();
  const bool plain = line.front() != '"';
  return plain && style.in_flow && line.find_first_of(",[]{}:") != std::string::npos
             ? JsonText(text)
             : line;
}

std::string Break(const TextStyle& style, std::size_t indent) {
  return absl::StrCat(style.line_break, std::string(indent, ' '));
}

}  // namespace

void LearnSteps(const Node& document, TextStyle& style) {
  bool knows_map = false;
  bool knows_list = false;
  std::vector<const Node*> rest = {&document};
  while (!rest.empty() && !(knows_map && knows_list)) {
    const Node& map = *rest.back();
    rest.pop_back();
    for (const auto& [key, value] : map.entries) {
      // In a line of its own: what is written in braces tells nothing.
      if (!IsCollection(value) || value.line <= value.key_line || value.column < map.column) {
        continue;
      }
      const auto step = static_cast<std::size_t>(value.column - map.column);
      if (value.type == Node::Type::kList && !knows_list) {
        style.list_step = step;
        knows_list = true;
      } else if (value.type == Node::Type::kMap && !knows_map && step > 0) {
        style.map_step = step;
        knows_map = true;
      }
      rest.push_back(&value);
    }
  }
}

std::string ScalarText(const Node& value, absl::string_view old, const TextStyle& style) {
  if (value.type != Node::Type::kString) return value.text;
  if (old.empty() || style.json) return FreshText(value.text, style);
  if (old.front() == '\'' && !HasControl(value.text)) {
    return absl::StrCat("'", absl::StrReplaceAll(value.text, {{"'", "''"}}), "'");
  }
  const bool was_plain = !absl::StrContains("\"'|>", old.front());
  if (was_plain && CanBePlain(value.text, old, style)) return value.text;
  return JsonText(value.text);
}

std::string KeyText(const std::string& key, const TextStyle& style) {
  return FreshText(key, style);
}

std::string FlowText(const Node& value, const TextStyle& style) {
  TextStyle inner = style;
  inner.in_flow = true;
  std::vector<std::string> parts;
  if (value.type == Node::Type::kList) {
    parts.reserve(value.items.size());
    for (const Node& item : value.items) parts.push_back(FlowText(item, inner));
    return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
  }
  if (value.type == Node::Type::kMap) {
    parts.reserve(value.entries.size());
    for (const auto& [key, below] : value.entries) {
      parts.push_back(absl::StrCat(KeyText(key, inner), ": ", FlowText(below, inner)));
    }
    return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
  }
  return ScalarText(value, "", inner);
}

std::string EntryText(const std::string& key, const Node& value, std::size_t indent,
                      const TextStyle& style) {
  std::string text = absl::StrCat(KeyText(key, style), ":");
  if (value.type == Node::Type::kMap && !value.entries.empty()) {
    const std::size_t inner = indent + style.map_step;
    for (const auto& [name, below] : value.entries) {
      absl::StrAppend(&text, Break(style, inner), EntryText(name, below, inner, style));
    }
  } else if (value.type == Node::Type::kList && !value.items.empty()) {
    for (const Node& item : value.items) {
      absl::StrAppend(&text, Break(style, indent + style.list_step), "- ",
                      IsCollection(item) ? FlowText(item, style) : ScalarText(item, "", style));
    }
  } else {
    absl::StrAppend(&text, " ",
                    IsCollection(value) ? FlowText(value, style) : ScalarText(value, "", style));
  }
  return text;
}

std::optional<BlockText> BlockTextOf(const std::string& text, std::size_t indent,
                                     absl::string_view line_break) {
  absl::string_view body = text;
  BlockText block;
  if (!absl::ConsumeSuffix(&body, "\n")) block.chomp = "-";
  // What begins with a space, or ends in empty lines, would need signs of its own.
  if (body.empty() || body.front() == ' ' || body.front() == '\n' || body.back() == '\n') {
    return std::nullopt;
  }
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(body, '\n')) {
    if (HasControl(line) || (!line.empty() && absl::StripAsciiWhitespace(line).empty())) {
      return std::nullopt;
    }
    lines.push_back(line.empty() ? "" : absl::StrCat(std::string(indent, ' '), line));
  }
  block.lines = absl::StrJoin(lines, line_break);
  return block;
}

}  // namespace espalier
