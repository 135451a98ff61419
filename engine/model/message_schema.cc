#include "engine/model/message_schema.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/model/field.h"
#include "engine/model/scalar.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using v1::FieldRules;

const char* TypeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "boolean";
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "string";
    default:
      return "integer";
  }
}

bool IsUnsigned(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
}

std::int64_t LargestOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::numeric_limits<std::uint32_t>::max();
    case FieldDescriptor::CPPTYPE_INT32:
      return std::numeric_limits<std::int32_t>::max();
    default:
      return limits::kMaxInteger;
  }
}

// The parts of metadata that only the engine writes; people may feed them back.
bool IsSetByEngine(const FieldDescriptor& field) {
  return field.name() != "name" && field.name() != "namespace" && field.name() != "labels" &&
         field.name() != "annotations";
}

}  // namespace

std::string SchemaName(const Descriptor& message) {
  const std::string prefix = absl::StrCat(message.file()->package(), ".");
  return absl::StrReplaceAll(message.full_name().substr(prefix.size()), {{".", ""}});
}

void CollectMessages(const Descriptor& message, std::vector<const Descriptor*>& out) {
  if (std::find(out.begin(), out.end(), &message) != out.end()) return;
  out.push_back(&message);
  if (&message == Resource::descriptor()) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (field->is_map()) field = field->message_type()->map_value();
    if (!IsScalar(*field)) CollectMessages(*field->message_type(), out);
  }
}

void SchemaEmitter::Number(const char* key, std::int64_t value) {
  writer_.Key(key);
  writer_.Literal(absl::StrCat(value));
}

void SchemaEmitter::True(const char* key) {
  writer_.Key(key);
  writer_.Bool(true);
}

void SchemaEmitter::Pattern(const char* key, const std::string& pattern) {
  writer_.Member(key, absl::StrCat("^(?:", pattern, ")$"));
}

void SchemaEmitter::Reference(const std::string& name, const std::string& description,
                              bool deprecated) {
  writer_.BeginMap();
  writer_.Member("$ref", absl::StrCat(ref_prefix_, name));
  if (!description.empty()) writer_.Member("description", description);
  if (deprecated) True("deprecated");
  writer_.EndMap();
}

void SchemaEmitter::Scalar(const FieldDescriptor& field, bool with_bounds) {
  const FieldRules& rules = RulesOf(field);
  writer_.Member("type", TypeOf(field));
  if (IsTimestamp(field)) writer_.Member("format", "date-time");
  if (field.enum_type() != nullptr) {
    writer_.Key("enum");
    writer_.BeginList();
    for (const std::string& name : EnumNames(*field.enum_type())) writer_.String(name);
    writer_.EndList();
  }
  const std::string type = TypeOf(field);
  if (type == "integer") {
    if (rules.has_min() || IsUnsigned(field)) Number("minimum", rules.has_min() ? rules.min() : 0);
    Number("maximum", rules.has_max() ? rules.max() : LargestOf(field));
  } else if (type == "string" && with_bounds) {
    // Bounds are bytes; characters have at least one, so that the upper one can be said here. A
    // lower bound above one might refuse what is long enough in bytes.
    if (rules.has_min() && rules.min() > 0) Number("minLength", 1);
    if (rules.has_max()) Number("maxLength", rules.max());
  }
  if (!rules.pattern().empty()) Pattern("pattern", rules.pattern());
}

void SchemaEmitter::Map(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  const FieldDescriptor& value = *field.message_type()->map_value();
  writer_.Member("type", "object");
  Number("minProperties", rules.has_min() ? std::max<std::int64_t>(1, rules.min()) : 1);
  if (rules.has_max()) Number("maxProperties", rules.max());
  if (!rules.key_pattern().empty()) {
    writer_.Key("propertyNames");
    writer_.BeginMap();
    Pattern("pattern", rules.key_pattern());
    writer_.EndMap();
  }
  writer_.Key("additionalProperties");
  if (!IsScalar(value)) return Reference(SchemaName(*value.message_type()), "");
  writer_.BeginMap();
  Scalar(value, false);
  writer_.EndMap();
}

void SchemaEmitter::List(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  writer_.Member("type", "array");
  const std::int64_t min = rules.has_min() ? rules.min() : use_ == Use::kDocument ? 1 : 0;
  if (min > 0) Number("minItems", min);
  if (rules.has_max()) Number("maxItems", rules.max());
  writer_.Key("items");
  if (!IsScalar(field)) return Reference(SchemaName(*field.message_type()), "");
  writer_.BeginMap();
  Scalar(field, false);
  writer_.EndMap();
}

