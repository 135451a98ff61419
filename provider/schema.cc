#include "provider/schema.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "engine/base/check.h"
#include "engine/model/field.h"
#include "provider/readiness.h"
#include "provider/settings.h"
#include "provider/write_only.h"

namespace espalier::provider {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

Attribute::Shape ShapeOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Attribute::Shape::kBool;
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_ENUM:
      return Attribute::Shape::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Attribute::Shape::kObject;
    default:
      return Attribute::Shape::kNumber;
  }
}

Value DefaultOf(const FieldDescriptor& field, const v1::FieldRules& rules) {
  if (!rules.has_default_()) return Value();
  switch (ShapeOf(field)) {
    case Attribute::Shape::kBool:
      return Value::Bool(rules.default_() == "true");
    case Attribute::Shape::kNumber: {
      absl::StatusOr<Number> number = Number::Parse(rules.default_());
      ESPALIER_CHECK(number.ok());
      return Value::Of(*std::move(number));
    }
    default:
      return Value::String(rules.default_());
  }
}

constexpr absl::string_view kReplaces = " A change replaces the object.";

// What the options say, in words, behind the field's comment.
std::string Describe(const FieldDescriptor& field, const v1::FieldRules& rules) {
  std::string text = CommentOf(field);
  if (field.enum_type() != nullptr) {
    absl::StrAppend(&text, " One of: ", absl::StrJoin(EnumNames(*field.enum_type()), ", "), ".");
  }
  if (rules.has_default_()) absl::StrAppend(&text, " Default: ", rules.default_(), ".");
  return text;
}

Attribute::Use UseOf(const v1::FieldRules& rules) {
  if (Has(rules, v1::FieldRules::REQUIRED)) return Attribute::Use::kRequired;
  return rules.has_default_() ? Attribute::Use::kDefaulted : Attribute::Use::kOptional;
}

// "Use cpu."
std::optional<std::string> DeprecationSentence(const FieldDescriptor& field) {
  if (!IsDeprecated(field)) return std::nullopt;
  std::string instead = DeprecationOf(field);
  if (instead.empty()) return instead;
  instead[0] = absl::ascii_toupper(static_cast<unsigned char>(instead[0]));
  return instead + ".";
}

// The attribute of a field: its own, or of the values of a map.
Attribute AttributeOf(const FieldDescriptor& field) {
  const v1::FieldRules& rules = RulesOf(field);
  Attribute attribute;
  attribute.name = field.name();
  attribute.path = {&field};
  attribute.use = UseOf(rules);
  attribute.sensitive = Has(rules, v1::FieldRules::SECRET);
  attribute.description = Describe(field, rules);
  attribute.deprecation = DeprecationSentence(field);
  attribute.default_value = DefaultOf(field, rules);
  const FieldDescriptor* value = &field;
  if (field.is_map()) {
    attribute.nesting = Attribute::Nesting::kMap;
    value = field.message_type()->map_value();
  } else if (field.is_repeated()) {
    attribute.nesting = Attribute::Nesting::kList;
  }
  attribute.shape = ShapeOf(*value);
  if (attribute.shape == Attribute::Shape::kObject) {
    attribute.attributes = AttributesOf(*value->message_type());
    attribute.holds_secrets = HaveSecrets(attribute.attributes);
  }
  return attribute;
}

// A secret under the name that write-only arguments have everywhere, and its version.
void AddSecret(Attribute attribute, Attributes& attributes) {
  attribute.name += "_wo";
  attribute.secret = Attribute::Secret::kValue;
  Attribute version =
      NumberAttribute(attribute.name + "_version", Attribute::Use::kOptional,
                      absl::StrCat("Goes with `", attribute.name,
                                   "`: it is sent when this differs from the last "
                                   "time. Raise it whenever the secret is a new one."));
  version.secret = Attribute::Secret::kVersion;
  attributes.push_back(std::move(attribute));
  attributes.push_back(std::move(version));
}

