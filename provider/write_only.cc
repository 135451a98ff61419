#include "provider/write_only.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

using Secret = Attribute::Secret;

const Attribute* FindOf(const Attributes& attributes, Secret secret) {
  const auto found =
      std::find_if(attributes.begin(), attributes.end(),
                   [&](const Attribute& attribute) { return attribute.secret == secret; });
  return found != attributes.end() ? &*found : nullptr;
}

// The names of a secret's attributes; no value if the object has none.
struct Names {
  std::string value;
  std::string version;
  std::string seal;
};
std::optional<Names> NamesIn(const Attributes& attributes) {
  const Attribute* value = FindOf(attributes, Secret::kValue);
  const Attribute* version = FindOf(attributes, Secret::kVersion);
  const Attribute* seal = FindOf(attributes, Secret::kSeal);
  if (value == nullptr || version == nullptr || seal == nullptr) return std::nullopt;
  return Names{value->name, version->name, seal->name};
}

// The same element of another value; null if it has none.
const Value& ItemOf(const Value& list, std::size_t index) {
  static const Value& null = *new Value();
  const Value::Items* items = list.as_list();
  return items != nullptr && index < items->size() ? (*items)[index] : null;
}

// Goes down two more values beside the one that is rewritten.
class Rewriter {
 public:
  // What becomes of an object that has a secret.
  using Rewrite =
      absl::FunctionRef<Value(const Names&, Value object, const Value& one, const Value& other)>;
  explicit Rewriter(Rewrite rewrite) : rewrite_(rewrite) {}

  Value Object(const Attributes& attributes, const Value& object, const Value& one,
               const Value& other) const {
    if (!object.is_known() || !HaveSecrets(attributes)) return object;
    Value::Entries rewritten;
    rewritten.reserve(attributes.size());
    for (const Attribute& attribute : attributes) {
      rewritten.emplace_back(
          attribute.name, Attributed(attribute, object.At(attribute.name), one.At(attribute.name),
                                     other.At(attribute.name)));
    }
    Value value = Value::Map(std::move(rewritten));
    const std::optional<Names> names = NamesIn(attributes);
    return names ? rewrite_(*names, std::move(value), one, other) : value;
  }

 private:
  Value Attributed(const Attribute& attribute, const Value& value, const Value& one,
                   const Value& other) const {
    if (attribute.shape != Attribute::Shape::kObject || !value.is_known()) return value;
    if (attribute.nesting == Attribute::Nesting::kSingle) {
      return Object(attribute.attributes, value, one, other);
    }
    if (const Value::Items* items = value.as_list()) {
      Value::Items rewritten;
      rewritten.reserve(items->size());
      for (std::size_t i = 0; i < items->size(); ++i) {
        rewritten.push_back(
            Object(attribute.attributes, (*items)[i], ItemOf(one, i), ItemOf(other, i)));
      }
      return Value::List(std::move(rewritten));
    }
    Value::Entries rewritten;
    rewritten.reserve(value.as_map()->size());
    for (const auto& [key, item] : *value.as_map()) {
      rewritten.emplace_back(key, Object(attribute.attributes, item, one.At(key), other.At(key)));
    }
    return Value::Map(std::move(rewritten));
  }

  const Rewrite rewrite_;
};

class Checker {
 public:
  Checker(bool allowed, Problems& problems) : allowed_(allowed), problems_(problems) {}

  void Object(const Attributes& attributes, const Value& object, const std::string& path) {
    if (!object.is_known() || !HaveSecrets(attributes)) return;
    for (const Attribute& attribute : attributes) {
      if (attribute.shape != Attribute::Shape::kObject) continue;
      Attributed(attribute, object.At(attribute.name), absl::StrCat(path, ".", attribute.name));
    }
    if (const std::optional<Names> names = NamesIn(attributes)) Check(*names, object, path);
  }

