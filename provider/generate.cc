#include "provider/generate.h"

#include <utility>

namespace espalier::provider {
namespace {

Value ConfigOfObject(const Attributes& attributes, const Value& object);

Value ConfigOf(const Attribute& attribute, const Value& value) {
  using Use = Attribute::Use;
  if (value.is_null() || attribute.use == Use::kComputed) return Value();
  // Of a secret, the seal says all that state knows.
  if (attribute.secret == Attribute::Secret::kVersion) return Value();
  if (attribute.use == Use::kDefaulted && value == attribute.default_value) return Value();
  if (attribute.shape != Attribute::Shape::kObject) return value;
  if (attribute.nesting == Attribute::Nesting::kSingle) {
    return ConfigOfObject(attribute.attributes, value);
  }
  if (const Value::Items* items = value.as_list()) {
    Value::Items configs;
    for (const Value& item : *items) configs.push_back(ConfigOfObject(attribute.attributes, item));
    return Value::List(std::move(configs));
  }
  Value::Entries configs;
  for (const auto& [key, item] : *value.as_map()) {
    configs.emplace_back(key, ConfigOfObject(attribute.attributes, item));
  }
  return Value::Map(std::move(configs));
}

Value ConfigOfObject(const Attributes& attributes, const Value& object) {
  if (object.is_null()) return Value();
  Value::Entries config;
  for (const Attribute& attribute : attributes) {
    config.emplace_back(attribute.name, ConfigOf(attribute, object.At(attribute.name)));
  }
  return Value::Map(std::move(config));
}

}  // namespace

Value GenerateConfig(const Schema& schema, const Value& state) {
  return ConfigOfObject(schema.attributes, state);
}

}  // namespace espalier::provider
