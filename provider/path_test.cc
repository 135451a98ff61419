#include "provider/path.h"

#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

TEST(PathTest, FindsTheAttributeOfAModelPath) {
  struct {
    const char* model;
    Path path;
    const char* text;
  } const kCases[] = {
      {"spec.cpu", {AttributeStep("cpu")}, "cpu"},
      {"spec.ports[http].guest",
       {AttributeStep("ports"), KeyStep("http"), AttributeStep("guest")},
       "ports[\"http\"].guest"},
      {"spec.hosts[12]", {AttributeStep("hosts"), IndexStep(12)}, "hosts[12]"},
      {"metadata.labels[example.com/team]",
       {AttributeStep("labels"), KeyStep("example.com/team")},
       "labels[\"example.com/team\"]"},
      {"metadata.name", {AttributeStep("name")}, "name"},
      {"status.host", {}, ""},
      {"kind", {}, ""},
      {"", {}, ""},
      {"spec.a[b", {AttributeStep("a")}, "a"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.model);
    EXPECT_EQ(PathOfModel(test.model), test.path);
    EXPECT_EQ(ToString(PathOfModel(test.model)), test.text);
  }
}

}  // namespace
}  // namespace espalier::provider
