#include "provider/convert.h"

#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/policy.h"
#include "engine/model/ref.h"
#include "provider/readiness.h"

namespace espalier::provider {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Puts values into messages.
class Writer {
 public:
  Writer(std::vector<std::string>& unknown, Problems& problems)
      : unknown_(unknown), problems_(problems) {}

  void Fields(const Attributes& attributes, const Value& object, const std::string& path,
              Message& message);
  void TextMap(const Value& map, const std::string& path,
               google::protobuf::Map<std::string, std::string>& out);

 private:
  void Single(const Attribute& attribute, const Value& value, const std::string& path,
              Message& message);
  void List(const Attribute& attribute, const Value& value, const std::string& path,
            Message& message);
  void Map(const Attribute& attribute, const Value& value, const std::string& path,
           Message& message);
  // Sets the field, or adds to it if it is repeated.
  void Scalar(const FieldDescriptor& field, const Value& value, const std::string& path,
              Message& message);
  template <typename Integer>
  Integer Whole(const Value& value, const std::string& path);
  const EnumValueDescriptor* EnumValue(const FieldDescriptor& field, const Value& value,
                                       const std::string& path);
  // Whether an item of a list or map can be stored; says why not.
  bool CheckItem(const Value& item, const std::string& path);
  // What cannot be stored counts as unknown from here on: its rules have nothing to judge.
  void Invalid(const std::string& path, absl::string_view message) {
    problems_.Error("invalid_value", path, message);
    unknown_.push_back(path);
  }

  std::vector<std::string>& unknown_;
  Problems& problems_;
};

template <typename Integer>
Integer Writer::Whole(const Value& value, const std::string& path) {
  // An item that is unknown is stored empty.
  const Number* number = value.as_number();
  if (number == nullptr) return 0;
  if constexpr (std::numeric_limits<Integer>::is_signed) {
    const std::optional<std::int64_t> exact = number->AsInt64();
    if (exact && std::in_range<Integer>(*exact)) return static_cast<Integer>(*exact);
  } else {
    const std::optional<std::uint64_t> exact = number->AsUint64();
    if (exact && std::in_range<Integer>(*exact)) return static_cast<Integer>(*exact);
  }
  Invalid(path, absl::StrCat("must be a whole number from ", std::numeric_limits<Integer>::min(),
                             " to ", std::numeric_limits<Integer>::max()));
  return 0;
}

const EnumValueDescriptor* Writer::EnumValue(const FieldDescriptor& field, const Value& value,
                                             const std::string& path) {
  const google::protobuf::EnumDescriptor& type = *field.enum_type();
  const EnumValueDescriptor* unspecified = type.FindValueByNumber(0);
  if (!value.is_known()) return unspecified;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0 && EnumName(*type.value(i)) == value.text())
      return type.value(i);
  }
  Invalid(path, absl::StrCat("must be one of: ", absl::StrJoin(EnumNames(type), ", ")));
  return unspecified;
}

