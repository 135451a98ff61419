#include "engine/load/source_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace espalier {
namespace {

using ::testing::HasSubstr;

struct NameCase {
  std::string name;
  // Part of the reason; empty: the name is fine.
  std::string why;
};

TEST(SourceNameTest, TakesPlainNamesAndSaysWhyNotForOthers) {
  const NameCase cases[] = {
      {"fleet.yaml", ""},
      {"K\xC3\xBC"
       "che.yaml",
       ""},
      {"a b.yaml", ""},
      {"", "not a name"},
      {".", "not a name"},
      {"..", "not a name"},
      {"a\\b", "backslash"},
      {"a/b", "slash"},
      {"a\nb", "U+000A"},
      {std::string("a\0b", 3), "U+0000"},
      {"a\x7F", "U+007F"},
      {"a\xE2\x80\xAE"
       "b",
       "U+202E"},
      {"a\xE2\x80\x8B"
       "b",
       "U+200B"},
      {"\xEF\xBB\xBF"
       "a",
       "U+FEFF"},
      {"u\xCC\x88.yaml", "U+0308"},
      {"a\xFF", "UTF-8"},
      {"a\xC0\xAF", "UTF-8"},
      {"a\xE0\x80\xAF", "UTF-8"},
      {"a\xED\xA0\x80", "UTF-8"},
      {"a\xF4\x90\x80\x80", "UTF-8"},
      {"a\xE2\x80", "UTF-8"},
      {"a.", "dot"},
      {"a ", "space"},
      {" a", "space"},
      {"git~1", ".git"},
      {"GIT~1", ".git"},
      {std::string(255, 'a'), ""},
      {std::string(256, 'a'), "longer"},
  };
  for (const NameCase& c : cases) {
    const std::string why = CheckSourceName(c.name);
    if (c.why.empty()) {
      EXPECT_EQ(why, "") << c.name;
    } else {
      EXPECT_THAT(why, HasSubstr(c.why)) << c.name;
    }
  }
}

}  // namespace
}  // namespace espalier
