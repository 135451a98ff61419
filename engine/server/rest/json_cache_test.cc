#include "engine/server/rest/json_cache.h"

#include "absl/strings/str_cat.h"
#include "engine/model/codec.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

Resource ImageAt(const std::string& uid, std::int64_t revision, const std::string& reference) {
  Resource image;
  image.mutable_metadata()->set_uid(uid);
  image.mutable_metadata()->set_revision(revision);
  image.mutable_image()->mutable_spec()->set_reference(reference);
  return image;
}

std::string Ask(JsonCache& cache, const Resource& object) {
  std::string json = "[";
  cache.Append(object, json);
  return json.substr(1);
}

TEST(JsonCacheTest, AnswersWithTheJsonOfTheRevisionThatIsAskedFor) {
  JsonCache cache(1 << 20);
  const Resource first = ImageAt("a", 1, "r.example/a:1");
  const Resource second = ImageAt("a", 2, "r.example/a:2");
  const Resource other = ImageAt("b", 1, "r.example/b:1");
  for (int round = 0; round < 2; ++round) {
    for (const Resource* object : {&first, &second, &other, &first}) {
      EXPECT_EQ(Ask(cache, *object), ToJson(*object, Indent::kNone));
    }
  }
}

// What the text is does not matter to the cache: an object that changed behind its revision shows
// that the second answer is the kept one.
TEST(JsonCacheTest, WritesAnObjectOnce) {
  JsonCache cache(1 << 20);
  const std::string json = Ask(cache, ImageAt("a", 1, "r.example/a:1"));
  EXPECT_EQ(Ask(cache, ImageAt("a", 1, "r.example/a:2")), json);
}

TEST(JsonCacheTest, ForgetsWhatWasNotAskedForAndKeepsWhatWas) {
  constexpr std::size_t kBytes = 20000;
  JsonCache cache(kBytes);
  const std::string popular = Ask(cache, ImageAt("popular", 1, "r.example/a:1"));
  Ask(cache, ImageAt("forgotten", 1, "r.example/a:1"));
  for (int i = 0; i < 1000; ++i) {
    Ask(cache, ImageAt(absl::StrCat("image-", i), 1, "r.example/a:1"));
    EXPECT_EQ(Ask(cache, ImageAt("popular", 1, "r.example/a:2")), popular) << i;
    EXPECT_LE(cache.bytes(), kBytes + 1000);
  }
  EXPECT_NE(Ask(cache, ImageAt("forgotten", 1, "r.example/a:2")), popular);
}

}  // namespace
}  // namespace espalier
