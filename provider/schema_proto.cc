#include "provider/schema_proto.h"

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier::provider {
namespace {

using NestingMode = tfplugin6::Schema::Object;

void Fill(const Attributes& attributes,
          google::protobuf::RepeatedPtrField<tfplugin6::Schema::Attribute>& out);

void Fill(const Attribute& attribute, tfplugin6::Schema::Attribute& out) {
  using Use = Attribute::Use;
  out.set_name(attribute.name);
  out.set_description(attribute.description);
  out.set_required(attribute.use == Use::kRequired);
  out.set_optional(attribute.use == Use::kOptional || attribute.use == Use::kDefaulted);
  out.set_computed(attribute.use == Use::kComputed || attribute.use == Use::kDefaulted);
  out.set_sensitive(attribute.sensitive);
  out.set_write_only(attribute.secret == Attribute::Secret::kValue);
  if (attribute.deprecation) {
    out.set_deprecated(true);
    out.set_deprecation_message(*attribute.deprecation);
  }
  if (attribute.shape != Attribute::Shape::kObject) {
    out.set_type(TypeJson(attribute));
    return;
  }
  tfplugin6::Schema::Object& object = *out.mutable_nested_type();
  switch (attribute.nesting) {
    case Attribute::Nesting::kSingle:
      object.set_nesting(NestingMode::SINGLE);
      break;
    case Attribute::Nesting::kList:
      object.set_nesting(NestingMode::LIST);
      break;
    case Attribute::Nesting::kMap:
      object.set_nesting(NestingMode::MAP);
      break;
  }
  Fill(attribute.attributes, *object.mutable_attributes());
}

void Fill(const Attributes& attributes,
          google::protobuf::RepeatedPtrField<tfplugin6::Schema::Attribute>& out) {
  for (const Attribute& attribute : attributes) Fill(attribute, *out.Add());
}

absl::string_view TypeName(Attribute::Shape shape) {
  switch (shape) {
    case Attribute::Shape::kString:
      return "\"string\"";
    case Attribute::Shape::kNumber:
      return "\"number\"";
    case Attribute::Shape::kBool:
      return "\"bool\"";
    case Attribute::Shape::kObject:
      break;
  }
  // Objects are nested attributes, which carry no type.
  CheckFailed(__FILE__, __LINE__, "the attribute is no object");
}

}  // namespace

std::string TypeJson(const Attribute& attribute) {
  const absl::string_view element = TypeName(attribute.shape);
  switch (attribute.nesting) {
    case Attribute::Nesting::kList:
      return absl::StrCat("[\"list\",", element, "]");
    case Attribute::Nesting::kMap:
      return absl::StrCat("[\"map\",", element, "]");
    case Attribute::Nesting::kSingle:
      break;
  }
  return std::string(element);
}

tfplugin6::Schema ToProto(const Attributes& attributes, absl::string_view description,
                          int version) {
  tfplugin6::Schema schema;
  schema.set_version(version);
  schema.mutable_block()->set_description(std::string(description));
  Fill(attributes, *schema.mutable_block()->mutable_attributes());
  return schema;
}

tfplugin6::Function ToProto(const FunctionInfo& function) {
  tfplugin6::Function out;
  out.set_summary(function.summary);
  out.set_description(function.description);
  for (const FunctionParameter& parameter : function.parameters) {
    tfplugin6::Function::Parameter& added = *out.add_parameters();
    added.set_name(parameter.name);
    added.set_description(parameter.description);
    added.set_type("\"string\"");
    added.set_allow_null_value(parameter.allows_null);
  }
  out.mutable_return_()->set_type(function.result_type);
  return out;
}

tfplugin6::ResourceIdentitySchema IdentityToProto(const Attributes& identity, int version) {
  tfplugin6::ResourceIdentitySchema schema;
  schema.set_version(version);
  for (const Attribute& attribute : identity) {
    auto& out = *schema.add_identity_attributes();
    out.set_name(attribute.name);
    out.set_type(TypeJson(attribute));
    out.set_required_for_import(attribute.use == Attribute::Use::kRequired);
    out.set_optional_for_import(attribute.use == Attribute::Use::kOptional);
    out.set_description(attribute.description);
  }
  return schema;
}

tfplugin6::AttributePath ToProto(const Path& path) {
  tfplugin6::AttributePath out;
  for (const Step& step : path) {
    tfplugin6::AttributePath::Step& added = *out.add_steps();
    switch (step.kind) {
      case Step::Kind::kAttribute:
        added.set_attribute_name(step.text);
        break;
      case Step::Kind::kKey:
        added.set_element_key_string(step.text);
        break;
      case Step::Kind::kIndex:
        added.set_element_key_int(step.index);
        break;
    }
  }
  return out;
}

tfplugin6::Diagnostic ToProto(const Diagnostic& diagnostic) {
  tfplugin6::Diagnostic out;
  out.set_severity(diagnostic.severity == Diagnostic::Severity::kError
                       ? tfplugin6::Diagnostic::ERROR
                       : tfplugin6::Diagnostic::WARNING);
  out.set_summary(diagnostic.summary);
  out.set_detail(diagnostic.detail);
  if (!diagnostic.path.empty()) *out.mutable_attribute() = ToProto(diagnostic.path);
  return out;
}

}  // namespace espalier::provider
