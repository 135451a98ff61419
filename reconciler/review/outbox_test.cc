#include "reconciler/review/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/io.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Surface SurfaceAt(const std::string& commit, std::int64_t revision, const std::string& comment) {
  Surface surface;
  surface.number = 12;
  surface.commit = commit;
  surface.revision = revision;
  surface.statuses.push_back({.sha = commit, .status = {.context = "c", .description = "d"}});
  surface.comment = "marker\n" + comment;
  surface.check.notes.push_back({.path = "a.yaml", .first_line = 1, .last_line = 2});
  surface.plan = {.commit = commit, .digest = "d1", .destroys = {"vm ci/a"}};
  return surface;
}

class OutboxTest : public testing::Test {
 protected:
  Outbox Open() { return Outbox(*io_, *log_, dir_.path() + "/outbox"); }

  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Log> log_ = MakeNullLog();
};

TEST_F(OutboxTest, SurvivesTheProcess) {
  Outbox outbox = Open();
  EXPECT_TRUE(outbox.Put(SurfaceAt("aaaa", 3, "one")));
  Posted posted;
  posted.comment_id = "c1";
  posted.statuses[{"aaaa", "c"}] = "hash";
  posted.shown = {.commit = "aaaa", .digest = "d1", .destroys = {"vm ci/a"}};
  outbox.PutPosted(12, posted);
  outbox.PutCommentsUntil(12, 99);
  Outbox again = Open();
  ASSERT_NE(again.Find(12), nullptr);
  EXPECT_EQ(EncodeEntry(*again.Find(12)), EncodeEntry(*outbox.Find(12)));
  EXPECT_EQ(again.Find(12)->posted.shown.destroys, std::vector<std::string>{"vm ci/a"});
  again.Forget(12);
  EXPECT_THAT(Open().Numbers(), IsEmpty());
}

TEST_F(OutboxTest, E10KeepsTheNewestOfOneCommit) {
  Outbox outbox = Open();
  EXPECT_TRUE(outbox.Put(SurfaceAt("aaaa", 3, "a plan")));
  EXPECT_FALSE(outbox.Put(SurfaceAt("aaaa", 4, "a plan")));
  // What has no plan is as new as what has one.
  EXPECT_TRUE(outbox.Put(SurfaceAt("aaaa", 0, "a conflict")));
  EXPECT_EQ(outbox.Find(12)->surface.comment, "marker\na conflict");
  EXPECT_TRUE(outbox.Put(SurfaceAt("bbbb", 2, "another commit")));
  EXPECT_EQ(outbox.Find(12)->surface.comment, "marker\nanother commit");
}

// A process that has just started says of every pull request that it is being read.
TEST_F(OutboxTest, KeepsWhatIsKnownOfACommitThatIsReadAgain) {
  Open().Put(SurfaceAt("aaaa", 3, "a plan"));
  Outbox outbox = Open();
  Surface reading = SurfaceAt("aaaa", 9, "");
  reading.reading = true;
  EXPECT_FALSE(outbox.Put(reading));
  EXPECT_EQ(outbox.Find(12)->surface.comment, "marker\na plan");
  reading.commit = "bbbb";
  EXPECT_TRUE(outbox.Put(reading));
}

TEST_F(OutboxTest, KeepsAnswersBesideSurfaces) {
  Outbox outbox = Open();
  outbox.PutReply(12, "c1", "done");
  outbox.Put(SurfaceAt("bbbb", 4, "two"));
  EXPECT_EQ(Open().Find(12)->replies.at("c1"), "done");
}

TEST_F(OutboxTest, F3PutsAsideWhatItCannotRead) {
  ASSERT_TRUE(io_->MakeDirs(dir_.path() + "/outbox", 0700).ok());
  ASSERT_TRUE(io_->WriteFile(dir_.path() + "/outbox/pull-12.json", "{\"version\": 1", 0600).ok());
  Outbox outbox = Open();
  EXPECT_THAT(outbox.Numbers(), IsEmpty());
  EXPECT_TRUE(outbox.Put(SurfaceAt("aaaa", 3, "one")));
  EXPECT_THAT(Open().Numbers(), ElementsAre(12));
}

}  // namespace
}  // namespace espalier