void MakeComputed(Attributes& attributes) {
  // Only configurations give secrets.
  std::erase_if(attributes, [](const Attribute& attribute) {
    return attribute.secret == Attribute::Secret::kValue ||
           attribute.secret == Attribute::Secret::kVersion;
  });
  for (Attribute& attribute : attributes) {
    attribute.use = Attribute::Use::kComputed;
    attribute.default_value = Value();
    attribute.holds_secrets = false;
    MakeComputed(attribute.attributes);
  }
}

Attribute TextMap(absl::string_view name, absl::string_view description) {
  Attribute attribute = TextAttribute(name, Attribute::Use::kOptional, description);
  attribute.nesting = Attribute::Nesting::kMap;
  return attribute;
}

Attribute TimeoutsAttribute(const KindInfo& kind) {
  Attribute attribute = TextAttribute(kTimeouts, Attribute::Use::kOptional,
                                      "How long each step may take, like \"90s\" or \"1h30m\".");
  attribute.shape = Attribute::Shape::kObject;
  const std::string fallback = absl::FormatDuration(DefaultTimeout(kind.kind));
  for (const char* step : {"create", "delete", "update"}) {
    attribute.attributes.push_back(TextAttribute(
        step, Attribute::Use::kOptional, absl::StrCat("For ", step, ". Default: ", fallback, ".")));
  }
  return attribute;
}

// Where there is something to choose.
void AddWaiting(const KindInfo& kind, Attributes& attributes) {
  const std::vector<std::string> conditions = ConditionsOf(kind.kind);
  if (!conditions.empty()) {
    std::string text = "What create and update wait for:";
    for (const std::string& condition : conditions) {
      absl::StrAppend(&text, condition == conditions.front() ? " " : "; ", "`", condition, "`, ",
                      DescribeCondition(condition));
    }
    absl::StrAppend(&text, ". Default: ", conditions.front(), ".");
    attributes.push_back(TextAttribute(kWaitFor, Attribute::Use::kOptional, text));
  }
  if (HasMembers(kind.kind)) {
    attributes.push_back(
        NumberAttribute(kMinReady, Attribute::Use::kOptional,
                        "Create and update wait until so many members run. Default: 0."));
  }
}

// Only what changes with the object's life and not from minute to minute, so that a plan stays
// empty as long as nobody changes anything.
Attribute StatusAttribute(const std::vector<StableField>& fields) {
  Attribute status =
      TextAttribute(kStatus, Attribute::Use::kComputed, "What is, as far as it is lasting.");
  status.shape = Attribute::Shape::kObject;
  for (const StableField& field : fields) {
    Attribute attribute = AttributeOf(*field.path.back());
    attribute.name = field.name;
    // The path begins with the status itself.
    attribute.path = {field.path.begin() + 1, field.path.end()};
    status.attributes.push_back(std::move(attribute));
  }
  MakeComputed(status.attributes);
  status.attributes = SortedByName(std::move(status.attributes));
  return status;
}

Attributes IdentityAttributes(const KindInfo& kind) {
  using Use = Attribute::Use;
  Attributes attributes = {TextAttribute(kName, Use::kRequired, "Name.")};
  if (kind.namespaced) {
    attributes.push_back(TextAttribute(kNamespace, Use::kOptional,
                                       "Namespace; for an import, the provider's when left out."));
  }
  return SortedByName(std::move(attributes));
}

