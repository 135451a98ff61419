#include "provider/conform.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"

namespace espalier::provider {
namespace {

class Conformer {
 public:
  explicit Conformer(Strictness strictness) : strictness_(strictness) {}

  absl::StatusOr<Value> Object(const Attributes& attributes, const Value& object,
                               const std::string& path) const;

 private:
  absl::StatusOr<Value> Attributed(const Attribute& attribute, const Value& value,
                                   const std::string& path) const;
  absl::StatusOr<Value> Single(const Attribute& attribute, const Value& value,
                               const std::string& path) const;

  const Strictness strictness_;
};

absl::Status Mismatch(const std::string& path, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat(path.empty() ? "the value" : path, ": ", wanted, " is required"));
}

absl::StatusOr<Value> Conformer::Single(const Attribute& attribute, const Value& value,
                                        const std::string& path) const {
  if (!value.is_known()) return value;
  switch (attribute.shape) {
    case Attribute::Shape::kString:
      if (value.as_string() == nullptr) return Mismatch(path, "a string");
      return value;
    case Attribute::Shape::kBool:
      if (value.as_bool() == nullptr) return Mismatch(path, "a bool");
      return value;
    case Attribute::Shape::kNumber: {
      if (value.as_number() != nullptr) return value;
      absl::StatusOr<Number> number = Number::Parse(value.text());
      if (value.as_string() == nullptr || !number.ok()) return Mismatch(path, "a number");
      return Value::Of(*std::move(number));
    }
    case Attribute::Shape::kObject:
      return Object(attribute.attributes, value, path);
  }
  return Mismatch(path, "a known type");
}

absl::StatusOr<Value> Conformer::Attributed(const Attribute& attribute, const Value& value,
                                            const std::string& path) const {
  if (!value.is_known() || attribute.nesting == Attribute::Nesting::kSingle) {
    return Single(attribute, value, path);
  }
  if (attribute.nesting == Attribute::Nesting::kList) {
    if (value.as_list() == nullptr) return Mismatch(path, "a list");
    Value::Items items;
    for (const Value& item : *value.as_list()) {
      ESPALIER_ASSIGN_OR_RETURN(
          Value conforming, Single(attribute, item, absl::StrCat(path, "[", items.size(), "]")));
      items.push_back(std::move(conforming));
    }
    return Value::List(std::move(items));
  }
  if (value.as_map() == nullptr) return Mismatch(path, "a map");
  Value::Entries entries;
  for (const auto& [key, entry] : *value.as_map()) {
    ESPALIER_ASSIGN_OR_RETURN(Value conforming,
                              Single(attribute, entry, absl::StrCat(path, "[\"", key, "\"]")));
    entries.emplace_back(key, std::move(conforming));
  }
  return Value::Map(std::move(entries));
}

absl::StatusOr<Value> Conformer::Object(const Attributes& attributes, const Value& object,
                                        const std::string& path) const {
  if (!object.is_known()) return object;
  if (object.as_map() == nullptr) return Mismatch(path, "an object");
  Value::Entries entries;
  std::size_t found = 0;
  for (const Attribute& attribute : attributes) {
    const Value* value = object.Find(attribute.name);
    const std::string below =
        path.empty() ? attribute.name : absl::StrCat(path, ".", attribute.name);
    if (value != nullptr) {
      ++found;
    } else if (strictness_ == Strictness::kExact) {
      return absl::InvalidArgumentError(absl::StrCat(below, ": the attribute is missing"));
    }
    ESPALIER_ASSIGN_OR_RETURN(Value conforming,
                              Attributed(attribute, object.At(attribute.name), below));
    entries.emplace_back(attribute.name, std::move(conforming));
  }
  if (strictness_ == Strictness::kExact && found != object.as_map()->size()) {
    return absl::InvalidArgumentError(absl::StrCat(path.empty() ? "the object" : path,
                                                   " has attributes that the schema has not"));
  }
  return Value::Map(std::move(entries));
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
      for (const Node& item : node.items) {
        ESPALIER_ASSIGN_OR_RETURN(Value value, FromNode(item));
        items.push_back(std::move(value));
      }
      return Value::List(std::move(items));
    }
    case Node::Type::kMap: {
      Value::Entries entries;
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

absl::StatusOr<Value> Conform(const Attributes& attributes, const Value& object,
                              Strictness strictness) {
  return Conformer(strictness).Object(attributes, object, "");
}

absl::StatusOr<Value> ReadStateJson(const Attributes& attributes, absl::string_view json) {
  Problems problems;
  const std::optional<Node> document = ParseJson(json, "state", problems, kStateBytes);
  if (!document) return ToStatus(problems);
  ESPALIER_ASSIGN_OR_RETURN(const Value value, FromNode(*document));
  return Conform(attributes, value, Strictness::kLenient);
}

}  // namespace espalier::provider
