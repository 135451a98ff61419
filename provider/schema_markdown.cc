#include "provider/schema_markdown.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "engine/model/codec.h"

namespace espalier::provider {
namespace {

using Attribute = tfplugin6::Schema::Attribute;
using NestedBlock = tfplugin6::Schema::NestedBlock;
using AttributeList = google::protobuf::RepeatedPtrField<Attribute>;
using BlockList = google::protobuf::RepeatedPtrField<NestedBlock>;

// "List of String", from a type as the protocol writes it.
std::string Words(const Node& type) {
  if (type.type == Node::Type::kString) {
    if (type.text == "bool") return "Boolean";
    std::string word = type.text;
    word[0] = static_cast<char>(word[0] - 'a' + 'A');
    return word;
  }
  ESPALIER_CHECK(type.items.size() == 2);
  const std::string& collection = type.items[0].text;
  if (collection == "object") return "Object";
  if (collection == "tuple") return "Tuple";
  const absl::string_view word = collection == "list"  ? "List"
                                 : collection == "set" ? "Set"
                                                       : "Map";
  return absl::StrCat(word, " of ", Words(type.items[1]));
}

Node TypeOf(const std::string& json) {
  Problems problems;
  std::optional<Node> type = ParseJson(json, "type", problems);
  ESPALIER_CHECK(type.has_value());
  return *std::move(type);
}

// The same as a type constraint of the language: "list(string)".
std::string Constraint(const Node& type) {
  if (type.type == Node::Type::kString) return type.text == "dynamic" ? "any" : type.text;
  ESPALIER_CHECK(type.items.size() == 2);
  std::vector<std::string> members;
  for (const auto& [name, member] : type.items[1].entries) {
    members.push_back(absl::StrCat(name, " = ", Constraint(member)));
  }
  return absl::StrCat(type.items[0].text, "(",
                      members.empty() ? Constraint(type.items[1])
                                      : absl::StrCat("{ ", absl::StrJoin(members, ", "), " }"),
                      ")");
}

absl::string_view NestingWord(NestedBlock::NestingMode mode) {
  switch (mode) {
    case NestedBlock::LIST:
      return " List";
    case NestedBlock::SET:
      return " Set";
    case NestedBlock::MAP:
      return " Map";
    default:
      return "";
  }
}

// An attribute or a block, as a line of the reference and the section that it may lead to.
struct Member {
  enum class Group { kRequired, kOptional, kReadOnly };
  Group group;
  std::string name;
  // "String, Sensitive".
  std::string words;
  std::string description;
  // Of what is nested; null if nothing is.
  const AttributeList* attributes = nullptr;
  const BlockList* blocks = nullptr;
};

constexpr std::array<std::pair<Member::Group, absl::string_view>, 3> kGroups = {{
    {Member::Group::kRequired, "Required"},
    {Member::Group::kOptional, "Optional"},
    {Member::Group::kReadOnly, "Read-Only"},
}};

Member MemberOf(const Attribute& attribute) {
  Member member;
  member.group = attribute.required()   ? Member::Group::kRequired
                 : attribute.optional() ? Member::Group::kOptional
                                        : Member::Group::kReadOnly;
  member.name = attribute.name();
  member.description = attribute.description();
  if (attribute.has_nested_type()) {
    // Attributes count the modes of nesting by the same numbers as blocks.
    const auto mode = static_cast<NestedBlock::NestingMode>(attribute.nested_type().nesting());
    member.words = absl::StrCat("Attributes", NestingWord(mode));
    member.attributes = &attribute.nested_type().attributes();
  } else {
    member.words = TypeWords(attribute.type());
  }
  if (attribute.sensitive()) member.words += ", Sensitive";
  if (attribute.write_only()) member.words += ", Write-only";
  // The description says what to do instead.
  if (attribute.deprecated()) member.words += ", Deprecated";
  return member;
}

Member MemberOf(const NestedBlock& nested) {
  Member member;
  member.group = nested.min_items() > 0 ? Member::Group::kRequired : Member::Group::kOptional;
  member.name = nested.type_name();
  member.words = absl::StrCat("Block", NestingWord(nested.nesting()));
  member.description = nested.block().description();
  member.attributes = &nested.block().attributes();
  member.blocks = &nested.block().block_types();
  return member;
}

// The members at `path`, grouped, and behind them a section for each that has members of its own.
void AddMembers(const std::string& path, const AttributeList& attributes, const BlockList* blocks,
                std::string& out) {
  std::vector<Member> members;
  for (const Attribute& attribute : attributes) members.push_back(MemberOf(attribute));
  if (blocks != nullptr) {
    for (const NestedBlock& block : *blocks) members.push_back(MemberOf(block));
  }
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  const auto anchor = [&](const Member& member) {
    return absl::StrCat("nested--", absl::StrReplaceAll(path, {{".", "--"}}),
                        path.empty() ? "" : "--", member.name);
  };
  for (const auto& [group, title] : kGroups) {
    bool first = true;
    for (const Member& member : members) {
      if (member.group != group) continue;
      if (first)
        absl::StrAppend(&out, path.empty() ? "\n### " : "\n", title,
                        path.empty() ? "\n\n" : ":\n\n");
      first = false;
      absl::StrAppend(&out, "- `", member.name, "` (", member.words, ")",
                      member.description.empty() ? "" : " ", member.description);
      if (member.attributes != nullptr) {
        absl::StrAppend(&out, " (see [below for nested schema](#", anchor(member), "))");
      }
      out += '\n';
    }
  }
  for (const Member& member : members) {
    if (member.attributes == nullptr) continue;
    const std::string below = absl::StrCat(path, path.empty() ? "" : ".", member.name);
    absl::StrAppend(&out, "\n<a id=\"", anchor(member), "\"></a>\n### Nested Schema for `", below,
                    "`\n");
    AddMembers(below, *member.attributes, member.blocks, out);
  }
}

}  // namespace

std::string TypeWords(const std::string& json) { return Words(TypeOf(json)); }

std::string TypeConstraint(const std::string& json) { return Constraint(TypeOf(json)); }

void AppendSchema(const tfplugin6::Schema& schema, std::string& page) {
  page += "## Schema\n";
  AddMembers("", schema.block().attributes(), &schema.block().block_types(), page);
}

}  // namespace espalier::provider