Schema ResourceSchema(const KindInfo& kind) {
  using Use = Attribute::Use;
  Schema schema;
  schema.kind = &kind;
  schema.type_name = absl::StrCat("espalier_", kind.name);
  schema.description = CommentOf(*kind.body->message_type());
  Attributes attributes = AttributesOf(*kind.spec);
  // Only these: where another kind holds the same message, as pools hold that of a VM, it can
  // change.
  for (Attribute& attribute : attributes) {
    const bool immutable = Has(RulesOf(*attribute.path.front()), v1::FieldRules::IMMUTABLE);
    if (immutable) absl::StrAppend(&attribute.description, kReplaces);
  }
  attributes.push_back(TextAttribute(
      kId, Use::kComputed,
      kind.namespaced ? "`namespace/name`, as for import." : "The name, as for import."));
  attributes.push_back(TextAttribute(kUid, Use::kComputed,
                                     "Identity of this incarnation: a replacement has another."));
  attributes.push_back(TextAttribute(kName, Use::kRequired, absl::StrCat("Name.", kReplaces)));
  if (kind.namespaced) {
    attributes.push_back(
        TextAttribute(kNamespace, Use::kDefaulted,
                      absl::StrCat("Namespace; the provider's when left out.", kReplaces)));
  }
  attributes.push_back(TextMap(kLabels, "Free labels, matched by selectors."));
  attributes.push_back(TextMap(kAnnotations, "Free notes for people and tools."));
  attributes.push_back(TimeoutsAttribute(kind));
  AddWaiting(kind, attributes);
  const std::vector<StableField> stable = StableStatusOf(kind);
  if (!stable.empty()) attributes.push_back(StatusAttribute(stable));
  schema.attributes = SortedByName(std::move(attributes));
  schema.identity = IdentityAttributes(kind);
  return schema;
}

Schema DataSourceSchema(const Schema& resource) {
  Schema schema = resource;
  schema.identity.clear();
  std::erase_if(schema.attributes,
                [](const Attribute& attribute) { return IsOfProvider(attribute.name); });
  MakeComputed(schema.attributes);
  for (Attribute& attribute : schema.attributes) {
    if (attribute.name == kName) attribute.use = Attribute::Use::kRequired;
    if (attribute.name == kNamespace) attribute.use = Attribute::Use::kDefaulted;
  }
  return schema;
}

// "image caches".
std::string Words(const KindInfo& kind) { return absl::StrReplaceAll(kind.plural, {{"_", " "}}); }

// What narrows a list.
Schema ListSchema(const Schema& resource) {
  using Use = Attribute::Use;
  Schema schema;
  schema.kind = resource.kind;
  schema.type_name = resource.type_name;
  schema.description = absl::StrCat("Lists ", Words(*resource.kind), " for `terraform query`.");
  if (resource.kind->namespaced) {
    schema.attributes.push_back(TextAttribute(kNamespace, Use::kOptional,
                                              "Only this namespace; all of them when left out."));
  }
  schema.attributes.push_back(TextMap(kSelector, "Only objects with all of these labels."));
  return schema;
}

Schema PluralDataSourceSchema(const Schema& list, const Schema& data_source) {
  Schema schema = list;
  schema.plural = true;
  schema.type_name = absl::StrCat("espalier_", list.kind->plural);
  schema.description = absl::StrCat("All ", Words(*list.kind), " that match.");
  Attribute items = TextAttribute(kItems, Attribute::Use::kComputed,
                                  "What matches, in order of namespace and name.");
  items.shape = Attribute::Shape::kObject;
  items.nesting = Attribute::Nesting::kList;
  items.attributes = data_source.attributes;
  MakeComputed(items.attributes);
  schema.attributes.push_back(std::move(items));
  schema.attributes = SortedByName(std::move(schema.attributes));
  return schema;
}

