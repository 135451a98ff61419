#include "engine/model/validate.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/model/access.h"
#include "engine/model/field.h"
#include "engine/model/maps.h"
#include "engine/model/pattern.h"
#include "engine/model/policy.h"
#include "engine/model/ref.h"
#include "engine/model/scalar.h"
#include "engine/model/source_rules.h"
#include "engine/model/secret_look.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using v1::FieldRules;

constexpr char kInvalid[] = "invalid_value";
constexpr char kMissing[] = "missing_field";

constexpr char kNameForm[] =
    "must be a name: lower-case letters, digits and -, beginning and ending with a letter or "
    "digit, "
    "at most 63 bytes";

// A value in a message: what may be a secret is not told to everybody who reads the message.
std::string Quoted(absl::string_view value) {
  return LooksLikeSecret(value) ? "what looks like a secret" : absl::StrCat("\"", value, "\"");
}

void WarnOfSecret(absl::string_view value, const std::string& path, Problems& problems) {
  if (!LooksLikeSecret(value)) return;
  problems.Warning("looks_like_secret", path,
                   "looks like a secret, and everybody who can read this can read it");
}

// The fields of one message and what lies below it.
class SpecChecker {
 public:
  SpecChecker(const std::vector<std::string>& unknown, Problems& problems)
      : unknown_(unknown), problems_(problems) {}

