#include "provider/conform.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"
#include "provider/path.h"

namespace espalier::provider {
namespace {

// Where a value stands. A chain on the stack: words are made of it only when there is something to
// say.
struct Place {
  const Place* above = nullptr;
  Step::Kind kind = Step::Kind::kAttribute;
  absl::string_view name;
  std::size_t index = 0;
};

Path PathTo(const Place* place) {
  Path path;
  for (; place != nullptr; place = place->above) {
    path.push_back(
        {place->kind, std::string(place->name), static_cast<std::int64_t>(place->index)});
  }
  std::reverse(path.begin(), path.end());
  return path;
}

absl::Status Refuse(const Place* place, absl::string_view root, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(place == nullptr ? std::string(root) : ToString(PathTo(place)), why));
}

absl::Status Mismatch(const Place* place, absl::string_view wanted) {
  return Refuse(place, "the value", absl::StrCat(": ", wanted, " is required"));
}

// Brings values into shape where they are. `place` null: the whole.
class Conformer {
 public:
  explicit Conformer(Strictness strictness) : strictness_(strictness) {}

  absl::Status Object(const Attributes& attributes, Value& object, const Place* place) const;

 private:
  absl::Status Attributed(const Attribute& attribute, Value& value, const Place* place) const;
  absl::Status Single(const Attribute& attribute, Value& value, const Place* place) const;

  const Strictness strictness_;
};

absl::Status Conformer::Single(const Attribute& attribute, Value& value, const Place* place) const {
  if (!value.is_known()) return absl::OkStatus();
  switch (attribute.shape) {
    case Attribute::Shape::kString:
      return value.as_string() != nullptr ? absl::OkStatus() : Mismatch(place, "a string");
    case Attribute::Shape::kBool:
      return value.as_bool() != nullptr ? absl::OkStatus() : Mismatch(place, "a bool");
    case Attribute::Shape::kNumber: {
      if (value.as_number() != nullptr) return absl::OkStatus();
      absl::StatusOr<Number> number = Number::Parse(value.text());
      if (value.as_string() == nullptr || !number.ok()) return Mismatch(place, "a number");
      value = Value::Of(*std::move(number));
      return absl::OkStatus();
    }
    case Attribute::Shape::kObject:
      return Object(attribute.attributes, value, place);
  }
  return Mismatch(place, "a known type");
}

absl::Status Conformer::Attributed(const Attribute& attribute, Value& value,
                                   const Place* place) const {
  if (!value.is_known() || attribute.nesting == Attribute::Nesting::kSingle) {
    return Single(attribute, value, place);
  }
  Place below{.above = place};
  if (attribute.nesting == Attribute::Nesting::kList) {
    Value::Items* items = value.mutable_list();
    if (items == nullptr) return Mismatch(place, "a list");
    below.kind = Step::Kind::kIndex;
    for (Value& item : *items) {
      ESPALIER_RETURN_IF_ERROR(Single(attribute, item, &below));
      ++below.index;
    }
    return absl::OkStatus();
  }
  Value::Entries* entries = value.mutable_map();
  if (entries == nullptr) return Mismatch(place, "a map");
  below.kind = Step::Kind::kKey;
  for (auto& [key, entry] : *entries) {
    below.name = key;
    ESPALIER_RETURN_IF_ERROR(Single(attribute, entry, &below));
  }
  return absl::OkStatus();
}

// Exactly the schema's attributes. What is missing did not exist when the state was written: it is
// what it would be if nobody ever said anything about it. What is unknown to the schema is dropped.
void Align(const Attributes& attributes, Value::Entries& entries) {
  Value::Entries aligned;
  aligned.reserve(attributes.size());
  auto next = entries.begin();
  for (const Attribute& attribute : attributes) {
    while (next != entries.end() && next->first < attribute.name) ++next;
    const bool found = next != entries.end() && next->first == attribute.name;
    if (found) {
      aligned.emplace_back(attribute.name, std::move(next->second));
    } else {
      aligned.emplace_back(attribute.name, attribute.default_value);
    }
  }
  entries = std::move(aligned);
}

absl::Status Conformer::Object(const Attributes& attributes, Value& object,
                               const Place* place) const {
  if (!object.is_known()) return absl::OkStatus();
  Value::Entries* entries = object.mutable_map();
  if (entries == nullptr) return Mismatch(place, "an object");
  if (strictness_ == Strictness::kLenient) Align(attributes, *entries);
  // Both are sorted by name.
  auto entry = entries->begin();
  for (const Attribute& attribute : attributes) {
    const Place below{.above = place, .name = attribute.name};
    if (entry == entries->end() || entry->first > attribute.name) {
      return Refuse(&below, "", ": the attribute is missing");
    }
    if (entry->first < attribute.name) break;
    ESPALIER_RETURN_IF_ERROR(Attributed(attribute, entry->second, &below));
    ++entry;
  }
  if (entry == entries->end()) return absl::OkStatus();
  return Refuse(place, "the object", " has attributes that the schema has not");
}

// The document as a value; numbers stay exact because the document keeps their text.
absl::StatusOr<Value> FromNode(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return Value();
    case Node::Type::kBool:
      return Value::Bool(node.text == "true");
    case Node::Type::kNumber: {
      ESPALIER_ASSIGN_OR_RETURN(Number number, Number::Parse(node.text));
      return Value::Of(std::move(number));
    }
    case Node::Type::kString:
      return Value::String(node.text);
    case Node::Type::kList: {
      Value::Items items;
      items.reserve(node.items.size());
      for (const Node& item : node.items) {
        ESPALIER_ASSIGN_OR_RETURN(Value value, FromNode(item));
        items.push_back(std::move(value));
      }
      return Value::List(std::move(items));
    }
    case Node::Type::kMap: {
      Value::Entries entries;
      entries.reserve(node.entries.size());
      for (const auto& [key, entry] : node.entries) {
        ESPALIER_ASSIGN_OR_RETURN(Value value, FromNode(entry));
        entries.emplace_back(key, std::move(value));
      }
      return Value::Map(std::move(entries));
    }
  }
  return Value();
}

}  // namespace

absl::StatusOr<Value> Conform(const Attributes& attributes, Value object, Strictness strictness) {
  ESPALIER_RETURN_IF_ERROR(Conformer(strictness).Object(attributes, object, nullptr));
  return object;
}

absl::StatusOr<Value> ReadStateJson(const Attributes& attributes, absl::string_view json) {
  Problems problems;
  const std::optional<Node> document = ParseJson(json, "state", problems, kStateBytes);
  if (!document) return ToStatus(problems);
  ESPALIER_ASSIGN_OR_RETURN(Value value, FromNode(*document));
  return Conform(attributes, std::move(value), Strictness::kLenient);
}

}  // namespace espalier::provider
