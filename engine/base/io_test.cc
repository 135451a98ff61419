// What Io promises, checked against the machine's disk and against the fake that other tests use.
#include "engine/base/io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "tests/support/fake_io.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum class Kind { kReal, kFake };

class IoTest : public testing::TestWithParam<Kind> {
 protected:
  IoTest() {
    if (GetParam() == Kind::kReal) {
      io_ = MakeRealIo();
    } else {
      io_ = std::make_unique<FakeIo>(*clock_);
      ESPALIER_CHECK(io_->MakeDirs(dir_.path(), 0700).ok());
    }
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_.path(), "/", name); }

  TempDir dir_;
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Io> io_;
};

INSTANTIATE_TEST_SUITE_P(All, IoTest, testing::Values(Kind::kReal, Kind::kFake),
                         [](const auto& info) {
                           return info.param == Kind::kReal ? "Real" : "Fake";
                         });

TEST_P(IoTest, WritesAndReadsAFile) {
  ASSERT_TRUE(io_->WriteFile(Path("a"), "one", 0600).ok());
  ASSERT_TRUE(io_->WriteFile(Path("a"), "two", 0600).ok());
  EXPECT_EQ(io_->ReadFile(Path("a"), 3).value(), "two");
  EXPECT_THAT(io_->List(dir_.path()).value(), ElementsAre("a"));
}

TEST_P(IoTest, RefusesAFileAboveTheLimit) {
  ASSERT_TRUE(io_->WriteFile(Path("a"), "four", 0600).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(io_->ReadFile(Path("a"), 3).status()));
}

TEST_P(IoTest, RemovesWhatSomebodyElseRemovesAsWell) {
  const auto threads = MakeRealThreads();
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(io_->MakeDirs(Path(absl::StrCat("tree/below/", i)), 0700).ok());
    }
    const auto other = threads->Start(
        "removes", [&] { EXPECT_EQ(io_->RemoveAll(Path("tree")), absl::OkStatus()); });
    EXPECT_EQ(io_->RemoveAll(Path("tree")), absl::OkStatus());
    other->Join();
    EXPECT_TRUE(absl::IsNotFound(io_->Stat(Path("tree")).status()));
  }
}

