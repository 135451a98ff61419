// Schema: what Terraform sees of a kind, read from the model's descriptors and options. A new kind
// or field needs nothing here. Built once; immutable, thread-safe. Only this and convert.h know
// protobuf reflection; all else in the provider works on attributes and values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/kind.h"
#include "provider/value.h"

namespace espalier::provider {

struct Attribute;
// Sorted by name.
using Attributes = std::vector<Attribute>;

struct Attribute {
  enum class Shape { kString, kNumber, kBool, kObject };
  enum class Nesting { kSingle, kList, kMap };
  enum class Use {
    kRequired,
    kOptional,
    // Optional, and `default_value` (or what the provider knows) when left out.
    kDefaulted,
    kComputed,
  };

  // The parts of a secret: what a configuration gives and nothing else holds, its version, and the
  // engine's seal of it (write_only.h).
  enum class Secret { kNone, kValue, kVersion, kSeal };

  std::string name;
  Shape shape = Shape::kString;
  Nesting nesting = Nesting::kSingle;
  // Of kObject.
  Attributes attributes;
  Use use = Use::kOptional;
  bool sensitive = false;
  Secret secret = Secret::kNone;
  // Of kObject: a secret is somewhere below.
  bool holds_secrets = false;
  std::string description;
  // Of what is going away: what to do instead, as a sentence; empty if nobody says.
  std::optional<std::string> deprecation;
  Value default_value;
  // Where it lies below the message that its object stands for; empty for what the model does not
  // know as a field (name, id, timeouts, versions of secrets and the like).
  std::vector<const google::protobuf::FieldDescriptor*> path;
};

const Attribute* Find(const Attributes& attributes, absl::string_view name);

// The attributes of a message's fields, as their options say.
Attributes AttributesOf(const google::protobuf::Descriptor& message);

// Attributes that no field of the model stands behind. Made text; maps and the like are made of it.
Attribute TextAttribute(absl::string_view name, Attribute::Use use, absl::string_view description);
Attribute NumberAttribute(absl::string_view name, Attribute::Use use,
                          absl::string_view description);
// REQUIRES: no two have one name.
Attributes SortedByName(Attributes attributes);

// Attributes beside the spec's fields.
inline constexpr char kId[] = "id";
inline constexpr char kUid[] = "uid";
inline constexpr char kName[] = "name";
inline constexpr char kNamespace[] = "namespace";
inline constexpr char kLabels[] = "labels";
inline constexpr char kAnnotations[] = "annotations";
inline constexpr char kStatus[] = "status";
// How the provider waits. The engine knows nothing of these.
inline constexpr char kTimeouts[] = "timeouts";
inline constexpr char kWaitFor[] = "wait_for";
inline constexpr char kMinReady[] = "min_ready";
bool IsOfProvider(absl::string_view attribute);
// Of lists and plural data sources.
inline constexpr char kSelector[] = "selector";
inline constexpr char kItems[] = "items";

struct Schema {
  const KindInfo* kind = nullptr;
  // "espalier_vm".
  std::string type_name;
  std::string description;
  Attributes attributes;
  // A data source of all objects that match, in `items`.
  bool plural = false;
  // Of managed resources: what names an object. Required and optional are meant for import.
  Attributes identity;
};

// Raised when the shape of a state changes, together with an upgrade from the older shape.
inline constexpr int kSchemaVersion = 0;

class Schemas {
 public:
  Schemas();

  // One managed resource and one data source per kind, in the order of kinds.
  const std::vector<Schema>& resources() const { return resources_; }
  const std::vector<Schema>& data_sources() const { return data_sources_; }
  // All objects of a kind that match: "espalier_vms" with `items`, each as the kind's data source.
  const std::vector<Schema>& plural_data_sources() const { return plural_data_sources_; }
  // What a list of a kind's objects can be narrowed by; named like the managed resource.
  const std::vector<Schema>& lists() const { return lists_; }
  // Null if there is none.
  const Schema* FindResource(absl::string_view type_name) const;
  const Schema* FindDataSource(absl::string_view type_name) const;
  const Schema* FindPluralDataSource(absl::string_view type_name) const;
  const Schema* FindList(absl::string_view type_name) const;
  // The provider block.
  const Attributes& provider() const { return provider_; }

 private:
  std::vector<Schema> resources_;
  std::vector<Schema> data_sources_;
  std::vector<Schema> plural_data_sources_;
  std::vector<Schema> lists_;
  Attributes provider_;
};

}  // namespace espalier::provider
