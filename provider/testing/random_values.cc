#include "provider/testing/random_values.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/field.h"

namespace espalier::provider {
namespace {

using Nesting = Attribute::Nesting;
using Shape = Attribute::Shape;
using Use = Attribute::Use;

constexpr int kMostMembers = 3;
constexpr int kDeepest = 3;

template <typename T, std::size_t N>
T OneOf(Random& random, const std::array<T, N>& choices) {
  return choices[random.Below(N)];
}

Value RandomUnknown(Random& random) {
  Refinement refinement;
  refinement.not_null = random.Chance(0.3);
  return Value::Unknown(std::move(refinement));
}

// Of a small range, so that equal ones are common; among them some that no kind allows.
Value RandomScalar(Random& random, const Attribute& attribute) {
  switch (attribute.shape) {
    case Shape::kBool:
      return Value::Bool(random.Chance(0.5));
    case Shape::kNumber:
      return Value::Of(*Number::Parse(OneOf<absl::string_view>(
          random, std::to_array<absl::string_view>({"1", "2", "4096", "4096", "8192", "0.1"}))));
    default:
      break;
  }
  const auto* field = attribute.path.empty() ? nullptr : attribute.path.back();
  if (field != nullptr && field->enum_type() != nullptr) {
    const std::vector<std::string> names = EnumNames(*field->enum_type());
    return Value::String(names[random.Below(names.size())]);
  }
  return Value::String(OneOf<absl::string_view>(
      random, std::to_array<absl::string_view>({"a", "b", "default", "r.example/i:1", "a", ""})));
}

// Makes values of a schema: those of a configuration, or those of a state.
class Maker {
 public:
  enum class Kind { kConfig, kConfigWithUnknowns, kState };
  Maker(Random& random, Kind kind) : random_(random), kind_(kind) {}

  Value Object(const Attributes& attributes) {
    Value::Entries entries;
    for (const Attribute& attribute : attributes) {
      entries.emplace_back(attribute.name, Of(attribute));
    }
    return Value::Map(std::move(entries));
  }

  Value Of(const Attribute& attribute) {
    if (kind_ != Kind::kState && attribute.use == Use::kComputed) return Value();
    if (kind_ == Kind::kState && attribute.secret == Attribute::Secret::kValue) return Value();
    // The engine always knows these of an object that is there.
    const bool always =
        kind_ == Kind::kState && (attribute.name == kId || attribute.name == kUid ||
                                  attribute.name == kStatus || attribute.name == kNamespace);
    if (!always && attribute.use != Use::kRequired && random_.Chance(0.4)) return Value();
    if (Hides()) return RandomUnknown(random_);
    if (attribute.nesting == Nesting::kSingle) return Member(attribute);
    const std::uint64_t count = random_.Below(kMostMembers);
    if (attribute.nesting == Nesting::kList) {
      Value::Items items;
      for (std::uint64_t i = 0; i < count; ++i) items.push_back(Element(attribute));
      return Value::List(std::move(items));
    }
    Value::Entries entries;
    for (std::uint64_t i = 0; i < count; ++i) {
      entries.emplace_back(std::string(1, static_cast<char>('a' + i)), Element(attribute));
    }
    return Value::Map(std::move(entries));
  }

 private:
  bool Hides() { return kind_ == Kind::kConfigWithUnknowns && random_.Chance(0.1); }

  Value Element(const Attribute& attribute) {
    return Hides() ? RandomUnknown(random_) : Member(attribute);
  }

  Value Member(const Attribute& attribute) {
    return attribute.shape == Shape::kObject ? Object(attribute.attributes)
                                             : RandomScalar(random_, attribute);
  }

