#include "provider/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provider/schema_proto.h"
#include "provider/testing/values.h"

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const Schema& SchemaOf(const char* type_name) {
  static const Schemas& schemas = *new Schemas();
  return *schemas.FindResource(type_name);
}

Value Named(Value ns, Value name) {
  return Value::Map({{"namespace", std::move(ns)}, {"name", std::move(name)}});
}

struct Import {
  std::optional<Ref> ref;
  Diagnostics diagnostics;
};

Import Target(const char* type_name, const char* id, const Value& identity = Value(),
              const Value& default_namespace = Text("default")) {
  Import import;
  import.ref =
      ImportTarget(SchemaOf(type_name), id, identity, default_namespace, import.diagnostics);
  EXPECT_EQ(import.ref.has_value(), !import.diagnostics.HasErrors());
  return import;
}

TEST(IdentityTest, EveryKindIsNamedByWhatAnImportNeeds) {
  const Schemas schemas;
  for (const Schema& schema : schemas.resources()) {
    SCOPED_TRACE(schema.type_name);
    const tfplugin6::ResourceIdentitySchema wire = IdentityToProto(schema.identity, 0);
    ASSERT_EQ(wire.identity_attributes_size(), schema.kind->namespaced ? 2 : 1);
    EXPECT_EQ(wire.identity_attributes(0).name(), "name");
    EXPECT_TRUE(wire.identity_attributes(0).required_for_import());
    EXPECT_FALSE(wire.identity_attributes(0).optional_for_import());
    EXPECT_EQ(wire.identity_attributes(0).type(), "\"string\"");
    if (!schema.kind->namespaced) continue;
    EXPECT_EQ(wire.identity_attributes(1).name(), "namespace");
    EXPECT_FALSE(wire.identity_attributes(1).required_for_import());
    EXPECT_TRUE(wire.identity_attributes(1).optional_for_import());
  }
}

TEST(IdentityTest, IsAsUnknownAsItsParts) {
  const Value object = Value::Map(
      {{"namespace", Text("ci")}, {"name", Value::Unknown()}, {"image", Text("sonoma")}});
  EXPECT_EQ(IdentityOf(SchemaOf("espalier_vm"), object), Named(Text("ci"), Value::Unknown()));
  EXPECT_EQ(IdentityOf(SchemaOf("espalier_host"), Value::Map({{"name", Text("mac-01")}})),
            Value::Map({{"name", Text("mac-01")}}));
}

TEST(IdentityTest, AnImportNamesItsObjectByIdOrIdentity) {
  const Ref ci{Kind::kVm, "ci", "build"};
  const Ref own{Kind::kVm, "default", "build"};
  EXPECT_EQ(Target("espalier_vm", "ci/build").ref, ci);
  EXPECT_EQ(Target("espalier_vm", "build").ref, own);
  EXPECT_EQ(Target("espalier_vm", "", Named(Text("ci"), Text("build"))).ref, ci);
  EXPECT_EQ(Target("espalier_vm", "", Named(Value(), Text("build"))).ref, own);
  const Ref host{Kind::kHost, "", "mac-01"};
  EXPECT_EQ(Target("espalier_host", "mac-01").ref, host);
  EXPECT_EQ(Target("espalier_host", "", Value::Map({{"name", Text("mac-01")}})).ref, host);
}

TEST(IdentityTest, AWrongFormIsAnsweredWithTheRightOne) {
  struct Case {
    const char* type_name;
    const char* id;
    Value identity;
    const char* expected;
  };
  const Case cases[] = {
      {"espalier_vm", "", Value(), "\"ci/build\""},
      {"espalier_vm", "a/b/c", Value(), "\"ci/build\""},
      {"espalier_vm", "/build", Value(), "\"ci/build\""},
      {"espalier_host", "ci/mac-01", Value(), "\"ci/mac-01\" is not one"},
      {"espalier_vm", "", Named(Value(), Text("ci/build")),
       "{ namespace = \"ci\", name = \"build\" }"},
      {"espalier_vm", "", Named(Text(""), Text("build")), "{ name = \"build\" } is not one"},
      {"espalier_vm", "", Named(Text("CI"), Text("build")), "{ namespace = \"CI\""},
      {"espalier_vm", "", Named(Text("ci"), Value()), "name = \"\" } is not one"},
      {"espalier_host", "", Value::Map({{"name", Text("A B")}}), "{ name = \"build\" };"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(absl::StrCat(each.type_name, " ", each.id));
    const Import import = Target(each.type_name, each.id, each.identity);
    ASSERT_THAT(import.diagnostics.list(), SizeIs(1));
    EXPECT_THAT(import.diagnostics.list()[0].detail, HasSubstr(each.expected));
  }
}

TEST(IdentityTest, AsksForTheNamespaceWhileTheProvidersIsNotKnown) {
  const Import import = Target("espalier_vm", "build", Value(), Value::Unknown());
  ASSERT_THAT(import.diagnostics.list(), SizeIs(1));
  EXPECT_THAT(import.diagnostics.list()[0].summary, HasSubstr("not known yet"));
  EXPECT_TRUE(Target("espalier_vm", "ci/build", Value(), Value::Unknown()).ref.has_value());
}

}  // namespace
}  // namespace espalier::provider