TEST_P(IoTest, SaysNotFound) {
  EXPECT_TRUE(absl::IsNotFound(io_->ReadFile(Path("none"), 3).status()));
  EXPECT_TRUE(absl::IsNotFound(io_->Open(Path("none"), false).status()));
  EXPECT_TRUE(absl::IsNotFound(io_->Stat(Path("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(io_->List(Path("none")).status()));
  EXPECT_TRUE(absl::IsNotFound(io_->WriteFile(Path("none/a"), "x", 0600)));
  EXPECT_TRUE(absl::IsNotFound(io_->Open(Path("none/a"), true).status()));
  EXPECT_TRUE(absl::IsNotFound(io_->Rename(Path("none"), Path("b"))));
  EXPECT_TRUE(absl::IsNotFound(io_->CloneFile(Path("none"), Path("b"))));
  EXPECT_TRUE(absl::IsNotFound(io_->FreeBytes(Path("none")).status()));
  EXPECT_TRUE(io_->RemoveAll(Path("none")).ok());
}

TEST_P(IoTest, ReadsAndWritesAtOffsets) {
  auto file = io_->Open(Path("a"), true).value();
  ASSERT_TRUE(file->WriteAt(4, "later").ok());
  ASSERT_TRUE(file->WriteAt(0, "head").ok());
  EXPECT_EQ(file->ReadAt(2, 4).value(), "adla");
  EXPECT_EQ(file->ReadAt(7, 100).value(), "er");
  EXPECT_EQ(file->ReadAt(100, 1).value(), "");
  EXPECT_EQ(file->Size().value(), 9);
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(file->ReadAt(0, 10).value(), std::string("he\0\0", 4));
  EXPECT_TRUE(file->Sync().ok());
}

TEST_P(IoTest, KeepsWhatAnEarlierOpenHasWritten) {
  ASSERT_TRUE(io_->Open(Path("a"), true).value()->WriteAt(0, "kept").ok());
  EXPECT_EQ(io_->Open(Path("a"), true).value()->ReadAt(0, 10).value(), "kept");
}

TEST_P(IoTest, ClonesASparseFileWithItsHoles) {
  constexpr std::int64_t kSize = 64 << 20;
  auto file = io_->Open(Path("disk"), true).value();
  ASSERT_TRUE(file->Truncate(kSize).ok());
  ASSERT_TRUE(file->WriteAt(kSize / 2, "island").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(io_->WriteFile(Path("copy"), "replaced", 0600).ok());
  ASSERT_TRUE(io_->CloneFile(Path("disk"), Path("copy")).ok());

  auto copy = io_->Open(Path("copy"), false).value();
  EXPECT_EQ(copy->Size().value(), kSize);
  EXPECT_EQ(copy->ReadAt(kSize / 2, 6).value(), "island");
  EXPECT_LT(io_->Stat(Path("copy")).value().disk_bytes, kSize / 8);
  ASSERT_TRUE(copy->WriteAt(kSize / 2, "change").ok());
  EXPECT_EQ(file->ReadAt(kSize / 2, 6).value(), "island");
}

TEST_P(IoTest, MakesListsAndRemovesDirectories) {
  ASSERT_TRUE(io_->MakeDirs(Path("x/y/z"), 0700).ok());
  ASSERT_TRUE(io_->MakeDirs(Path("x/y/z"), 0700).ok());
  ASSERT_TRUE(io_->WriteFile(Path("x/b"), "", 0600).ok());
  ASSERT_TRUE(io_->WriteFile(Path("x/a"), "12", 0600).ok());
  EXPECT_THAT(io_->List(Path("x")).value(), ElementsAre("a", "b", "y"));
  EXPECT_EQ(io_->Stat(Path("x")).value().type, FileInfo::Type::kDirectory);
  EXPECT_EQ(io_->Stat(Path("x/a")).value().type, FileInfo::Type::kFile);
  EXPECT_EQ(io_->Stat(Path("x/a")).value().size_bytes, 2);
  EXPECT_FALSE(io_->MakeDirs(Path("x/a/c"), 0700).ok());
  ASSERT_TRUE(io_->RemoveAll(Path("x")).ok());
  EXPECT_THAT(io_->List(dir_.path()).value(), IsEmpty());
}

TEST_P(IoTest, AFileWithTwoNamesLivesUntilBothAreGone) {
  ASSERT_TRUE(io_->WriteFile(Path("a"), "first", 0600).ok());
  ASSERT_TRUE(io_->LinkFile(Path("a"), Path("b")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(io_->LinkFile(Path("a"), Path("b"))));
  EXPECT_TRUE(absl::IsNotFound(io_->LinkFile(Path("none"), Path("c"))));
  ASSERT_TRUE((*io_->Open(Path("b"), false))->WriteAt(0, "other").ok());
  EXPECT_EQ(io_->ReadFile(Path("a"), 9).value(), "other");
  ASSERT_TRUE(io_->RemoveAll(Path("a")).ok());
  EXPECT_EQ(io_->ReadFile(Path("b"), 9).value(), "other");
}

TEST_P(IoTest, RenamesFilesOverOthersAndWholeDirectories) {
  ASSERT_TRUE(io_->WriteFile(Path("a"), "a", 0600).ok());
  ASSERT_TRUE(io_->WriteFile(Path("b"), "b", 0600).ok());
  ASSERT_TRUE(io_->Rename(Path("a"), Path("b")).ok());
  EXPECT_EQ(io_->ReadFile(Path("b"), 9).value(), "a");
  ASSERT_TRUE(io_->MakeDirs(Path("d/e"), 0700).ok());
  ASSERT_TRUE(io_->WriteFile(Path("d/e/f"), "deep", 0600).ok());
  ASSERT_TRUE(io_->Rename(Path("d"), Path("moved")).ok());
  EXPECT_EQ(io_->ReadFile(Path("moved/e/f"), 9).value(), "deep");
  EXPECT_THAT(io_->List(dir_.path()).value(), ElementsAre("b", "moved"));
}

TEST_P(IoTest, KnowsFreeSpace) { EXPECT_GT(io_->FreeBytes(dir_.path()).value(), 0); }

}  // namespace
}  // namespace espalier