 private:
  void Attributed(const Attribute& attribute, const Value& value, const std::string& path) {
    if (!value.is_known()) return;
    if (attribute.nesting == Attribute::Nesting::kSingle) {
      return Object(attribute.attributes, value, path);
    }
    if (const Value::Items* items = value.as_list()) {
      for (std::size_t i = 0; i < items->size(); ++i) {
        Object(attribute.attributes, (*items)[i], absl::StrCat(path, "[", i, "]"));
      }
      return;
    }
    for (const auto& [key, item] : *value.as_map()) {
      Object(attribute.attributes, item, absl::StrCat(path, "[", key, "]"));
    }
  }

  void Check(const Names& names, const Value& object, const std::string& path) {
    const Value& value = object.At(names.value);
    const Value& version = object.At(names.version);
    const std::string at_value = absl::StrCat(path, ".", names.value);
    const std::string at_version = absl::StrCat(path, ".", names.version);
    if (!value.is_null() && !allowed_) {
      problems_.Error("invalid_value", at_value,
                      "this version of Terraform would store the secret in its state: write-only "
                      "arguments need Terraform 1.11 or OpenTofu 1.11");
    }
    // Whether it is new is told by the version alone, as state holds no secret to compare with.
    if (value.is_known() && !value.is_null() && version.is_null()) {
      problems_.Error("missing_field", at_version,
                      absl::StrCat("is required with ", names.value,
                                   ": raise it whenever the secret is a new one"));
    }
    if (value.is_null() && version.is_known() && !version.is_null()) {
      problems_.Error("missing_field", at_value, absl::StrCat("is required with ", names.version));
    }
    if (!version.is_null() && !object.At(names.seal).is_null()) {
      problems_.Error(
          "invalid_value", absl::StrCat(path, ".", names.seal),
          absl::StrCat("stands for the secret that the engine keeps; leave it out where ",
                       names.value, " is given"));
    }
  }

  const bool allowed_;
  Problems& problems_;
};

// Whether the configuration's secret is the one that was given before.
bool IsGivenAlready(const Names& names, const Value& prior, const Value& planned) {
  const Value& version = planned.At(names.version);
  return version.is_known() && !version.is_null() && prior.is_known() &&
         prior.At(names.version) == version;
}

}  // namespace

bool HaveSecrets(const Attributes& attributes) {
  return std::any_of(attributes.begin(), attributes.end(), [](const Attribute& attribute) {
    return attribute.secret == Secret::kValue || attribute.holds_secrets;
  });
}

void ValidateWriteOnly(const Attributes& attributes, const Value& config, bool allowed,
                       Problems& problems) {
  Checker(allowed, problems).Object(attributes, config, "spec");
}

Value WithoutSecrets(const Attributes& attributes, const Value& prior, const Value& config) {
  const auto rewrite = [](const Names& names, Value object, const Value& before, const Value&) {
    object.Set(names.value, Value());
    const Value& version = object.At(names.version);
    if (!object.At(names.seal).is_null() || version.is_null()) return object;
    object.Set(names.seal, IsGivenAlready(names, before, object) ? Value(before.At(names.seal))
                                                                 : Value::Unknown());
    return object;
  };
  return Rewriter(rewrite).Object(attributes, config, prior, Value());
}

Value WithSecrets(const Attributes& attributes, const Value& prior, const Value& planned,
                  const Value& config) {
  const auto rewrite = [](const Names& names, Value object, const Value& before,
                          const Value& configured) {
    if (object.At(names.version).is_null()) return object;
    // A seal that is missing is no way to say "the same".
    if (IsGivenAlready(names, before, object) && !object.At(names.seal).is_null()) return object;
    object.Set(names.value, configured.At(names.value));
    object.Set(names.seal, Value());
    return object;
  };
  return Rewriter(rewrite).Object(attributes, planned, prior, config);
}

Value WithVersions(const Attributes& attributes, const Value& answered, const Value& ours) {
  const auto rewrite = [](const Names& names, Value object, const Value& known, const Value&) {
    const Value& seal = object.At(names.seal);
    const bool is_ours = !seal.is_null() && known.At(names.seal) == seal;
    object.Set(names.version, is_ours ? Value(known.At(names.version)) : Value());
    return object;
  };
  return Rewriter(rewrite).Object(attributes, answered, ours, Value());
}

}  // namespace espalier::provider