Attributes ProviderAttributes() {
  using Use = Attribute::Use;
  Attribute token =
      TextAttribute("token", Use::kOptional, "Token of the engine. Default: ESPALIER_TOKEN.");
  token.sensitive = true;
  Attribute transfer = TextAttribute(
      "transfer", Use::kOptional,
      "Import what another manager owns, and take it over with the next apply. Default: "
      "ESPALIER_TRANSFER.");
  transfer.shape = Attribute::Shape::kBool;
  return SortedByName({
      TextAttribute("endpoint", Use::kOptional,
                    "Address of the engine, host:port. Default: ESPALIER_ENGINE."),
      TextAttribute(
          "instance", Use::kOptional,
          "Name under which this configuration owns objects. Two configurations must not share "
          "one. "
          "Default: ESPALIER_INSTANCE."),
      std::move(token),
      TextAttribute("ca_file", Use::kOptional,
                    "PEM file of the authority that signed the engine's certificate. Default: "
                    "ESPALIER_CA_FILE."),
      TextAttribute("client_cert_file", Use::kOptional,
                    "PEM file of a certificate to show to the engine. Default: "
                    "ESPALIER_CERT_FILE."),
      TextAttribute("client_key_file", Use::kOptional,
                    "PEM file of that certificate's key. Default: ESPALIER_KEY_FILE."),
      TextAttribute(kNamespace, Use::kOptional,
                    "Namespace of objects that name none. Default: ESPALIER_NAMESPACE, then "
                    "\"default\"."),
      TextAttribute(kRequestTimeout, Use::kOptional,
                    "How long the engine may take for one answer, like \"90s\" or \"1h30m\". "
                    "Default: ESPALIER_REQUEST_TIMEOUT, then 30s."),
      std::move(transfer),
  });
}

const Schema* FindType(const std::vector<Schema>& schemas, absl::string_view type_name) {
  for (const Schema& schema : schemas) {
    if (schema.type_name == type_name) return &schema;
  }
  return nullptr;
}

}  // namespace

Attributes AttributesOf(const Descriptor& message) {
  Attributes attributes;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    Attribute attribute = AttributeOf(field);
    if (attribute.sensitive) {
      AddSecret(std::move(attribute), attributes);
      continue;
    }
    if (Has(RulesOf(field), v1::FieldRules::SEALED)) {
      attribute.secret = Attribute::Secret::kSeal;
      attribute.use = Attribute::Use::kDefaulted;
    }
    attributes.push_back(std::move(attribute));
  }
  return SortedByName(std::move(attributes));
}

Attribute TextAttribute(absl::string_view name, Attribute::Use use, absl::string_view description) {
  Attribute attribute;
  attribute.name = std::string(name);
  attribute.use = use;
  attribute.description = std::string(description);
  return attribute;
}

Attribute NumberAttribute(absl::string_view name, Attribute::Use use,
                          absl::string_view description) {
  Attribute attribute = TextAttribute(name, use, description);
  attribute.shape = Attribute::Shape::kNumber;
  return attribute;
}

Attributes SortedByName(Attributes attributes) {
  std::sort(attributes.begin(), attributes.end(),
            [](const Attribute& a, const Attribute& b) { return a.name < b.name; });
  return attributes;
}

bool IsOfProvider(absl::string_view attribute) {
  return attribute == kTimeouts || attribute == kWaitFor || attribute == kMinReady;
}

const Attribute* Find(const Attributes& attributes, absl::string_view name) {
  const auto found = std::lower_bound(
      attributes.begin(), attributes.end(), name,
      [](const Attribute& attribute, absl::string_view key) { return attribute.name < key; });
  return found != attributes.end() && found->name == name ? &*found : nullptr;
}

Schemas::Schemas() : provider_(ProviderAttributes()) {
  for (const KindInfo& kind : AllKinds()) {
    resources_.push_back(ResourceSchema(kind));
    data_sources_.push_back(DataSourceSchema(resources_.back()));
    lists_.push_back(ListSchema(resources_.back()));
    plural_data_sources_.push_back(PluralDataSourceSchema(lists_.back(), data_sources_.back()));
  }
}

const Schema* Schemas::FindResource(absl::string_view type_name) const {
  return FindType(resources_, type_name);
}
const Schema* Schemas::FindDataSource(absl::string_view type_name) const {
  return FindType(data_sources_, type_name);
}

const Schema* Schemas::FindPluralDataSource(absl::string_view type_name) const {
  return FindType(plural_data_sources_, type_name);
}
const Schema* Schemas::FindList(absl::string_view type_name) const {
  return FindType(lists_, type_name);
}

}  // namespace espalier::provider