void Writer::Scalar(const FieldDescriptor& field, const Value& value, const std::string& path,
                    Message& message) {
  const Reflection& access = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text(value.text());
      many ? access.AddString(&message, &field, std::move(text))
           : access.SetString(&message, &field, std::move(text));
      return;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool flag = value.as_bool() != nullptr && *value.as_bool();
      many ? access.AddBool(&message, &field, flag) : access.SetBool(&message, &field, flag);
      return;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* number = EnumValue(field, value, path);
      many ? access.AddEnum(&message, &field, number) : access.SetEnum(&message, &field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      const auto number = Whole<std::int32_t>(value, path);
      many ? access.AddInt32(&message, &field, number) : access.SetInt32(&message, &field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const auto number = Whole<std::int64_t>(value, path);
      many ? access.AddInt64(&message, &field, number) : access.SetInt64(&message, &field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto number = Whole<std::uint32_t>(value, path);
      many ? access.AddUInt32(&message, &field, number)
           : access.SetUInt32(&message, &field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto number = Whole<std::uint64_t>(value, path);
      many ? access.AddUInt64(&message, &field, number)
           : access.SetUInt64(&message, &field, number);
      return;
    }
    default:
      // The model has no floating point numbers: they would not survive JSON.
      CheckFailed(__FILE__, __LINE__, "the field has a type of the model");
  }
}

bool Writer::CheckItem(const Value& item, const std::string& path) {
  if (item.is_null()) {
    Invalid(path, "must not be null");
    return false;
  }
  if (item.is_unknown()) unknown_.push_back(path);
  return true;
}

void Writer::Single(const Attribute& attribute, const Value& value, const std::string& path,
                    Message& message) {
  const FieldDescriptor& field = *attribute.path.back();
  if (attribute.shape != Attribute::Shape::kObject) return Scalar(field, value, path, message);
  Message* below = message.GetReflection()->MutableMessage(&message, &field);
  Fields(attribute.attributes, value, path, *below);
}

void Writer::List(const Attribute& attribute, const Value& value, const std::string& path,
                  Message& message) {
  const FieldDescriptor& field = *attribute.path.back();
  int index = 0;
  for (const Value& item : *value.as_list()) {
    const std::string below = absl::StrCat(path, "[", index++, "]");
    if (!CheckItem(item, below)) continue;
    if (attribute.shape == Attribute::Shape::kObject) {
      Message* added = message.GetReflection()->AddMessage(&message, &field);
      if (item.is_known()) Fields(attribute.attributes, item, below, *added);
    } else {
      Scalar(field, item, below, message);
    }
  }
}

void Writer::Map(const Attribute& attribute, const Value& value, const std::string& path,
                 Message& message) {
  const FieldDescriptor& field = *attribute.path.back();
  const FieldDescriptor& map_key = *field.message_type()->map_key();
  const FieldDescriptor& map_value = *field.message_type()->map_value();
  for (const auto& [key, item] : *value.as_map()) {
    const std::string below = absl::StrCat(path, "[", key, "]");
    if (!CheckItem(item, below)) continue;
    Message* entry = message.GetReflection()->AddMessage(&message, &field);
    const Reflection& access = *entry->GetReflection();
    access.SetString(entry, &map_key, key);
    if (attribute.shape == Attribute::Shape::kObject) {
      Message* added = access.MutableMessage(entry, &map_value);
      if (item.is_known()) Fields(attribute.attributes, item, below, *added);
    } else {
      Scalar(map_value, item, below, *entry);
    }
  }
}

void Writer::Fields(const Attributes& attributes, const Value& object, const std::string& path,
                    Message& message) {
  for (const Attribute& attribute : attributes) {
    if (attribute.path.empty()) continue;
    const Value& value = object.At(attribute.name);
    if (value.is_null()) continue;
    Message* holder = &message;
    for (std::size_t i = 0; i + 1 < attribute.path.size(); ++i) {
      holder = holder->GetReflection()->MutableMessage(holder, attribute.path[i]);
    }
    // The model's name, which is not always Terraform's.
    const std::string below = absl::StrCat(path, ".", attribute.path.back()->name());
    if (value.is_unknown()) {
      unknown_.push_back(below);
      continue;
    }
    switch (attribute.nesting) {
      case Attribute::Nesting::kSingle:
        Single(attribute, value, below, *holder);
        break;
      case Attribute::Nesting::kList:
        if (value.as_list()->empty()) Invalid(below, "must not be empty: leave it out");
        List(attribute, value, below, *holder);
        break;
      case Attribute::Nesting::kMap:
        if (value.as_map()->empty()) Invalid(below, "must not be empty: leave it out");
        Map(attribute, value, below, *holder);
        break;
    }
  }
}

void Writer::TextMap(const Value& map, const std::string& path,
                     google::protobuf::Map<std::string, std::string>& out) {
  if (map.is_null()) return;
  if (map.is_unknown()) {
    unknown_.push_back(path);
    return;
  }
  if (map.as_map()->empty()) Invalid(path, "must not be empty: leave it out");
  for (const auto& [key, item] : *map.as_map()) {
    if (CheckItem(item, absl::StrCat(path, "[", key, "]"))) out[key] = std::string(item.text());
  }
}

Value ReadFields(const Attributes& attributes, const Message& message);

// The value of the field, or of its item at `index` if it is repeated.
Value ReadItem(const Attribute& attribute, const FieldDescriptor& field, const Message& message,
               int index) {
  const Reflection& access = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Value::String(many ? access.GetRepeatedString(message, &field, index)
                                : access.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return Value::Bool(many ? access.GetRepeatedBool(message, &field, index)
                              : access.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value =
          many ? access.GetRepeatedEnum(message, &field, index) : access.GetEnum(message, &field);
      return value->number() == 0 ? Value() : Value::String(EnumName(*value));
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return Value::Of(Number::Of(many ? access.GetRepeatedInt32(message, &field, index)
                                       : access.GetInt32(message, &field)));
    case FieldDescriptor::CPPTYPE_INT64:
      return Value::Of(Number::Of(many ? access.GetRepeatedInt64(message, &field, index)
                                       : access.GetInt64(message, &field)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Value::Of(Number::OfUnsigned(many ? access.GetRepeatedUInt32(message, &field, index)
                                               : access.GetUInt32(message, &field)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Value::Of(Number::OfUnsigned(many ? access.GetRepeatedUInt64(message, &field, index)
                                               : access.GetUInt64(message, &field)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadFields(attribute.attributes,
                        many ? access.GetRepeatedMessage(message, &field, index)
                             : access.GetMessage(message, &field));
    default:
      CheckFailed(__FILE__, __LINE__, "the field has a type of the model");
  }
}

Value ReadField(const Attribute& attribute, const Message& message) {
  const FieldDescriptor& field = *attribute.path.back();
  const Reflection& access = *message.GetReflection();
  if (!field.is_repeated()) {
    return access.HasField(message, &field) ? ReadItem(attribute, field, message, 0) : Value();
  }
  const int count = access.FieldSize(message, &field);
  if (count == 0) return Value();
  if (attribute.nesting == Attribute::Nesting::kList) {
    Value::Items items;
    items.reserve(count);
    for (int i = 0; i < count; ++i) items.push_back(ReadItem(attribute, field, message, i));
    return Value::List(std::move(items));
  }
  Value::Entries entries;
  entries.reserve(count);
  for (int i = 0; i < count; ++i) {
    const Message& entry = access.GetRepeatedMessage(message, &field, i);
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    entries.emplace_back(entry.GetReflection()->GetString(entry, &key),
                         ReadItem(attribute, value, entry, 0));
  }
  return Value::Map(std::move(entries));
}

// Walks down to the message that holds the attribute's field.
Value ReadBelow(const Attribute& attribute, const Message& message) {
  // The engine does not know the versions of secrets, and nobody is to know the secrets.
  if (attribute.path.empty() || attribute.secret == Attribute::Secret::kValue) return Value();
  const Message* at = &message;
  for (std::size_t i = 0; i + 1 < attribute.path.size(); ++i) {
    at = &at->GetReflection()->GetMessage(*at, attribute.path[i]);
  }
  return ReadField(attribute, *at);
}

Value ReadFields(const Attributes& attributes, const Message& message) {
  Value::Entries entries;
  entries.reserve(attributes.size());
  for (const Attribute& attribute : attributes) {
    entries.emplace_back(attribute.name, ReadBelow(attribute, message));
  }
  return Value::Map(std::move(entries));
}

// An object of which nothing is known.
Value Nothing(const Attributes& attributes) {
  Value::Entries entries;
  entries.reserve(attributes.size());
  for (const Attribute& attribute : attributes) entries.emplace_back(attribute.name, Value());
  return Value::Map(std::move(entries));
}

// Notes that the engine makes for itself ("espalier/created-by") stand beside what is declared, and
// are kept by whoever declares.
google::protobuf::Map<std::string, std::string> WithoutOwnNotes(
    google::protobuf::Map<std::string, std::string> notes) {
  for (auto note = notes.begin(); note != notes.end();) {
    note = IsEngineNote(note->first) ? notes.erase(note) : std::next(note);
  }
  return notes;
}

Value FromTextMap(const google::protobuf::Map<std::string, std::string>& map) {
  if (map.empty()) return Value();
  Value::Entries entries;
  entries.reserve(map.size());
  for (const auto& [key, text] : map) entries.emplace_back(key, Value::String(text));
  return Value::Map(std::move(entries));
}

}  // namespace

Converted ToResource(const Schema& schema, const Value& object, Problems& problems) {
  Converted converted;
  SetKind(converted.resource, schema.kind->kind);
  v1::Metadata& metadata = *converted.resource.mutable_metadata();
  Writer writer(converted.unknown, problems);
  const auto name_part = [&](const char* name) {
    const Value& value = object.At(name);
    if (value.is_unknown()) converted.unknown.push_back(absl::StrCat("metadata.", name));
    return std::string(value.text());
  };
  metadata.set_name(name_part(kName));
  metadata.set_namespace_(name_part(kNamespace));
  writer.TextMap(object.At(kLabels), "metadata.labels", *metadata.mutable_labels());
  writer.TextMap(object.At(kAnnotations), "metadata.annotations", *metadata.mutable_annotations());
  writer.Fields(schema.attributes, object, "spec", *MutableSpec(converted.resource));
  return converted;
}

void AddStatus(const Schema& schema, const Value& object, Resource& resource) {
  const Attribute* status = Find(schema.attributes, kStatus);
  if (status == nullptr || !object.At(kStatus).is_known()) return;
  std::vector<std::string> unknown;
  Problems problems;
  Writer writer(unknown, problems);
  writer.Fields(status->attributes, object.At(kStatus), "status", *MutableStatus(resource));
}

Value ToValue(const Attributes& attributes, const Resource& resource) {
  const v1::Metadata& metadata = resource.metadata();
  const Ref ref = RefOf(resource);
  Value::Entries entries;
  entries.reserve(attributes.size());
  for (const Attribute& attribute : attributes) {
    Value value;
    if (!attribute.path.empty()) {
      value = ReadBelow(attribute, SpecOf(resource));
    } else if (attribute.name == kId) {
      value = Value::String(ref.ns.empty() ? ref.name : absl::StrCat(ref.ns, "/", ref.name));
    } else if (attribute.name == kUid && !metadata.uid().empty()) {
      value = Value::String(metadata.uid());
    } else if (attribute.name == kName) {
      value = Value::String(ref.name);
    } else if (attribute.name == kNamespace) {
      value = Value::String(ref.ns);
    } else if (attribute.name == kLabels) {
      value = FromTextMap(metadata.labels());
    } else if (attribute.name == kAnnotations) {
      value = FromTextMap(WithoutOwnNotes(metadata.annotations()));
    } else if (attribute.name == kStatus) {
      value = IsOfItsSpec(resource) ? ReadFields(attribute.attributes, StatusOf(resource))
                                    : Nothing(attribute.attributes);
    }
    entries.emplace_back(attribute.name, std::move(value));
  }
  return Value::Map(std::move(entries));
}

}  // namespace espalier::provider
