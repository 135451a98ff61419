#include "provider/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/model/testing/deprecated_fields.h"
#include "provider/schema_markdown.h"
#include "provider/schema_proto.h"

namespace espalier::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Use = Attribute::Use;

const Attribute& Of(const Schemas& schemas, const char* type, const char* name) {
  const Attribute* attribute = Find(schemas.FindResource(type)->attributes, name);
  EXPECT_NE(attribute, nullptr) << type << "." << name;
  return *attribute;
}

// What core checks when it loads a schema; a violation disables the whole provider.
void CheckLegal(const Attributes& attributes, const std::string& where) {
  std::set<std::string> names;
  for (const Attribute& attribute : attributes) {
    SCOPED_TRACE(where + "." + attribute.name);
    EXPECT_TRUE(names.insert(attribute.name).second);
    EXPECT_EQ(attribute.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string::npos);
    EXPECT_FALSE(attribute.description.empty());
    EXPECT_EQ(attribute.attributes.empty(), attribute.shape != Attribute::Shape::kObject);
    EXPECT_TRUE(attribute.default_value.is_null() || attribute.use == Use::kDefaulted);
    CheckLegal(attribute.attributes, where + "." + attribute.name);
  }
}

TEST(SchemaTest, IsLegalForCoreWhateverTheKind) {
  const Schemas schemas;
  static const std::set<std::string> kReserved = {
      "count", "for_each", "depends_on", "provider", "lifecycle", "connection", "provisioner"};
  for (const std::vector<Schema>* all : {&schemas.resources(), &schemas.data_sources(),
                                         &schemas.plural_data_sources(), &schemas.lists()}) {
    EXPECT_EQ(all->size(), AllKinds().size());
    for (const Schema& schema : *all) {
      CheckLegal(schema.attributes, schema.type_name);
      EXPECT_FALSE(schema.description.empty());
      for (const Attribute& attribute : schema.attributes) {
        EXPECT_EQ(kReserved.count(attribute.name), 0U) << schema.type_name << "." << attribute.name;
      }
    }
  }
  CheckLegal(schemas.provider(), "provider");
}

TEST(SchemaTest, ReadsTheOptionsOfFields) {
  const Schemas schemas;
  EXPECT_EQ(Of(schemas, "espalier_vm", "image").use, Use::kRequired);
  EXPECT_EQ(Of(schemas, "espalier_vm", "host").use, Use::kOptional);
  const Attribute& cpu = Of(schemas, "espalier_vm", "cpu");
  EXPECT_EQ(cpu.use, Use::kDefaulted);
  EXPECT_EQ(cpu.default_value, Value::Of(Number::Of(3)));
  EXPECT_EQ(cpu.shape, Attribute::Shape::kNumber);
  EXPECT_EQ(Of(schemas, "espalier_vm", "power").default_value, Value::String("on"));
  EXPECT_EQ(Of(schemas, "espalier_image_cache", "pin").default_value, Value::Bool(true));
  const Attribute& ports = Of(schemas, "espalier_vm", "ports");
  EXPECT_EQ(ports.nesting, Attribute::Nesting::kMap);
  EXPECT_EQ(ports.shape, Attribute::Shape::kObject);
  EXPECT_EQ(ports.attributes.front().name, "guest");
}

TEST(SchemaTest, TellsCoreAndReadersWhatIsDeprecated) {
  Attributes attributes = AttributesOf(MachineWithDeprecatedFields());
  const auto find = [&](const char* name) {
    return std::find_if(attributes.begin(), attributes.end(),
                        [&](const Attribute& attribute) { return attribute.name == name; });
  };
  EXPECT_FALSE(find("cpu")->deprecation.has_value());
  EXPECT_EQ(find("cpus")->deprecation, "");
  find("cpus")->deprecation = "Use cpu.";
  const tfplugin6::Schema schema = ToProto(attributes, "a machine", kSchemaVersion);
  std::vector<std::string> deprecated;
  for (const tfplugin6::Schema::Attribute& attribute : schema.block().attributes()) {
    if (attribute.deprecated()) deprecated.push_back(attribute.name());
    EXPECT_EQ(attribute.deprecation_message(), attribute.name() == "cpus" ? "Use cpu." : "");
    if (attribute.name() != "ports") continue;
    for (const tfplugin6::Schema::Attribute& below : attribute.nested_type().attributes()) {
      EXPECT_EQ(below.deprecated(), below.name() == "inside") << below.name();
    }
  }
  EXPECT_THAT(deprecated, ElementsAre("cpus", "disk", "notes", "tags"));

  std::string page;
  AppendSchema(schema, page);
  EXPECT_THAT(page, HasSubstr("- `cpu` (Number)"));
  EXPECT_THAT(page, HasSubstr("- `cpus` (Number, Deprecated)"));
  EXPECT_THAT(page, HasSubstr("- `inside` (Number, Deprecated)"));
}

