// What a hostile or careless author can write into a file, one test per item of docs/security.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"
#include "engine/load/source_name.h"

namespace espalier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

// "line:column code message" of each problem.
std::vector<std::string> Found(const std::string& text,
                               std::vector<LoadedObject>* objects = nullptr) {
  Problems problems;
  std::vector<LoadedObject> loaded = LoadFile({.path = "a.yaml", .bytes = text}, problems);
  std::vector<std::string> found;
  for (const Problem& problem : problems.list()) {
    EXPECT_TRUE(problem.file() == "a.yaml" || Is(problem, "too_many_problems"));
    found.push_back(absl::StrCat(problem.line(), ":", problem.column(), " ", problem.code(), " ",
                                 problem.message()));
  }
  if (objects != nullptr) *objects = std::move(loaded);
  return found;
}

std::string Source(absl::string_view spec) {
  return absl::StrCat(
      "apiVersion: espalier/v1\nkind: GitSource\nmetadata: {name: a}\nspec:\n  repository: "
      "/srv/a\n",
      spec);
}

TEST(LoadTest, B3RefusesNamesThatMeanSomethingElseElsewhere) {
  // "e" and a combining acute: another spelling of U+00E9 on a Mac.
  for (const char* name : {".git", ".GIT", "git~1", "GIT~1",
                           ".g\xE2\x80\x8C"
                           "it",
                           "a.", "a ", " a", "a\\b", "a\nb",
                           "a\x7F"
                           "b",
                           "e\xCC\x81.yaml", "..", ".", "a\xFF"}) {
    EXPECT_NE(CheckSourceName(name), "") << name;
  }
  EXPECT_EQ(CheckSourceName("\xC3\xA9.yaml"), "") << "composed";
}

TEST(LoadTest, B5RefusesAliasesBeforeATreeIsBuilt) {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_THAT(Found(bomb), Contains(StartsWith("2:10 yaml_feature aliases are not allowed")));
  EXPECT_THAT(Found("a: &a [*a]\n"), Contains(StartsWith("1:8 yaml_feature")));
  EXPECT_THAT(Found(std::string(100'000, '[')),
              ElementsAre(HasSubstr("too_large is nested deeper than 32")));
  EXPECT_THAT(Found("a: &x 1\n"), Contains(StartsWith("1:4 yaml_feature anchors")));
}

TEST(LoadTest, B6RefusesEqualKeysWithBothLines) {
  EXPECT_THAT(Found(Source("  prune: true\n  prune: false\n")),
              ElementsAre("7:3 duplicate_key the key \"prune\" stands twice, in lines 6 and 7"));
}

TEST(LoadTest, B7ReadsScalarsByTheCoreSchemaOnly) {
  // What YAML 1.1 took for true is a word, and a word is not a bool.
  for (const char* word : {"yes", "no", "on", "off", "y", "N"}) {
    EXPECT_THAT(Found(Source(absl::StrCat("  prune: ", word, "\n"))),
                ElementsAre(StartsWith("6:10 invalid_value must be true or false")))
        << word;
  }
  std::vector<LoadedObject> objects;
  EXPECT_THAT(Found(Source("  prune: false\n  poll_seconds: 012\n  username: \"012\"\n"), &objects),
              IsEmpty());
  ASSERT_THAT(objects, SizeIs(1));
  const v1::GitSourceSpec& spec = objects[0]->resource().git_source().spec();
  EXPECT_FALSE(spec.prune());
  EXPECT_EQ(spec.poll_seconds(), 12u) << "not ten: octal numbers begin with 0o";
  EXPECT_EQ(spec.username(), "012");
  // A merge key is a field of an odd name.
  EXPECT_THAT(Found(Source("  <<: {prune: false}\n")),
              ElementsAre(StartsWith("6:3 unknown_field")));
}

TEST(LoadTest, B8TakesUtf8AndNothingElse) {
  const std::string good = Source("");
  EXPECT_THAT(Found(absl::StrCat("\xEF\xBB\xBF", good)), IsEmpty()) << "a byte order mark";
  std::string windows;
  for (const char c : good) absl::StrAppend(&windows, c == '\n' ? "\r\n" : std::string(1, c));
  EXPECT_THAT(Found(windows), IsEmpty());
  EXPECT_THAT(Found(windows.substr(0, windows.find("kind")) + good.substr(good.find("kind"))),
              IsEmpty())
      << "mixed line ends";
  EXPECT_THAT(Found("a: \xC3\n"), ElementsAre(StartsWith("1:4 invalid_utf8")));
  EXPECT_THAT(Found("a: \xED\xA0\x80\n"), ElementsAre(StartsWith("1:4 invalid_utf8")));
  EXPECT_THAT(Found(std::string("a: \0\n", 5)), ElementsAre(StartsWith("1:4 syntax_error")));
  EXPECT_THAT(Found("a:\n\tb: 1\n"),
              ElementsAre("2:3 syntax_error lines must not be indented with tabs"));
}

TEST(LoadTest, B9RefusesTags) {
  for (const char* tag : {"!!python/object", "!ruby/object:Gem", "!!str", "!x"}) {
    EXPECT_THAT(Found(absl::StrCat("a: ", tag, " b\n")),
                ElementsAre(StartsWith("1:4 yaml_feature tags")))
        << tag;
  }
}

TEST(LoadTest, B10BoundsTheValuesOfADocument) {
  EXPECT_THAT(Found(absl::StrCat("[", std::string(limits::kDocumentBytes - 2, ','), "]")),
              ElementsAre(HasSubstr("too_large the document has more than")));
  std::string maps = "[";
  while (maps.size() < limits::kDocumentBytes - 8) maps += "{a: b},";
  EXPECT_THAT(Found(maps + "]"), ElementsAre(HasSubstr("too_large the document has more than")));
}

TEST(LoadTest, B11SaysWhatIsWrongWhereAndWhatWasMeant) {
  EXPECT_THAT(
      Found(Source("  prun: true\n  poll_seconds: often\n  on_delete: pune\n")),
      ElementsAre("6:3 unknown_field there is no field \"prun\" here; did you mean \"prune\"?",
                  "7:17 invalid_value must be a number, is a string",
                  "8:14 invalid_value must be one of release, prune; is \"pune\", did you mean "
                  "prune?"));
  EXPECT_THAT(Found(Source("  poll_seconds: 86401\n")),
              ElementsAre("6:17 invalid_value is 86401, must be at most 86400"));
  EXPECT_THAT(Found(Source("  poll_seconds: -1\n")), ElementsAre(StartsWith("6:17 invalid_value")));
}

TEST(LoadTest, B12ListsTheFirstProblemsAndSaysThatThereAreMore) {
  std::string fields;
  for (std::size_t i = 0; i < 5 * limits::kProblems; ++i)
    absl::StrAppend(&fields, "  f", i, ": 1\n");
  const std::vector<std::string> found = Found(Source(fields));
  ASSERT_THAT(found, SizeIs(limits::kProblems));
  EXPECT_THAT(found.front(), StartsWith("6:3 unknown_field"));
  EXPECT_THAT(found.back(), HasSubstr("too_many_problems"));
}

}  // namespace
}  // namespace espalier
