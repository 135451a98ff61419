#include "engine/server/object_map.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

// The keys that differ, by comparing all of them.
std::set<std::string> Differing(const std::map<std::string, ObjectPtr>& a,
                                const std::map<std::string, ObjectPtr>& b) {
  std::set<std::string> keys;
  for (const auto& [key, object] : a) {
    if (b.count(key) == 0 || b.at(key) != object) keys.insert(key);
  }
  for (const auto& [key, object] : b) {
    if (a.count(key) == 0) keys.insert(key);
  }
  return keys;
}

// Two maps drift apart by random writes; what ForEachDifference says is compared with what plain
// maps say, in both directions.
TEST(ObjectMapTest, FindsWhatDiffers) {
  Random random(1);
  ObjectMap map;
  std::map<std::string, ObjectPtr> model;
  for (int round = 0; round < 200; ++round) {
    const ObjectMap before = map;
    const std::map<std::string, ObjectPtr> model_before = model;
    for (std::uint64_t i = random.Below(60); i > 0; --i) {
      const std::string name = absl::StrCat(random.Below(500));
      const std::string key = absl::StrCat("r/image/", name);
      if (random.Below(3) == 0) {
        map.Erase(key);
        model.erase(key);
        continue;
      }
      auto object = std::make_shared<Resource>();
      object->mutable_image();
      object->mutable_metadata()->set_name(name);
      map.Put(key, object);
      model[key] = object;
    }
    ASSERT_EQ(map.size(), model.size());
    std::set<std::string> seen;
    ObjectMap::ForEachDifference(before, map, [&](const Resource* was, const Resource* is) {
      ASSERT_TRUE(was != nullptr || is != nullptr);
      const std::string key =
          absl::StrCat("r/image/", (was != nullptr ? was : is)->metadata().name());
      EXPECT_EQ(before.Get(key).get(), was);
      EXPECT_EQ(map.Get(key).get(), is);
      EXPECT_TRUE(seen.insert(key).second) << key << " twice";
    });
    EXPECT_EQ(seen, Differing(model_before, model)) << "round " << round;
    std::size_t back = 0;
    ObjectMap::ForEachDifference(map, before, [&](const Resource*, const Resource*) { ++back; });
    EXPECT_EQ(back, seen.size());
  }
}

}  // namespace
}  // namespace espalier