TEST(SchemaTest, KeepsVolatileStatusOutOfState) {
  const Schemas schemas;
  const Attribute& status = Of(schemas, "espalier_vm", "status");
  EXPECT_EQ(status.use, Use::kComputed);
  std::vector<std::string> names;
  for (const Attribute& attribute : status.attributes) names.push_back(attribute.name);
  EXPECT_EQ(names, (std::vector<std::string>{"host", "image_digest", "ip", "ports"}));
  EXPECT_EQ(Find(schemas.FindResource("espalier_namespace")->attributes, "status"), nullptr);
}

TEST(SchemaTest, SaysHowLongEachKindIsWaitedFor) {
  const Schemas schemas;
  for (const KindInfo& kind : AllKinds()) {
    const Schema& schema = *schemas.FindResource("espalier_" + kind.name);
    EXPECT_EQ(Find(Find(schema.attributes, kTimeouts)->attributes, "create")->description,
              kind.kind == Kind::kImage ? "For create. Default: 2m." : "For create. Default: 10m.")
        << kind.name;
  }
}

TEST(SchemaTest, GivesNamespacesToNamespacedKindsOnly) {
  const Schemas schemas;
  EXPECT_NE(Find(schemas.FindResource("espalier_vm")->attributes, "namespace"), nullptr);
  EXPECT_EQ(Find(schemas.FindResource("espalier_image")->attributes, "namespace"), nullptr);
}

TEST(SchemaTest, ListsEveryKindUnderItsPlural) {
  const Schemas schemas;
  for (const KindInfo& kind : AllKinds()) {
    SCOPED_TRACE(kind.name);
    const Schema* many = schemas.FindPluralDataSource("espalier_" + kind.plural);
    ASSERT_NE(many, nullptr);
    EXPECT_EQ(schemas.FindDataSource(many->type_name), nullptr);
    const Schema* list = schemas.FindList("espalier_" + kind.name);
    ASSERT_NE(list, nullptr);
    EXPECT_EQ(Find(list->attributes, kNamespace) != nullptr, kind.namespaced);
    EXPECT_EQ(Find(many->attributes, kSelector)->nesting, Attribute::Nesting::kMap);
    const Attribute& items = *Find(many->attributes, kItems);
    EXPECT_EQ(items.nesting, Attribute::Nesting::kList);
    EXPECT_EQ(items.attributes.size(), schemas.FindDataSource(list->type_name)->attributes.size());
    for (const Attribute& attribute : items.attributes) {
      EXPECT_EQ(attribute.use, Use::kComputed) << attribute.name;
    }
  }
}

TEST(SchemaTest, WritesTypesAsJson) {
  const Schemas schemas;
  EXPECT_EQ(TypeJson(Of(schemas, "espalier_vm", "cpu")), "\"number\"");
  EXPECT_EQ(TypeJson(Of(schemas, "espalier_vm", "labels")), "[\"map\",\"string\"]");
  EXPECT_EQ(TypeJson(Of(schemas, "espalier_image_cache", "hosts")), "[\"list\",\"string\"]");
  const tfplugin6::Schema schema =
      ToProto(schemas.FindResource("espalier_vm")->attributes, "a VM", kSchemaVersion);
  for (const tfplugin6::Schema::Attribute& attribute : schema.block().attributes()) {
    EXPECT_NE(attribute.type().empty(), !attribute.has_nested_type()) << attribute.name();
  }
}

}  // namespace
}  // namespace espalier::provider
