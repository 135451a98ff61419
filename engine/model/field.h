// Fields: what the options and comments beside a field say, for everything that is generated from
// the model: schemas, documentation, tables, explain. Immutable, thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/kind.h"
#include "espalier/v1/annotations.pb.h"
#include "google/protobuf/generated_enum_reflection.h"

namespace espalier {

// The options beside a field; empty options if there are none.
const v1::FieldRules& RulesOf(const google::protobuf::FieldDescriptor& field);
bool Has(const v1::FieldRules& rules, v1::FieldRules::Behavior behavior);
// Sets of field names of which exactly one must be given.
std::vector<std::vector<std::string>> ExactlyOneOf(const google::protobuf::Descriptor& message);

// The comment above the field, message or enum value in its proto, lines joined, without "//".
// Empty only for what has none (a test refuses that for our own protos).
std::string CommentOf(const google::protobuf::FieldDescriptor& field);
std::string CommentOf(const google::protobuf::Descriptor& message);
std::string CommentOf(const google::protobuf::EnumValueDescriptor& value);

// Whether the field is going away: protobuf's own `deprecated = true`.
bool IsDeprecated(const google::protobuf::FieldDescriptor& field);
// "use cpu": what the comment of a deprecated field, which ends in "Deprecated: use cpu.", says to
// do instead. Empty for any other field.
std::string DeprecationOf(const google::protobuf::FieldDescriptor& field);
// The same of a comment; empty if it says nothing of it.
std::string DeprecationIn(absl::string_view comment);

// "on_failure" for ON_FAILURE: how YAML, JSON and HCL write an enum's value.
std::string EnumName(const google::protobuf::EnumValueDescriptor& value);
// The same of a number: "" for the UNSPECIFIED value, the number itself for one that only a newer
// program knows.
std::string EnumWord(const google::protobuf::EnumDescriptor& type, int number);
template <typename Enum>
std::string EnumWord(Enum value) {
  return EnumWord(*google::protobuf::GetEnumDescriptor<Enum>(), value);
}
// The names that may be written, without the UNSPECIFIED one.
std::vector<std::string> EnumNames(const google::protobuf::EnumDescriptor& type);

// A column of a kind's table, from the options: NAME (and NAMESPACE) first, then by field order,
// spec before status, AGE last.
struct ColumnInfo {
  std::string header;
  bool wide = false;
  // Path of fields to the value: from the kind's message ("status", "placement", "host"), or from
  // Resource for what all kinds have ("metadata", "name").
  std::vector<const google::protobuf::FieldDescriptor*> path;
  v1::FieldRules::Format format = v1::FieldRules::FORMAT_UNSPECIFIED;
};
std::vector<ColumnInfo> ColumnsOf(const KindInfo& kind);
// The cell for one object: empty values are "-", lists "a,b", maps "a:1,b:2". Times are printed as
// their age at `now`, or as they are without one.
std::string CellOf(const ColumnInfo& column, const Resource& resource,
                   absl::Time now = absl::InfinitePast());

// "45s", "12m", "3h", "2d": what has passed since then.
std::string AgeText(const google::protobuf::Timestamp& then, absl::Time now);

// A field of status that is STABLE: "host" has the path status, placement, host from the kind's
// message.
struct StableField {
  std::string name;
  std::vector<const google::protobuf::FieldDescriptor*> path;
};
std::vector<StableField> StableStatusOf(const KindInfo& kind);

}  // namespace espalier
