// The columns of a kind's table and their cells.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"
#include "engine/model/field.h"
#include "engine/model/maps.h"
#include "engine/model/scalar.h"
#include "engine/model/size_text.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using v1::FieldRules;

constexpr char kEmpty[] = "-";
constexpr std::size_t kShortDigest = 12;

const FieldDescriptor* MetadataField(const char* name) {
  const FieldDescriptor* field = v1::Metadata::descriptor()->FindFieldByName(name);
  ESPALIER_CHECK(field != nullptr);
  return field;
}

ColumnInfo MetadataColumn(const char* header, const char* name, FieldRules::Format format) {
  return {header,
          false,
          {Resource::descriptor()->FindFieldByName("metadata"), MetadataField(name)},
          format};
}

void AddColumns(const Descriptor& message, std::vector<const FieldDescriptor*> path,
                std::vector<ColumnInfo>& out) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    path.push_back(field);
    const FieldRules& rules = RulesOf(*field);
    if (rules.has_column()) {
      out.push_back(
          {rules.column().header(), rules.column().wide(), path, rules.column().format()});
    } else if (field->message_type() != nullptr && !field->is_repeated() && !IsTimestamp(*field)) {
      AddColumns(*field->message_type(), path, out);
    }
    path.pop_back();
  }
}

std::string Age(const Message& timestamp, absl::Time now) {
  google::protobuf::Timestamp time;
  time.CopyFrom(timestamp);
  return AgeText(time, now);
}

double NumberOf(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<double>(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<double>(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(message, &field);
    default:
      return 0;
  }
}

std::string ShortDigest(absl::string_view digest) {
  absl::ConsumePrefix(&digest, "sha256:");
  return std::string(digest.substr(0, kShortDigest));
}

// Lists as "a,b", maps of scalars as "a:1,b:2", maps of messages as their keys.
std::string RepeatedCell(const Message& message, const FieldDescriptor& field) {
  std::vector<std::string> parts;
  if (field.is_map()) {
    const FieldDescriptor* value = field.message_type()->map_value();
    for (const MapEntry& entry : SortedEntries(message, field)) {
      parts.push_back(IsScalar(*value)
                          ? absl::StrCat(entry.key, ":", TextOf(*entry.entry, *value, 0))
                          : entry.key);
    }
  } else if (IsScalar(field)) {
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      parts.push_back(TextOf(message, field, i));
    }
  }
  return absl::StrJoin(parts, ",");
}

std::string SingleCell(const Message& message, const FieldDescriptor& field,
                       FieldRules::Format format, absl::Time now) {
  const bool absent = field.has_presence() && !message.GetReflection()->HasField(message, &field);
  if (absent) return "";
  switch (format) {
    case FieldRules::SIZE_MIB: {
      const double mib = NumberOf(message, field);
      return mib == 0 ? "" : SizeText(mib * 1024 * 1024);
    }
    case FieldRules::SIZE_BYTES: {
      const double bytes = NumberOf(message, field);
      return bytes == 0 ? "" : SizeText(bytes);
    }
    case FieldRules::AGE:
      if (now == absl::InfinitePast()) break;
      return Age(message.GetReflection()->GetMessage(message, &field), now);
    case FieldRules::SHORT_DIGEST:
      return ShortDigest(TextOf(message, field, 0));
    default:
      break;
  }
  return TextOf(message, field, 0);
}

}  // namespace

std::string AgeText(const google::protobuf::Timestamp& then, absl::Time now) {
  const std::int64_t seconds = absl::ToUnixSeconds(now) - then.seconds();
  if (seconds < 0) return "0s";
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 120 * 60) return absl::StrCat(seconds / 60, "m");
  if (seconds < 48 * 3600) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::vector<ColumnInfo> ColumnsOf(const KindInfo& kind) {
  std::vector<ColumnInfo> columns;
  columns.push_back(MetadataColumn("NAME", "name", FieldRules::FORMAT_UNSPECIFIED));
  if (kind.namespaced) {
    columns.push_back(MetadataColumn("NAMESPACE", "namespace", FieldRules::FORMAT_UNSPECIFIED));
  }
  AddColumns(*kind.body->message_type(), {}, columns);
  columns.push_back(MetadataColumn("AGE", "created_at", FieldRules::AGE));
  return columns;
}

std::string CellOf(const ColumnInfo& column, const Resource& resource, absl::Time now) {
  ESPALIER_CHECK(!column.path.empty());
  const Message* message = &resource;
  if (column.path.front()->containing_type() != Resource::descriptor()) {
    if (resource.body_case() == kNoKind) return kEmpty;
    message = &resource.GetReflection()->GetMessage(resource, InfoOf(resource.body_case()).body);
    if (message->GetDescriptor() != column.path.front()->containing_type()) return kEmpty;
  }
  for (std::size_t i = 0; i + 1 < column.path.size(); ++i) {
    message = &message->GetReflection()->GetMessage(*message, column.path[i]);
  }
  const FieldDescriptor& field = *column.path.back();
  std::string cell;
  if (column.format == FieldRules::COUNT) {
    cell = absl::StrCat(message->GetReflection()->FieldSize(*message, &field));
  } else if (field.is_repeated()) {
    cell = RepeatedCell(*message, field);
  } else {
    cell = SingleCell(*message, field, column.format, now);
  }
  return cell.empty() ? kEmpty : cell;
}

}  // namespace espalier
