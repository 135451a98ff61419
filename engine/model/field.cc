#include "engine/model/field.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;

// What the names of an enum's values have in common: "POWER_" of POWER_UNSPECIFIED; "" where the
// other values do not repeat it.
absl::string_view Prefix(const EnumDescriptor& type) {
  absl::string_view prefix = type.value(0)->name();
  if (!absl::ConsumeSuffix(&prefix, "UNSPECIFIED")) return "";
  return prefix;
}

void AddStable(const Descriptor& message, std::vector<const FieldDescriptor*> path,
               std::vector<StableField>& out) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    path.push_back(field);
    if (Has(RulesOf(*field), v1::FieldRules::STABLE)) {
      out.push_back({field->name(), path});
    } else if (field->message_type() != nullptr && !field->is_repeated()) {
      AddStable(*field->message_type(), path, out);
    }
    path.pop_back();
  }
}

}  // namespace

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

bool Has(const v1::FieldRules& rules, v1::FieldRules::Behavior behavior) {
  return std::find(rules.behavior().begin(), rules.behavior().end(), behavior) !=
         rules.behavior().end();
}

bool IsDeprecated(const FieldDescriptor& field) { return field.options().deprecated(); }

std::string DeprecationOf(const FieldDescriptor& field) {
  return IsDeprecated(field) ? DeprecationIn(CommentOf(field)) : "";
}

std::string DeprecationIn(absl::string_view comment) {
  constexpr absl::string_view kMark = "Deprecated:";
  const std::size_t mark = comment.find(kMark);
  if (mark == absl::string_view::npos) return "";
  absl::string_view instead = absl::StripAsciiWhitespace(comment.substr(mark + kMark.size()));
  absl::ConsumeSuffix(&instead, ".");
  return std::string(instead);
}

std::vector<std::vector<std::string>> ExactlyOneOf(const Descriptor& message) {
  std::vector<std::vector<std::string>> groups;
  for (const std::string& names : message.options().GetExtension(v1::rules).exactly_one()) {
    groups.push_back(absl::StrSplit(names, ','));
  }
  return groups;
}

std::string EnumName(const EnumValueDescriptor& value) {
  absl::string_view name = value.name();
  absl::ConsumePrefix(&name, Prefix(*value.type()));
  return absl::AsciiStrToLower(name);
}

std::string EnumWord(const EnumDescriptor& type, int number) {
  if (number == 0) return "";
  const EnumValueDescriptor* value = type.FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number) : EnumName(*value);
}

std::vector<std::string> EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumName(*type.value(i)));
  }
  return names;
}

std::vector<StableField> StableStatusOf(const KindInfo& kind) {
  std::vector<StableField> fields;
  const FieldDescriptor* status = kind.body->message_type()->FindFieldByName("status");
  ESPALIER_CHECK(status != nullptr);
  AddStable(*kind.status, {status}, fields);
  return fields;
}

}  // namespace espalier
