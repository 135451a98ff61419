#include "engine/load/yaml_scalar.h"

#include <gtest/gtest.h>

#include <string>

namespace espalier {
namespace {

TEST(YamlScalarTest, FollowsTheCoreSchema) {
  using Type = Node::Type;
  const struct {
    Type type;
    std::vector<std::string> texts;
  } rows[] = {
      {Type::kNull, {"", "~", "null", "Null", "NULL"}},
      {Type::kBool, {"true", "True", "TRUE", "false", "False", "FALSE"}},
      {Type::kNumber,
       {"0", "010", "-7", "+7", "0x1f", "0xFF", "0o17", "1.5", ".5", "1.", "1e3", "1E-3", "-.5",
        "+1e+3", ".inf", "-.Inf", ".nan"}},
      {Type::kString,
       {"no",  "on",   "yes",   "off",  "y",    "tRUE",       "nULL", "0x",    "0o8",
        "0b1", "-0x1", "1_000", "1:30", "1e",   "e3",         ".",    "+",     "-",
        "inf", "nan",  "1.2.3", "12k",  "0X1f", "2025-01-31", "1 2",  "-.nan", "\xc2\xb2"}},
  };
  for (const auto& row : rows) {
    for (const std::string& text : row.texts) {
      EXPECT_EQ(CoreTypeOf(text), row.type) << '"' << text << '"';
    }
  }
}

}  // namespace
}  // namespace espalier