  void Check(const Message& message, const std::string& path) {
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      CheckField(message, field, absl::StrCat(path, ".", field.name()));
    }
    for (const std::vector<std::string>& group : ExactlyOneOf(*message.GetDescriptor())) {
      CheckExactlyOne(message, group, path);
    }
  }

 private:
  bool IsUnknown(const std::string& path) const {
    return std::find(unknown_.begin(), unknown_.end(), path) != unknown_.end();
  }
  // Something at or below `path` will be known later, so that `path` is there.
  bool WillBeThere(const std::string& path) const {
    return std::any_of(unknown_.begin(), unknown_.end(), [&](absl::string_view unknown) {
      return absl::ConsumePrefix(&unknown, path) &&
             (unknown.empty() || unknown[0] == '.' || unknown[0] == '[');
    });
  }
  static bool IsPresent(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    return field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                               : reflection.HasField(message, &field);
  }

  void CheckField(const Message& message, const FieldDescriptor& field, const std::string& path) {
    if (IsUnknown(path)) return;
    const FieldRules& rules = RulesOf(field);
    if (!IsPresent(message, field)) {
      if (Has(rules, FieldRules::REQUIRED) && !WillBeThere(path)) {
        problems_.Error(kMissing, path, "is required");
      }
      return;
    }
    if (IsDeprecated(field)) {
      const std::string instead = DeprecationOf(field);
      problems_.Warning(kDeprecatedField, path,
                        absl::StrCat("is deprecated", instead.empty() ? "" : ": ", instead));
    }
    if (field.is_map()) return CheckMap(message, field, path);
    if (field.is_repeated()) return CheckList(message, field, path);
    if (IsScalar(field)) return CheckScalar(message, field, rules, 0, path);
    Check(message.GetReflection()->GetMessage(message, &field), path);
  }

  void CheckMap(const Message& message, const FieldDescriptor& field, const std::string& path) {
    const FieldRules& rules = RulesOf(field);
    const std::vector<MapEntry> entries = SortedEntries(message, field);
    CheckCount(static_cast<std::int64_t>(entries.size()), rules, path);
    const FieldDescriptor& value = *field.message_type()->map_value();
    for (const MapEntry& entry : entries) {
      const std::string at = absl::StrCat(path, "[", entry.key, "]");
      if (entry.key.empty()) {
        problems_.Error(kInvalid, at, "a key must not be empty");
      } else if (!rules.key_pattern().empty() && !MatchesPattern(rules.key_pattern(), entry.key)) {
        problems_.Error(kInvalid, at, absl::StrCat("the key must match ", rules.key_pattern()));
      }
      if (IsUnknown(at)) continue;
      if (!IsScalar(value)) {
        Check(entry.entry->GetReflection()->GetMessage(*entry.entry, &value), at);
      } else if (value.cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
                 !Has(rules, FieldRules::SECRET)) {
        WarnOfSecret(TextOf(*entry.entry, value, 0), at, problems_);
      }
    }
  }

  void CheckList(const Message& message, const FieldDescriptor& field, const std::string& path) {
    const FieldRules& rules = RulesOf(field);
    const int size = message.GetReflection()->FieldSize(message, &field);
    CheckCount(size, rules, path);
    // Bounds are about the list; what else the options say is about each item.
    FieldRules item_rules;
    item_rules.set_pattern(rules.pattern());
    item_rules.set_ref(rules.ref());
    for (int i = 0; i < size; ++i) {
      const std::string at = absl::StrCat(path, "[", i, "]");
      if (IsUnknown(at)) continue;
      if (IsScalar(field)) {
        CheckScalar(message, field, item_rules, i, at);
      } else {
        Check(message.GetReflection()->GetRepeatedMessage(message, &field, i), at);
      }
    }
  }

  void CheckCount(std::int64_t count, const FieldRules& rules, const std::string& path) {
    if (rules.has_max() && count > rules.max()) {
      problems_.Error(
          kInvalid, path,
          absl::StrCat("has ", count, " entries, at most ", rules.max(), " are allowed"));
    }
    if (rules.has_min() && count < rules.min() && !WillBeThere(path)) {
      problems_.Error(
          kInvalid, path,
          absl::StrCat("has ", count, " entries, at least ", rules.min(), " are needed"));
    }
  }

  void CheckScalar(const Message& message, const FieldDescriptor& field, const FieldRules& rules,
                   int index, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (!Has(RulesOf(field), FieldRules::SECRET)) {
          WarnOfSecret(TextOf(message, field, index), path, problems_);
        }
        return CheckString(TextOf(message, field, index), rules, path);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = field.is_repeated()
                               ? reflection.GetRepeatedEnumValue(message, &field, index)
                               : reflection.GetEnumValue(message, &field);
        if (number == 0 || field.enum_type()->FindValueByNumber(number) == nullptr) {
          problems_.Error(
              kInvalid, path,
              absl::StrCat("must be one of ", absl::StrJoin(EnumNames(*field.enum_type()), ", ")));
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return CheckNumber(reflection.GetInt32(message, &field), rules, path);
      case FieldDescriptor::CPPTYPE_UINT32:
        return CheckNumber(reflection.GetUInt32(message, &field), rules, path);
      case FieldDescriptor::CPPTYPE_INT64:
        return CheckNumber(reflection.GetInt64(message, &field), rules, path);
      default:
        return;
    }
  }

  void CheckNumber(std::int64_t value, const FieldRules& rules, const std::string& path) {
    const std::int64_t min = rules.has_min() ? rules.min() : -limits::kMaxInteger;
    const std::int64_t max = rules.has_max() ? rules.max() : limits::kMaxInteger;
    if (value >= min && value <= max) return;
    problems_.Error(kInvalid, path,
                    value < min ? absl::StrCat("is ", value, ", must be at least ", min)
                                : absl::StrCat("is ", value, ", must be at most ", max));
  }

  void CheckString(const std::string& value, const FieldRules& rules, const std::string& path) {
    const auto size = static_cast<std::int64_t>(value.size());
    if (rules.has_min() && size < rules.min()) {
      problems_.Error(kInvalid, path,
                      size == 0 ? "must not be empty"
                                : absl::StrCat("must have at least ", rules.min(), " bytes"));
      return;
    }
    if (rules.has_max() && size > rules.max()) {
      problems_.Error(kInvalid, path,
                      absl::StrCat("has ", size, " bytes, at most ", rules.max(), " are allowed"));
      return;
    }
    if (!rules.pattern().empty() && !MatchesPattern(rules.pattern(), value)) {
      problems_.Error(kInvalid, path,
                      absl::StrCat("is ", Quoted(value), ", must match ", rules.pattern()));
    }
    if (!rules.ref().empty()) CheckReference(value, rules.ref(), path);
  }

  void CheckReference(const std::string& value, const std::string& kind, const std::string& path) {
    const KindInfo* info = FindKind(kind);
    ESPALIER_CHECK(info != nullptr);
    // Only images can be named without an object of ours: by what a registry calls them.
    if (info->kind == Kind::kImage && absl::StrContains(value, "/")) {
      if (!IsImageReference(value)) {
        problems_.Error(kInvalid, path,
                        absl::StrCat("is ", Quoted(value),
                                     ", which is no OCI reference such as "
                                     "registry.example/macos/sonoma:14.6"));
      }
      return;
    }
    if (!IsValidName(value)) {
      problems_.Error(kInvalid, path, absl::StrCat("is ", Quoted(value), ", ", kNameForm));
    }
  }

  void CheckExactlyOne(const Message& message, const std::vector<std::string>& group,
                       const std::string& path) {
    std::vector<std::string> present;
    bool one_may_come = false;
    for (const std::string& name : group) {
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
      ESPALIER_CHECK(field != nullptr);
      const std::string at = absl::StrCat(path, ".", name);
      if (WillBeThere(at)) {
        one_may_come = true;
      } else if (IsPresent(message, *field)) {
        present.push_back(name);
      }
    }
    const auto is_seal = [&](const std::string& name) {
      return Has(RulesOf(*message.GetDescriptor()->FindFieldByName(name)), FieldRules::SEALED);
    };
    // A seal beside something else is what somebody read there, and nobody makes one up.
    if (present.size() > 1) std::erase_if(present, is_seal);
    std::vector<std::string> choices = group;
    std::erase_if(choices, is_seal);
    const std::string all = absl::StrJoin(choices, ", ");
    if (present.empty() && !one_may_come) {
      problems_.Error(kMissing, path,
                      group.size() == 1 ? absl::StrCat(all, " is required")
                                        : absl::StrCat("exactly one of ", all, " is required"));
    } else if (present.size() > 1) {
      problems_.Error(
          kInvalid, absl::StrCat(path, ".", present[1]),
          absl::StrCat("only one of ", all, " may be given, ", present[0], " is given as well"));
    }
  }

  const std::vector<std::string>& unknown_;
  Problems& problems_;
};

