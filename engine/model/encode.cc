#include "engine/model/encode.h"

#include <algorithm>
#include <vector>

#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/maps.h"
#include "engine/model/scalar.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsWritten(const FieldDescriptor& field) {
  return !Has(RulesOf(field), v1::FieldRules::SECRET);
}

void WriteFields(const Message& message, const std::vector<const FieldDescriptor*>& fields,
                 DocumentWriter& writer) {
  for (const FieldDescriptor* field : fields) {
    if (!IsWritten(*field)) continue;
    writer.Key(field->name());
    WriteField(message, *field, writer);
  }
}

void WriteDocument(const Resource& resource, bool with_status, DocumentWriter& writer) {
  writer.BeginMap();
  writer.Member("apiVersion", kApiVersion);
  if (resource.body_case() != kNoKind) writer.Member("kind", InfoOf(resource.body_case()).title);
  writer.Key("metadata");
  WriteMessage(resource.metadata(), writer);
  if (resource.body_case() != kNoKind) {
    writer.Key("spec");
    WriteMessage(SpecOf(resource), writer);
    if (with_status && StatusOf(resource).ByteSizeLong() > 0) {
      writer.Key("status");
      WriteMessage(StatusOf(resource), writer);
    }
  }
  writer.EndMap();
}

void WriteValue(const Message& value, DocumentWriter& writer) {
  if (value.GetDescriptor() == Resource::descriptor()) {
    WriteDocument(static_cast<const Resource&>(value), /*with_status=*/true, writer);
  } else {
    WriteMessage(value, writer);
  }
}

// Lists, numbers and truth values of an answer are always there, so that programs need not ask
// first.
bool IsAlwaysWritten(const FieldDescriptor& field) {
  if (field.is_repeated()) return !field.is_map();
  return !field.has_presence() && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
         field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
}

}  // namespace

void WriteField(const Message& message, const FieldDescriptor& field, DocumentWriter& writer) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_map()) {
    const FieldDescriptor& value = *field.message_type()->map_value();
    writer.BeginMap();
    for (const MapEntry& entry : SortedEntries(message, field)) {
      writer.Key(entry.key);
      WriteField(*entry.entry, value, writer);
    }
    writer.EndMap();
  } else if (field.is_repeated()) {
    writer.BeginList();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      if (IsScalar(field)) {
        WriteScalar(message, field, i, writer);
      } else {
        WriteValue(reflection.GetRepeatedMessage(message, &field, i), writer);
      }
    }
    writer.EndList();
  } else if (IsScalar(field)) {
    WriteScalar(message, field, 0, writer);
  } else {
    WriteValue(reflection.GetMessage(message, &field), writer);
  }
}

void WriteMessage(const Message& message, DocumentWriter& writer) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  writer.BeginMap();
  WriteFields(message, fields, writer);
  writer.EndMap();
}

std::string FieldJson(const Message& message, const FieldDescriptor& field) {
  std::string json;
  WriteField(message, field, *MakeJsonWriter(Indent::kNone, json));
  return json;
}

std::string ToJson(const Resource& resource, Indent indent, bool with_status) {
  std::string json;
  WriteDocument(resource, with_status, *MakeJsonWriter(indent, json));
  return json;
}

std::string MessageToJson(const Message& message, Indent indent) {
  if (message.GetDescriptor() == Resource::descriptor()) {
    return ToJson(static_cast<const Resource&>(message), indent);
  }
  const Descriptor& type = *message.GetDescriptor();
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    const bool is_set = std::find(set.begin(), set.end(), field) != set.end();
    if (is_set || IsAlwaysWritten(*field)) fields.push_back(field);
  }
  std::string json;
  // Enough for most: a large document that grows is there twice while it is copied. What is not
  // written to is no memory yet.
  json.reserve((indent == Indent::kNone ? 2 : 5) * message.ByteSizeLong());
  const std::unique_ptr<DocumentWriter> writer = MakeJsonWriter(indent, json);
  writer->BeginMap();
  WriteFields(message, fields, *writer);
  writer->EndMap();
  return json;
}

std::string ToYaml(const Resource& resource, bool with_status) {
  std::string yaml;
  WriteDocument(resource, with_status, *MakeYamlWriter(yaml));
  return yaml;
}

std::string ScalarToText(const Message& message, const FieldDescriptor& field) {
  return TextOf(message, field, 0);
}

}  // namespace espalier
