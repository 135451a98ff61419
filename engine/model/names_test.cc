#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/validate.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

constexpr char kDigest[] =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST(NamesTest, TakesDnsLabels) {
  for (const char* name : {"a", "0", "mac-01", "a-b-c", "9lives"}) {
    EXPECT_TRUE(IsValidName(name)) << name;
  }
  EXPECT_TRUE(IsValidName(std::string(limits::kNameBytes, 'a')));
}

TEST(NamesTest, RefusesWhatIsNoDnsLabel) {
  for (const char* name : {"", "-a", "a-", "A", "a_b", "a.b", "a/b", "caf\u00e9", "a b", "a\n"}) {
    EXPECT_FALSE(IsValidName(name)) << name;
  }
  EXPECT_FALSE(IsValidName(std::string(limits::kNameBytes + 1, 'a')));
}

TEST(NamesTest, TakesReferencesWithARegistry) {
  for (const std::string& text :
       {std::string("r/a"), std::string("localhost:5000/macos/sonoma"),
        std::string("registry.example/macos/sonoma:14.6"),
        std::string("r.example/a__b/c-d.e:Tag_1"), absl::StrCat("r.example/a@", kDigest),
        absl::StrCat("127.0.0.1:5000/a/b:t@", kDigest)}) {
    EXPECT_TRUE(IsImageReference(text)) << text;
  }
}

TEST(NamesTest, RefusesOtherReferences) {
  for (const std::string& text : {std::string("sonoma"),
                                  std::string("sonoma:14"),
                                  std::string("/a"),
                                  std::string("r/"),
                                  std::string("r//a"),
                                  std::string("r/A"),
                                  std::string("r/a:"),
                                  std::string("r/a:-t"),
                                  std::string("r:x/a"),
                                  std::string("r:/a"),
                                  std::string("r:123456/a"),
                                  std::string("http://r/a"),
                                  std::string("r/a b"),
                                  std::string("r/a@sha256:12"),
                                  std::string("r/a@md5:0123"),
                                  std::string("r/-a"),
                                  std::string("r/a-"),
                                  std::string("-r/a"),
                                  absl::StrCat("r/a@", kDigest, "0"),
                                  absl::StrCat("r/a:", std::string(129, 't'))}) {
    EXPECT_FALSE(IsImageReference(text)) << text;
  }
}

TEST(NamesTest, FindsTheNearestWord) {
  const std::vector<std::string> words = {"cpu", "memory_mib", "image", "host", "host_labels"};
  const std::pair<const char*, const char*> cases[] = {{"cpus", "cpu"},
                                                       {"CPU", "cpu"},
                                                       {"memroy_mib", "memory_mib"},
                                                       {"memory", "memory_mib"},
                                                       {"imgae", "image"},
                                                       {"hosts", "host"},
                                                       {"hostlabels", "host_labels"},
                                                       {"zone", ""},
                                                       {"", ""},
                                                       {"x", ""}};
  for (const auto& [word, nearest] : cases) EXPECT_EQ(Nearest(word, words), nearest) << word;
}

TEST(NamesTest, LongWordsAreNearNothing) {
  EXPECT_EQ(Nearest(std::string(100000, 'a'), {std::string(99999, 'a')}), "");
}

}  // namespace
}  // namespace espalier
