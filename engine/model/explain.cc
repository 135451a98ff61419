#include "engine/model/explain.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/model/facts.h"
#include "engine/model/field.h"
#include "engine/model/kind.h"
#include "engine/model/problem_codes.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::size_t kWidth = 80;

// Breaks a text into indented lines.
std::string Wrap(absl::string_view text, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string out;
  std::string line;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > kWidth) {
      absl::StrAppend(&out, margin, line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  if (!line.empty()) absl::StrAppend(&out, margin, line, "\n");
  return out;
}

// The rules of a field in one sentence: "required, immutable; 1 to 128; default 3".
std::string RulesText(const FieldFacts& facts) {
  std::vector<std::string> parts;
  if (!facts.notes.empty()) parts.push_back(absl::StrJoin(facts.notes, ", "));
  if (!facts.default_value.empty()) parts.push_back(absl::StrCat("default ", facts.default_value));
  if (!facts.range.empty()) parts.push_back(facts.range);
  if (!facts.refers_to.empty()) parts.push_back(facts.refers_to);
  if (!facts.pattern.empty()) parts.push_back(absl::StrCat("form ", facts.pattern));
  if (!facts.key_pattern.empty()) {
    parts.push_back(absl::StrCat("keys of the form ", facts.key_pattern));
  }
  return absl::StrJoin(parts, "; ");
}

std::string FieldList(const Descriptor& message, std::size_t indent) {
  std::string out;
  for (const FieldFacts& facts : FactsOf(message)) {
    absl::StrAppend(&out, "\n", std::string(indent, ' '), facts.name, "  <", facts.type, ">\n");
    absl::StrAppend(&out, Wrap(facts.comment, indent + 2), Wrap(RulesText(facts), indent + 2));
  }
  return out;
}

std::string ExplainKind(const KindInfo& kind) {
  std::string out =
      absl::StrCat(kind.title, " (espalier/v1)\n", "  in commands  ", kind.name, ", ", kind.plural);
  for (const std::string& alias : kind.aliases) absl::StrAppend(&out, ", ", alias);
  absl::StrAppend(&out, "\n  scope        ", kind.namespaced ? "namespaced" : "the cluster", "\n");
  if (!kind.builtin.empty()) {
    absl::StrAppend(&out, "  always there ", absl::StrJoin(kind.builtin, ", "),
                    kind.only_builtin ? ", and no other" : "", "\n");
  }
  absl::StrAppend(&out, "\n", Wrap(CommentOf(*kind.body->message_type()), 0));
  absl::StrAppend(&out, "\nspec\n", FieldList(*kind.spec, 2));
  if (kind.status->field_count() > 0) {
    absl::StrAppend(&out, "\nstatus\n", FieldList(*kind.status, 2));
  }
  return out;
}

std::string ExplainField(absl::string_view path, const FieldDescriptor& field) {
  const FieldFacts facts = FactsOf(field);
  std::string out = absl::StrCat(path, "  <", facts.type, ">\n\n", Wrap(facts.comment, 0));
  if (const std::string rules = RulesText(facts); !rules.empty()) {
    absl::StrAppend(&out, "\n", Wrap(rules, 0));
  }
  for (const auto& [name, comment] : facts.values) {
    absl::StrAppend(&out, "\n  ", name, "\n", Wrap(comment, 4));
  }
  if (facts.below != nullptr) absl::StrAppend(&out, FieldList(*facts.below, 2));
  return out;
}

// "ports[http]" is explained by what is said about "ports".
absl::string_view WithoutKey(absl::string_view part) { return part.substr(0, part.find('[')); }

absl::Status NoField(const std::string& where, absl::string_view name, const Descriptor& message) {
  std::vector<std::string> known;
  for (int i = 0; i < message.field_count(); ++i) known.push_back(message.field(i)->name());
  const std::string nearest = Nearest(name, known);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no field \"", name, "\" in ", where, "; ",
                   nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                                   : absl::StrCat("did you mean ", nearest, "?")));
}

constexpr char kProblemPrefix[] = "problem/";

absl::StatusOr<std::string> ExplainProblem(absl::string_view code) {
  const ProblemCodeInfo* info = FindProblemCode(code);
  if (info == nullptr) {
    std::vector<std::string> known;
    for (const absl::string_view each : kProblemCodes) known.emplace_back(each);
    const std::string nearest = Nearest(code, known);
    return absl::InvalidArgumentError(
        absl::StrCat("there is no problem \"", code, "\"; ",
                     nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                                     : absl::StrCat("did you mean ", nearest, "?")));
  }
  return absl::StrCat(
      info->code, "\n\n", Wrap(info->meaning, 0), "\n", Wrap(info->remedy, 0), "\n",
      Wrap(info->found_by == FoundBy::kFiles ? "Found by espalier validate, without an engine."
                                             : "Found by the engine: files alone do not tell.",
           0));
}

}  // namespace

absl::StatusOr<std::string> Explain(absl::string_view path) {
  if (absl::ConsumePrefix(&path, kProblemPrefix)) return ExplainProblem(path);
  std::vector<absl::string_view> parts = absl::StrSplit(path, '.');
  const KindInfo* kind = FindKind(parts[0]);
  if (kind == nullptr) {
    std::vector<std::string> names;
    for (const KindInfo& info : AllKinds()) names.push_back(info.name);
    const std::string nearest = Nearest(parts[0], names);
    return absl::InvalidArgumentError(
        absl::StrCat("there is no kind \"", parts[0], "\"; ",
                     nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(names, ", "))
                                     : absl::StrCat("did you mean ", nearest, "?")));
  }
  if (parts.size() == 1) return ExplainKind(*kind);

  const Descriptor* message = kind->body->message_type();
  if (parts[1] == "metadata") {
    message = Resource::descriptor();
  } else if (message->FindFieldByName(std::string(WithoutKey(parts[1]))) == nullptr) {
    parts.insert(parts.begin() + 1, "spec");
  }
  std::string walked = kind->name;
  const FieldDescriptor* field = nullptr;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const absl::string_view name = WithoutKey(parts[i]);
    if (message == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(walked, " has no fields"));
    }
    field = message->FindFieldByName(std::string(name));
    if (field == nullptr) return NoField(walked, name, *message);
    absl::StrAppend(&walked, ".", name);
    message = FactsOf(*field).below;
  }
  return ExplainField(walked, *field);
}

}  // namespace espalier
