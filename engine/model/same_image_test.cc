#include "engine/model/same_image.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/model/access.h"
#include "engine/model/diff.h"

namespace espalier {
namespace {

constexpr char kDigest[] = "sha256:aa";

TEST(SameImageTest, IsWhatNamesTheDigestOrTheSameTagWithoutIt) {
  struct Row {
    const char* before;
    const char* after;
    bool same;
  };
  for (const Row& row : {
           Row{"r:5000/a:1", "r:5000/a:1@sha256:aa", true},
           Row{"r:5000/a:1@sha256:aa", "r:5000/a:1", true},
           Row{"r:5000/a:1", "r:5000/a@sha256:aa", true},
           Row{"r:5000/a", "r:5000/a:latest@sha256:aa", true},
           Row{"r:5000/a:latest", "r:5000/a", true},
           // A digest beats the tag beside it.
           Row{"r:5000/a:1", "r:5000/a:2@sha256:aa", true},
           // What a tag means now nobody knows.
           Row{"r:5000/a:1", "r:5000/a:2", false},
           Row{"r:5000/a@sha256:aa", "r:5000/a:1", false},
           Row{"r:5000/a:1@sha256:bb", "r:5000/a:1", false},
           Row{"r:5000/a:1", "r:5000/a:1@sha256:bb", false},
           Row{"r:5000/a:1", "r:5000/a", false},
           Row{"r:5000/a:1", "r:5000/b:1@sha256:aa", false},
           Row{"r:5000/a:1", "r:5001/a:1@sha256:aa", false},
           Row{"r:5000/a:1", "r/a:1@sha256:aa", false},
           // Names of Images.
           Row{"sonoma", "ventura", false},
           Row{"sonoma", "r/sonoma:1@sha256:aa", false},
       }) {
    EXPECT_EQ(MeansSameImage(row.before, row.after, kDigest), row.same)
        << row.before << " -> " << row.after;
    EXPECT_FALSE(MeansSameImage(row.before, row.after, ""));
  }
}

TEST(SameImageTest, PinningWhatRunsReplacesNothing) {
  Resource before;
  before.mutable_vm()->mutable_spec()->set_image("r/a:1");
  before.mutable_vm()->mutable_status()->mutable_placement()->set_image_digest(kDigest);
  const auto replaces = [&](const std::string& image) {
    Resource after;
    after.mutable_vm()->mutable_spec()->set_image(image);
    const std::vector<FieldChange> changes = Diff(before, after);
    EXPECT_EQ(changes.size(), 1u);
    return changes.front().forces_replace();
  };
  EXPECT_FALSE(replaces("r/a:1@sha256:aa"));
  EXPECT_TRUE(replaces("r/a:1@sha256:bb"));
  // What is not known yet may be anything.
  EXPECT_TRUE(Diff(before, before, {"spec.image"}).front().forces_replace());
  before.mutable_vm()->mutable_status()->Clear();
  EXPECT_TRUE(replaces("r/a:1@sha256:aa")) << "it was never placed: nobody knows its digest";
}

}  // namespace
}  // namespace espalier
