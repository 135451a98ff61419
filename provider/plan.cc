#include "provider/plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/access.h"
#include "engine/model/diff.h"
#include "engine/model/validate.h"
#include "provider/call_schema.h"
#include "provider/readiness.h"
#include "provider/write_only.h"

namespace espalier::provider {
namespace {

Value UnknownButNotNull() {
  Refinement refinement;
  refinement.not_null = true;
  return Value::Unknown(refinement);
}

Value WithDefaults(const Attributes& attributes, const Value& object);

// The configured value with defaults in it, at any depth.
Value WithDefault(const Attribute& attribute, const Value& value) {
  if (value.is_null()) {
    return attribute.use == Attribute::Use::kDefaulted ? attribute.default_value : value;
  }
  if (value.is_unknown() || attribute.shape != Attribute::Shape::kObject) return value;
  if (const Value::Items* items = value.as_list()) {
    Value::Items filled;
    filled.reserve(items->size());
    for (const Value& item : *items) filled.push_back(WithDefaults(attribute.attributes, item));
    return Value::List(std::move(filled));
  }
  if (attribute.nesting == Attribute::Nesting::kSingle) {
    return WithDefaults(attribute.attributes, value);
  }
  Value::Entries filled;
  filled.reserve(value.as_map()->size());
  for (const auto& [key, item] : *value.as_map()) {
    filled.emplace_back(key, WithDefaults(attribute.attributes, item));
  }
  return Value::Map(std::move(filled));
}

Value WithDefaults(const Attributes& attributes, const Value& object) {
  if (!object.is_known()) return object;
  Value::Entries filled;
  filled.reserve(attributes.size());
  for (const Attribute& attribute : attributes) {
    filled.emplace_back(attribute.name, WithDefault(attribute, object.At(attribute.name)));
  }
  return Value::Map(std::move(filled));
}

Value IdOf(const Schema& schema, const Value& object) {
  const Value& name = object.At(kName);
  if (!schema.kind->namespaced) return name;
  const Value& ns = object.At(kNamespace);
  if (!name.is_known() || !ns.is_known()) return UnknownButNotNull();
  return Value::String(absl::StrCat(ns.text(), "/", name.text()));
}

// What the configuration decides; the engine's own attributes stay null.
Value Declared(const Schema& schema, const Value& prior, const Value& config,
               const Value& default_namespace) {
  Value declared =
      WithoutSecrets(schema.attributes, prior, WithDefaults(schema.attributes, config));
  if (schema.kind->namespaced && declared.At(kNamespace).is_null()) {
    declared.Set(kNamespace, default_namespace);
  }
  declared.Set(kId, IdOf(schema, declared));
  return declared;
}

void SetNew(const Schema& schema, Value& planned) {
  planned.Set(kUid, UnknownButNotNull());
  if (Find(schema.attributes, kStatus) != nullptr) planned.Set(kStatus, UnknownButNotNull());
}

// What an update keeps. A change of the spec may move a VM or its ports; one of labels may not.
void SetKept(const Schema& schema, const Value& prior, bool spec_changes, Value& planned) {
  planned.Set(kUid, prior.At(kUid));
  if (Find(schema.attributes, kStatus) == nullptr) return;
  planned.Set(kStatus, spec_changes ? UnknownButNotNull() : prior.At(kStatus));
}

bool IsSpec(const Attribute& attribute) { return !attribute.path.empty(); }

// The attributes at the top level that must not change while the object lives, and do.
std::vector<Path> Replacing(const Schema& schema, const Value& prior, const Value& planned,
                            const Converted& wanted) {
  std::vector<std::string> names;
  for (const char* name : {kName, kNamespace}) {
    if (prior.At(name) != planned.At(name)) names.push_back(name);
  }
  Problems ignored;
  Converted before = ToResource(schema, prior, ignored);
  AddStatus(schema, prior, before.resource);
  Converted after = wanted;
  ApplyDefaults(before.resource);
  ApplyDefaults(after.resource);
  for (const FieldChange& change : Diff(before.resource, after.resource, wanted.unknown)) {
    if (!change.forces_replace()) continue;
    const Path path = PathOfModel(change.path());
    if (path.empty()) continue;
    // What the model cannot hold counts as unknown there and as changed, whether it is or not; core
    // replaces only for what it sees change.
    const std::string& name = path.front().text;
    if (prior.At(name) != planned.At(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<Path> paths;
  paths.reserve(names.size());
  for (const std::string& name : names) paths.push_back({AttributeStep(name)});
  return paths;
}

void ValidateWaiting(const Value& config, const Resource& resource, Problems& problems) {
  const std::vector<std::string> conditions = ConditionsOf(resource.body_case());
  const Value& wait_for = config.At(kWaitFor);
  if (wait_for.is_known() &&
      std::find(conditions.begin(), conditions.end(), wait_for.text()) == conditions.end()) {
    problems.Error("invalid_value", absl::StrCat("metadata.", kWaitFor),
                   absl::StrCat("must be one of ", absl::StrJoin(conditions, ", ")));
  }
  const Number* min_ready = config.At(kMinReady).as_number();
  if (min_ready == nullptr) return;
  const std::optional<std::int64_t> least = min_ready->AsInt64();
  const std::optional<std::int64_t> wanted = MembersWanted(resource);
  if (!least || *least < 0) {
    problems.Error("invalid_value", absl::StrCat("metadata.", kMinReady),
                   "must be a whole number, 0 or more");
  } else if (wanted && *least > *wanted) {
    problems.Error("invalid_value", absl::StrCat("metadata.", kMinReady),
                   absl::StrCat("must not be more than there shall be, which is ", *wanted));
  }
}

// Whether the path is that of a secret, which has another name in Terraform.
bool IsOfSecret(const Attributes& attributes, const Path& path) {
  const Attributes* at = &attributes;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i].kind != Step::Kind::kAttribute) continue;
    const Attribute* attribute = Find(*at, path[i].text);
    if (attribute == nullptr) {
      return i + 1 == path.size() &&
             std::any_of(at->begin(), at->end(), [&](const Attribute& other) {
               return other.secret == Attribute::Secret::kValue &&
                      other.path.back()->name() == path[i].text;
             });
    }
    at = &attribute->attributes;
  }
  return false;
}

}  // namespace

bool TouchesEngine(const Schema& schema, const Value& prior, const Value& planned) {
  return std::any_of(
      schema.attributes.begin(), schema.attributes.end(), [&](const Attribute& attribute) {
        return !IsOfProvider(attribute.name) && attribute.use != Attribute::Use::kComputed &&
               prior.At(attribute.name) != planned.At(attribute.name);
      });
}

Change PlanChange(const Schema& schema, const Value& prior, const Value& config,
                  const Value& default_namespace, Takeover takeover, Problems& problems) {
  Change change;
  if (config.is_null()) {
    change.verb = prior.is_null() ? Change::Verb::kNone : Change::Verb::kDelete;
    return change;
  }
  if (config.is_unknown()) {
    problems.Error("invalid_value", "", "must be an object; only what is in it may be unknown");
    change.planned = prior;
    return change;
  }
  change.planned = Declared(schema, prior, config, default_namespace);
  change.wanted = ToResource(schema, change.planned, problems);
  if (prior.is_null()) {
    change.verb = Change::Verb::kCreate;
    SetNew(schema, change.planned);
    return change;
  }
  const bool spec_changes = std::any_of(
      schema.attributes.begin(), schema.attributes.end(), [&](const Attribute& attribute) {
        return IsSpec(attribute) && prior.At(attribute.name) != change.planned.At(attribute.name);
      });
  const bool takes_over = takeover != Takeover::kNone;
  SetKept(schema, prior, spec_changes || takes_over, change.planned);
  // An owner is no attribute: something has to differ for core to ask for the update. The status
  // does, or else this, whatever differs besides: what is unknown may turn out to be what was
  // there.
  if (takes_over && Find(schema.attributes, kStatus) == nullptr) {
    change.planned.Set(kUid, UnknownButNotNull());
  }
  if (change.planned == prior) return change;
  change.requires_replace = Replacing(schema, prior, change.planned, change.wanted);
  if (change.requires_replace.empty()) {
    change.verb = Change::Verb::kUpdate;
  } else {
    change.verb = Change::Verb::kReplace;
    SetNew(schema, change.planned);
  }
  return change;
}

void ValidateConfig(const Schema& schema, const Value& config, Problems& problems,
                    bool write_only_allowed) {
  if (!config.is_known()) return;
  Converted converted = ToResource(schema, config, problems);
  // The provider's namespace is not known here, and stands in for none.
  ApplyDefaults(converted.resource);
  Validate(converted.resource, converted.unknown, problems);
  for (Problem& problem : problems.list()) {
    if (IsOfSecret(schema.attributes, PathOfModel(problem.path())))
      problem.mutable_path()->append("_wo");
  }
  ValidateWriteOnly(schema.attributes, config, write_only_allowed, problems);
  const Value& timeouts = config.At(kTimeouts);
  for (const char* step : {"create", "delete", "update"}) {
    if (IsNoDuration(timeouts, step)) {
      problems.Error("invalid_value", absl::StrCat("metadata.timeouts.", step),
                     absl::StrCat("must be ", kDurationText));
    }
  }
  ValidateWaiting(config, converted.resource, problems);
}

Value Settle(const Value& planned, const Value& actual) {
  if (planned.is_unknown()) return actual;
  if (const Value::Entries* entries = planned.as_map()) {
    Value::Entries settled;
    settled.reserve(entries->size());
    for (const auto& [key, value] : *entries)
      settled.emplace_back(key, Settle(value, actual.At(key)));
    return Value::Map(std::move(settled));
  }
  if (const Value::Items* items = planned.as_list()) {
    Value::Items settled;
    settled.reserve(items->size());
    const Value::Items* others = actual.as_list();
    for (std::size_t i = 0; i < items->size(); ++i) {
      const bool there = others != nullptr && i < others->size();
      settled.push_back(Settle((*items)[i], there ? (*others)[i] : Value()));
    }
    return Value::List(std::move(settled));
  }
  return planned;
}

}  // namespace espalier::provider
