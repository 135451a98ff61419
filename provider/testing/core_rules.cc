#include "provider/testing/core_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;

bool IsComputed(const Attribute& attribute) {
  return attribute.use == Use::kComputed || attribute.use == Use::kDefaulted;
}
bool IsWriteOnly(const Attribute& attribute) {
  return attribute.secret == Attribute::Secret::kValue;
}
bool IsOptional(const Attribute& attribute) {
  return attribute.use == Use::kOptional || attribute.use == Use::kDefaulted;
}

// A member of an object; what is in an unknown object is unknown, what is in none is null.
Value Member(const Value& object, absl::string_view name) {
  return object.is_unknown() ? Value::Unknown() : object.At(name);
}

Value Item(const Value& list, std::size_t index) {
  const Value::Items* items = list.as_list();
  return items != nullptr && index < items->size() ? (*items)[index] : Value();
}

Value Unrefined(const Value& value) {
  if (value.is_unknown()) return Value::Unknown();
  if (const Value::Items* items = value.as_list()) {
    Value::Items plain;
    for (const Value& item : *items) plain.push_back(Unrefined(item));
    return Value::List(std::move(plain));
  }
  if (const Value::Entries* entries = value.as_map()) {
    Value::Entries plain;
    for (const auto& [key, item] : *entries) plain.emplace_back(key, Unrefined(item));
    return Value::Map(std::move(plain));
  }
  return value;
}

bool HasSameKeys(const Value::Entries& a, const Value::Entries& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].first != b[i].first) return false;
  }
  return true;
}

// Whether something is set in an object that only a configuration can have set.
bool HoldsWhatIsNotComputed(const Attributes& attributes, const Value& object);

bool HoldsWhatIsNotComputed(const Attribute& attribute, const Value& value) {
  if (value.is_null()) return false;
  if (!IsComputed(attribute)) return true;
  if (attribute.shape != Attribute::Shape::kObject) return false;
  if (const Value::Items* items = value.as_list()) {
    for (const Value& item : *items) {
      if (HoldsWhatIsNotComputed(attribute.attributes, item)) return true;
    }
    return false;
  }
  if (attribute.nesting == Attribute::Nesting::kSingle) {
    return HoldsWhatIsNotComputed(attribute.attributes, value);
  }
  for (const auto& [key, item] : *value.as_map()) {
    if (HoldsWhatIsNotComputed(attribute.attributes, item)) return true;
  }
  return false;
}

bool HoldsWhatIsNotComputed(const Attributes& attributes, const Value& object) {
  for (const Attribute& attribute : attributes) {
    if (HoldsWhatIsNotComputed(attribute, object.At(attribute.name))) return true;
  }
  return false;
}

Value ProposedObject(const Attributes& attributes, const Value& prior, const Value& config);

Value ProposedNested(const Attribute& attribute, const Value& prior, const Value& config) {
  if (!config.is_known()) return config;
  if (const Value::Items* items = config.as_list()) {
    Value::Items proposed;
    for (std::size_t i = 0; i < items->size(); ++i) {
      proposed.push_back(ProposedObject(attribute.attributes, Item(prior, i), (*items)[i]));
    }
    return Value::List(std::move(proposed));
  }
  if (attribute.nesting == Attribute::Nesting::kSingle) {
    return ProposedObject(attribute.attributes, prior, config);
  }
  Value::Entries proposed;
  for (const auto& [key, item] : *config.as_map()) {
    proposed.emplace_back(key, ProposedObject(attribute.attributes, prior.At(key), item));
  }
  return Value::Map(std::move(proposed));
}

Value ProposedObject(const Attributes& attributes, const Value& prior, const Value& config) {
  if (!config.is_known()) return config;
  Value::Entries proposed;
  for (const Attribute& attribute : attributes) {
    const Value& before = prior.At(attribute.name);
    const Value& wanted = config.At(attribute.name);
    Value value = wanted;
    if (IsWriteOnly(attribute)) {
      value = Value();
    } else if (IsComputed(attribute) && wanted.is_null()) {
      // An object of which a part was configured was configured itself, and is no more.
      const bool was_configured = IsOptional(attribute) &&
                                  attribute.shape == Attribute::Shape::kObject &&
                                  HoldsWhatIsNotComputed(attribute, before);
      if (!was_configured) value = before;
    } else if (attribute.shape == Attribute::Shape::kObject) {
      value = ProposedNested(attribute, before, wanted);
    }
    proposed.emplace_back(attribute.name, std::move(value));
  }
  return Value::Map(std::move(proposed));
}

// The rules for a plan, by their numbers in the protocol's reference.
class PlanChecker {
 public:
  void Object(const Attributes& attributes, const Value& prior, const Value& config,
              const Value& planned, const std::string& path) {
    for (const Attribute& attribute : attributes) {
      Attributed(attribute, Member(prior, attribute.name), Member(config, attribute.name),
                 Member(planned, attribute.name), absl::StrCat(path, ".", attribute.name));
    }
  }

  std::vector<std::string> errors;

 private:
  void Attributed(const Attribute& attribute, const Value& prior, const Value& config,
                  const Value& planned, const std::string& path) {
    // 3.
    if (IsWriteOnly(attribute)) {
      if (!planned.is_null()) Refuse(path, "is write-only and planned all the same");
      return;
    }
    // 1: as configured. 2: the configuration means what is there.
    if (Unrefined(planned) == Unrefined(config)) return;
    if (planned == prior && !prior.is_null() && !config.is_null()) return;
    // 4 and 5: the provider's to say.
    if (IsComputed(attribute) && (!IsOptional(attribute) || config.is_null())) return;
    // 6.
    if (config.is_null()) return Refuse(path, "was planned, but is not configured");
    // 7.
    if (attribute.shape == Attribute::Shape::kObject) {
      return Nested(attribute, prior, config, planned, path);
    }
    // 8.
    Refuse(path, "does not match the configuration");
  }