  Random& random_;
  const Kind kind_;
};

// A copy of a value, with each attribute handed to `change` first: what that gives, if it gives
// something, stands in its place.
template <typename ChangeAttribute>
Value Rewritten(const Attributes& attributes, const Value& object, const ChangeAttribute& change);

template <typename ChangeAttribute>
Value RewrittenMember(const Attribute& attribute, const Value& value,
                      const ChangeAttribute& change) {
  if (const std::optional<Value> changed = change(attribute, value)) return *changed;
  if (!value.is_known()) return value;
  if (const Value::Items* items = value.as_list()) {
    Attribute single = attribute;
    single.nesting = Nesting::kSingle;
    Value::Items rewritten;
    for (const Value& item : *items) rewritten.push_back(RewrittenMember(single, item, change));
    return Value::List(std::move(rewritten));
  }
  if (attribute.nesting == Nesting::kMap) {
    Attribute single = attribute;
    single.nesting = Nesting::kSingle;
    Value::Entries rewritten;
    for (const auto& [key, item] : *value.as_map()) {
      rewritten.emplace_back(key, RewrittenMember(single, item, change));
    }
    return Value::Map(std::move(rewritten));
  }
  if (attribute.shape != Shape::kObject) return value;
  return Rewritten(attribute.attributes, value, change);
}

template <typename ChangeAttribute>
Value Rewritten(const Attributes& attributes, const Value& object, const ChangeAttribute& change) {
  Value::Entries entries;
  for (const Attribute& attribute : attributes) {
    entries.emplace_back(attribute.name,
                         RewrittenMember(attribute, object.At(attribute.name), change));
  }
  return Value::Map(std::move(entries));
}

Attributes RandomAttributes(Random& random, int depth);

Attribute RandomAttribute(Random& random, const std::string& name, int depth) {
  Attribute attribute;
  attribute.name = name;
  attribute.shape =
      OneOf(random, std::to_array({Shape::kString, Shape::kNumber, Shape::kBool,
                                   depth < kDeepest ? Shape::kObject : Shape::kString}));
  attribute.nesting = OneOf(
      random, std::to_array({Nesting::kSingle, Nesting::kSingle, Nesting::kList, Nesting::kMap}));
  attribute.use = OneOf(random, std::to_array({Use::kRequired, Use::kOptional, Use::kOptional,
                                               Use::kDefaulted, Use::kComputed}));
  if (attribute.shape == Shape::kObject) {
    attribute.attributes = RandomAttributes(random, depth + 1);
  }
  // Only scalars have defaults in the model; what has none is for the provider to know.
  if (attribute.use == Use::kDefaulted && attribute.shape != Shape::kObject &&
      attribute.nesting == Nesting::kSingle) {
    attribute.default_value = RandomScalar(random, attribute);
  }
  return attribute;
}

Attributes RandomAttributes(Random& random, int depth) {
  Attributes attributes;
  const std::uint64_t count = 1 + random.Below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    attributes.push_back(RandomAttribute(random, absl::StrCat("x", i), depth));
  }
  return attributes;
}

}  // namespace

Schema RandomSchema(Random& random, const KindInfo& kind) {
  static const Schemas& known = *new Schemas();
  Schema schema = *known.FindResource(absl::StrCat("espalier_", kind.name));
  // The model's own attributes come from real schemas; what stays is what the provider adds.
  std::erase_if(schema.attributes,
                [](const Attribute& attribute) { return !attribute.path.empty(); });
  for (Attribute& attribute : RandomAttributes(random, 1)) {
    schema.attributes.push_back(std::move(attribute));
  }
  std::sort(schema.attributes.begin(), schema.attributes.end(),
            [](const Attribute& a, const Attribute& b) { return a.name < b.name; });
  return schema;
}

Value RandomConfig(Random& random, const Attributes& attributes, bool unknowns) {
  return Maker(random, unknowns ? Maker::Kind::kConfigWithUnknowns : Maker::Kind::kConfig)
      .Object(attributes);
}

Value Resolved(Random& random, const Attributes& attributes, const Value& config) {
  Maker maker(random, Maker::Kind::kConfig);
  return Rewritten(attributes, config,
                   [&](const Attribute& attribute, const Value& value) -> std::optional<Value> {
                     if (!value.is_unknown()) return std::nullopt;
                     Attribute wanted = attribute;
                     if (value.refinement()->not_null) wanted.use = Use::kRequired;
                     return maker.Of(wanted);
                   });
}

Value Edited(Random& random, const Attributes& attributes, const Value& config, bool unknowns) {
  Maker maker(random, unknowns ? Maker::Kind::kConfigWithUnknowns : Maker::Kind::kConfig);
  return Rewritten(attributes, config,
                   [&](const Attribute& attribute, const Value&) -> std::optional<Value> {
                     if (!random.Chance(0.1)) return std::nullopt;
                     return maker.Of(attribute);
                   });
}

Value RandomState(Random& random, const Attributes& attributes) {
  return Maker(random, Maker::Kind::kState).Object(attributes);
}

}  // namespace espalier::provider