bool IsKeyByte(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("._-/", absl::string_view(&c, 1));
}

bool IsLabelKey(absl::string_view key) {
  return !key.empty() && key.size() <= limits::kLabelBytes && absl::ascii_isalnum(key.front()) &&
         absl::ascii_isalnum(key.back()) && std::all_of(key.begin(), key.end(), IsKeyByte);
}

void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                 const std::string& path, std::size_t value_bytes, Problems& problems) {
  if (labels.size() > limits::kLabels) {
    problems.Error(
        kInvalid, path,
        absl::StrCat("has ", labels.size(), " entries, at most ", limits::kLabels, " are allowed"));
    return;
  }
  // Maps have no order; problems shall have one.
  std::vector<std::string> keys;
  for (const auto& [key, value] : labels) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : keys) {
    const std::string at = absl::StrCat(path, "[", key, "]");
    const std::string& value = labels.at(key);
    if (!IsLabelKey(key)) {
      problems.Error(kInvalid, at,
                     absl::StrCat("the key must be letters, digits and ._-/, beginning and ending "
                                  "with a letter or digit, at most ",
                                  limits::kLabelBytes, " bytes"));
    }
    if (value.size() > value_bytes) {
      problems.Error(
          kInvalid, at,
          absl::StrCat("has ", value.size(), " bytes, at most ", value_bytes, " are allowed"));
    }
    WarnOfSecret(value, at, problems);
  }
}

void CheckName(const Resource& resource, Problems& problems) {
  const KindInfo& kind = InfoOf(resource.body_case());
  const std::string& name = resource.metadata().name();
  if (name.empty()) {
    problems.Error(kMissing, "metadata.name", "is required");
  } else if (!IsValidName(name)) {
    problems.Error(kInvalid, "metadata.name", absl::StrCat("is \"", name, "\", ", kNameForm));
  } else if (kind.only_builtin &&
             std::find(kind.builtin.begin(), kind.builtin.end(), name) == kind.builtin.end()) {
    problems.Error(kInvalid, "metadata.name",
                   absl::StrCat("is \"", name, "\", the only ", kind.name, " is ",
                                absl::StrJoin(kind.builtin, ", ")));
  }
}

void CheckNamespace(const Resource& resource, Problems& problems) {
  const KindInfo& kind = InfoOf(resource.body_case());
  const std::string& ns = resource.metadata().namespace_();
  if (ns.empty()) return;
  if (!kind.namespaced) {
    problems.Error(kInvalid, "metadata.namespace",
                   absl::StrCat(kind.title, " has no namespace; leave the field out"));
  } else if (!IsValidName(ns)) {
    problems.Error(kInvalid, "metadata.namespace", absl::StrCat("is \"", ns, "\", ", kNameForm));
  }
}

}  // namespace

void ValidateFields(const Message& message, const std::string& path,
                    const std::vector<std::string>& unknown, Problems& problems) {
  SpecChecker(unknown, problems).Check(message, path);
}

void Validate(const Resource& resource, const std::vector<std::string>& unknown,
              Problems& problems) {
  if (resource.body_case() == kNoKind) {
    problems.Error(kMissing, "kind", "is required");
    return;
  }
  Problems found;
  if (std::find(unknown.begin(), unknown.end(), "metadata.name") == unknown.end()) {
    CheckName(resource, found);
  }
  CheckNamespace(resource, found);
  CheckLabels(resource.metadata().labels(), "metadata.labels", limits::kLabelBytes, found);
  CheckLabels(resource.metadata().annotations(), "metadata.annotations", limits::kAnnotationBytes,
              found);
  CheckPolicies(resource, found);
  const Message& spec = SpecOf(resource);
  if (spec.ByteSizeLong() > limits::kObjectBytes) {
    found.Error("too_large", "spec",
                absl::StrCat("has ", spec.ByteSizeLong(), " bytes, at most ", limits::kObjectBytes,
                             " are allowed"));
  }
  ValidateFields(spec, "spec", unknown, found);
  if (resource.has_git_source()) CheckSourceRules(resource, found);
  const v1::Ref ref = ToProto(RefOf(resource));
  for (Problem& problem : found.list()) *problem.mutable_ref() = ref;
  problems.Append(found);
}

}  // namespace espalier