void SchemaEmitter::Field(const FieldDescriptor& field) {
  const FieldRules& rules = RulesOf(field);
  const std::string comment = CommentOf(field);
  if (!field.is_repeated() && !IsScalar(field)) {
    return Reference(SchemaName(*field.message_type()), comment, IsDeprecated(field));
  }
  writer_.BeginMap();
  if (!comment.empty()) writer_.Member("description", comment);
  if (field.is_map()) {
    Map(field);
  } else if (field.is_repeated()) {
    List(field);
  } else {
    Scalar(field, true);
  }
  if (rules.has_default_()) {
    writer_.Key("default");
    if (std::string(TypeOf(field)) == "string") {
      writer_.String(rules.default_());
    } else {
      writer_.Literal(rules.default_());
    }
  }
  if (Has(rules, FieldRules::SECRET)) True("writeOnly");
  if (IsDeprecated(field)) True("deprecated");
  if (field.containing_type() == v1::Metadata::descriptor()) Metadata(field);
  writer_.EndMap();
}

// The rules of names are code, not options.
void SchemaEmitter::Metadata(const FieldDescriptor& field) {
  if (field.name() == "name" || field.name() == "namespace") {
    Number("maxLength", limits::kNameBytes);
    Pattern("pattern", "[a-z0-9]([a-z0-9-]*[a-z0-9])?");
  }
  if (IsSetByEngine(field)) True("readOnly");
}

void SchemaEmitter::Required(const Descriptor& message) {
  std::vector<std::string> required;
  if (&message == v1::Metadata::descriptor()) required.push_back("name");
  for (int i = 0; i < message.field_count(); ++i) {
    if (Has(RulesOf(*message.field(i)), FieldRules::REQUIRED)) {
      required.push_back(message.field(i)->name());
    }
  }
  std::vector<std::vector<std::string>> choices;
  for (const std::vector<std::string>& group : ExactlyOneOf(message)) {
    if (group.size() == 1) {
      required.push_back(group[0]);
    } else {
      choices.push_back(group);
    }
  }
  const auto list = [&](const std::vector<std::string>& names) {
    writer_.Key("required");
    writer_.BeginList();
    for (const std::string& name : names) writer_.String(name);
    writer_.EndList();
  };
  if (!required.empty()) list(required);
  if (choices.empty()) return;
  writer_.Key("allOf");
  writer_.BeginList();
  for (const std::vector<std::string>& group : choices) {
    writer_.BeginMap();
    writer_.Key("oneOf");
    writer_.BeginList();
    for (const std::string& name : group) {
      writer_.BeginMap();
      list({name});
      writer_.EndMap();
    }
    writer_.EndList();
    writer_.EndMap();
  }
  writer_.EndList();
}

void SchemaEmitter::Message(const Descriptor& message, Use use) {
  use_ = use;
  writer_.BeginMap();
  if (const std::string comment = CommentOf(message); !comment.empty()) {
    writer_.Member("description", comment);
  }
  writer_.Member("type", "object");
  writer_.Key("properties");
  writer_.BeginMap();
  for (int i = 0; i < message.field_count(); ++i) {
    writer_.Key(message.field(i)->name());
    Field(*message.field(i));
  }
  writer_.EndMap();
  Required(message);
  writer_.Key("additionalProperties");
  writer_.Bool(false);
  writer_.EndMap();
}

void SchemaEmitter::Document(const KindInfo& kind) {
  const auto constant = [&](const char* key, const std::string& value) {
    writer_.Key(key);
    writer_.BeginMap();
    writer_.Member("const", value);
    writer_.EndMap();
  };
  writer_.Member("title", kind.title);
  writer_.Member("description", CommentOf(*kind.body->message_type()));
  writer_.Member("type", "object");
  writer_.Key("properties");
  writer_.BeginMap();
  constant("apiVersion", kApiVersion);
  constant("kind", kind.title);
  writer_.Key("metadata");
  Reference(SchemaName(*v1::Metadata::descriptor()), "");
  writer_.Key("spec");
  Reference(SchemaName(*kind.spec), "What is wanted.");
  writer_.Key("status");
  writer_.BeginMap();
  writer_.Member("$ref", absl::StrCat(ref_prefix_, SchemaName(*kind.status)));
  writer_.Member("description", "What is. Ignored where a document is read.");
  True("readOnly");
  writer_.EndMap();
  writer_.EndMap();
  writer_.Key("required");
  writer_.BeginList();
  for (const char* name : {"apiVersion", "kind", "metadata"}) writer_.String(name);
  bool needs_spec = !ExactlyOneOf(*kind.spec).empty();
  for (int i = 0; i < kind.spec->field_count(); ++i) {
    needs_spec = needs_spec || Has(RulesOf(*kind.spec->field(i)), FieldRules::REQUIRED);
  }
  if (needs_spec) writer_.String("spec");
  writer_.EndList();
  writer_.Key("additionalProperties");
  writer_.Bool(false);
}

}  // namespace espalier