  void Nested(const Attribute& attribute, const Value& prior, const Value& config,
              const Value& planned, const std::string& path) {
    if (planned.is_null()) return Refuse(path, "is configured, but planned to be absent");
    if (planned.is_unknown()) return Refuse(path, "is configured, but planned as unknown");
    if (config.is_unknown()) return Refuse(path, "is planned before it is known");
    if (attribute.nesting == Attribute::Nesting::kSingle) {
      return Object(attribute.attributes, prior, config, planned, path);
    }
    if (const Value::Items* items = config.as_list()) {
      if (planned.as_list() == nullptr || planned.as_list()->size() != items->size()) {
        return Refuse(path, "has another length than configured");
      }
      for (std::size_t i = 0; i < items->size(); ++i) {
        Element(attribute, Item(prior, i), (*items)[i], Item(planned, i),
                absl::StrCat(path, "[", i, "]"));
      }
      return;
    }
    if (planned.as_map() == nullptr || !HasSameKeys(*planned.as_map(), *config.as_map())) {
      return Refuse(path, "has other keys than configured");
    }
    for (const auto& [key, item] : *config.as_map()) {
      Element(attribute, prior.At(key), item, planned.At(key),
              absl::StrCat(path, "[\"", key, "\"]"));
    }
  }

  void Element(const Attribute& attribute, const Value& prior, const Value& config,
               const Value& planned, const std::string& path) {
    if (config.is_null() != planned.is_null()) return Refuse(path, "is null in one of them only");
    if (!config.is_null()) Object(attribute.attributes, prior, config, planned, path);
  }

  void Refuse(const std::string& path, absl::string_view why) {
    errors.push_back(absl::StrCat(path, " ", why));
  }
};

// The rules for what follows a plan.
class ResultChecker {
 public:
  void Check(const Value& planned, const Value& actual, const std::string& path) {
    if (planned.is_unknown()) return Promised(*planned.refinement(), actual, path);
    if (actual.is_null() || planned.is_null()) {
      if (actual.is_null() != planned.is_null()) Refuse(path, "is null in one of them only");
      return;
    }
    if (actual.is_unknown()) return Refuse(path, "was known, but now unknown");
    if (const Value::Items* items = planned.as_list()) {
      if (actual.as_list() == nullptr || actual.as_list()->size() != items->size()) {
        return Refuse(path, "has another length");
      }
      for (std::size_t i = 0; i < items->size(); ++i) {
        Check((*items)[i], Item(actual, i), absl::StrCat(path, "[", i, "]"));
      }
      return;
    }
    if (const Value::Entries* entries = planned.as_map()) {
      if (actual.as_map() == nullptr || !HasSameKeys(*entries, *actual.as_map())) {
        return Refuse(path, "has other elements");
      }
      for (const auto& [key, item] : *entries) {
        Check(item, actual.At(key), absl::StrCat(path, ".", key));
      }
      return;
    }
    if (planned != actual) Refuse(path, "has another value");
  }

  std::vector<std::string> errors;

 private:
  void Promised(const Refinement& promise, const Value& actual, const std::string& path) {
    if (promise.not_null && actual.is_null()) Refuse(path, "was promised not to be null");
    if (actual.as_string() != nullptr && !absl::StartsWith(actual.text(), promise.prefix)) {
      Refuse(path, "was promised another beginning");
    }
  }

  void Refuse(const std::string& path, absl::string_view why) {
    errors.push_back(absl::StrCat(path, " ", why));
  }
};

// What stands at a path, and whether the path leads anywhere.
std::pair<Value, bool> At(const Value& object, const Path& path) {
  Value value = object;
  for (const Step& step : path) {
    if (value.is_unknown()) return {Value::Unknown(), true};
    if (step.kind == Step::Kind::kIndex) {
      const Value::Items* items = value.as_list();
      const auto index = static_cast<std::size_t>(step.index);
      if (items == nullptr || index >= items->size()) return {Value(), false};
      value = Value((*items)[index]);
    } else {
      const Value* member = value.Find(step.text);
      if (member == nullptr) return {Value(), false};
      value = Value(*member);
    }
  }
  return {value, true};
}

}  // namespace

Value ProposedNew(const Attributes& attributes, const Value& prior, const Value& config) {
  return ProposedObject(attributes, prior, config);
}

std::vector<std::string> PlanErrors(const Attributes& attributes, const Value& prior,
                                    const Value& config, const Value& planned) {
  if (config.is_null() != planned.is_null()) return {"the object is null in one of them only"};
  if (planned.is_null()) return {};
  if (!planned.is_known()) return {"the object is unknown as a whole"};
  PlanChecker checker;
  checker.Object(attributes, prior, config, planned, "");
  return checker.errors;
}

std::vector<std::string> ResultErrors(const Value& planned, const Value& actual) {
  ResultChecker checker;
  checker.Check(planned, actual, "");
  return checker.errors;
}

bool Replaces(const Value& prior, const Value& planned, const std::vector<Path>& paths,
              std::vector<std::string>& errors) {
  bool replaces = false;
  for (const Path& path : paths) {
    const auto [before, was_there] = At(prior, path);
    const auto [after, is_there] = At(planned, path);
    if (!was_there && !is_there) errors.push_back(absl::StrCat(ToString(path), " is nowhere"));
    replaces = replaces || after.is_unknown() || before != after;
  }
  return replaces;
}

}  // namespace espalier::provider
