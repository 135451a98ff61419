#include "absl/strings/match.h"
#include "engine/base/check.h"
#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/scalar.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// How a default, which is written without quotes, would be written in a document.
Node::Type TypeOfDefault(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_ENUM:
      return Node::Type::kString;
    case FieldDescriptor::CPPTYPE_BOOL:
      return Node::Type::kBool;
    default:
      return Node::Type::kNumber;
  }
}

void FillIn(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const v1::FieldRules& rules = RulesOf(*field);
    if (field->is_map()) {
      const FieldDescriptor* value = field->message_type()->map_value();
      if (IsScalar(*value)) continue;
      for (int j = 0; j < reflection.FieldSize(message, field); ++j) {
        Message* entry = reflection.MutableRepeatedMessage(&message, field, j);
        FillIn(*entry->GetReflection()->MutableMessage(entry, value));
      }
    } else if (field->is_repeated()) {
      for (int j = 0; !IsScalar(*field) && j < reflection.FieldSize(message, field); ++j) {
        FillIn(*reflection.MutableRepeatedMessage(&message, field, j));
      }
    } else if (reflection.HasField(message, field)) {
      if (!IsScalar(*field)) FillIn(*reflection.MutableMessage(&message, field));
    } else if (rules.has_default_()) {
      // A default that does not fit its field is a mistake in the proto.
      ESPALIER_CHECK(StoreScalar(message, *field, TypeOfDefault(*field), rules.default_()).empty());
    }
  }
}

}  // namespace

void ApplyDefaults(Resource& resource) {
  if (resource.body_case() == kNoKind) return;
  if (InfoOf(resource.body_case()).namespaced && resource.metadata().namespace_().empty()) {
    resource.mutable_metadata()->set_namespace_("default");
  }
  FillIn(*MutableSpec(resource));
}

}  // namespace espalier
