#include "engine/model/facts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/model/field.h"
#include "engine/model/kind.h"
#include "engine/model/scalar.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using v1::FieldRules;

// The value's field of a map, the field itself otherwise: where the type stands.
const FieldDescriptor& ValueOf(const FieldDescriptor& field) {
  return field.is_map() ? *field.message_type()->map_value() : field;
}

std::string ScalarType(const FieldDescriptor& field) {
  if (IsTimestamp(field)) return "time";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "boolean";
    case FieldDescriptor::CPPTYPE_STRING:
      return "string";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrJoin(EnumNames(*field.enum_type()), " | ");
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "object";
    default:
      return "integer";
  }
}

std::string TypeOf(const FieldDescriptor& field) {
  std::string type = ScalarType(ValueOf(field));
  if (field.is_map()) return absl::StrCat("map of ", type, "s");
  if (field.is_repeated()) return absl::StrCat("list of ", type, "s");
  return type;
}

const char* UnitOf(const FieldDescriptor& field) {
  if (field.is_repeated()) return " entries";
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? " bytes" : "";
}

std::string RangeOf(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  const char* unit = UnitOf(field);
  if (rules.has_min() && rules.has_max()) {
    return absl::StrCat(rules.min(), " to ", rules.max(), unit);
  }
  if (rules.has_max()) return absl::StrCat("up to ", rules.max(), unit);
  if (rules.has_min()) return absl::StrCat("from ", rules.min(), unit);
  return "";
}

bool StartsWithVowel(const std::string& title) {
  return std::string("AEIOU").find(title.front()) != std::string::npos;
}

std::string ReferenceOf(const std::string& kind) {
  if (kind.empty()) return "";
  const KindInfo* info = FindKind(kind);
  ESPALIER_CHECK(info != nullptr);
  return absl::StrCat("the name of ", StartsWithVowel(info->title) ? "an " : "a ", info->title,
                      info->kind == Kind::kImage ? ", or an OCI reference" : "");
}

std::vector<std::string> NotesOf(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  std::vector<std::string> notes;
  for (const int behavior : rules.behavior()) {
    const auto* value = FieldRules::Behavior_descriptor()->FindValueByNumber(behavior);
    ESPALIER_CHECK(value != nullptr);
    notes.push_back(EnumName(*value));
  }
  if (IsDeprecated(field)) notes.push_back("deprecated");
  for (const std::vector<std::string>& group : ExactlyOneOf(*field.containing_type())) {
    if (std::find(group.begin(), group.end(), field.name()) == group.end()) continue;
    notes.push_back(group.size() == 1
                        ? "required"
                        : absl::StrCat("exactly one of ", absl::StrJoin(group, ", ")));
  }
  return notes;
}

}  // namespace

FieldFacts FactsOf(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  FieldFacts facts;
  facts.name = field.name();
  facts.type = TypeOf(field);
  facts.default_value = rules.default_();
  facts.range = RangeOf(field);
  facts.pattern = rules.pattern();
  facts.key_pattern = rules.key_pattern();
  facts.refers_to = ReferenceOf(rules.ref());
  facts.notes = NotesOf(field);
  facts.comment = CommentOf(field);
  const FieldDescriptor& value = ValueOf(field);
  if (!IsScalar(value)) facts.below = value.message_type();
  if (const EnumDescriptor* type = value.enum_type(); type != nullptr) {
    for (int i = 0; i < type->value_count(); ++i) {
      if (type->value(i)->number() == 0) continue;
      facts.values.emplace_back(EnumName(*type->value(i)), CommentOf(*type->value(i)));
    }
  }
  return facts;
}

std::vector<FieldFacts> FactsOf(const Descriptor& message) {
  std::vector<FieldFacts> facts;
  facts.reserve(static_cast<std::size_t>(message.field_count()));
  for (int i = 0; i < message.field_count(); ++i) facts.push_back(FactsOf(*message.field(i)));
  return facts;
}

}  // namespace espalier
