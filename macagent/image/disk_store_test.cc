// The store on a disk in memory with a registry in memory; its threads are real, its time is not.
#include "macagent/image/disk_store.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/oci/digest.h"
#include "engine/oci/fake_registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = HostImage::State;

constexpr std::int64_t kPiece = 64 * 1024;

class DiskStoreTest : public testing::Test {
 protected:
  DiskStoreTest() {
    for (const char* dir : {"/in", "/run"}) ESPALIER_CHECK(io_.MakeDirs(dir, 0700).ok());
    options_.dir = "/state/images";
    options_.headroom_bytes = 0;
    Open();
  }
  ~DiskStoreTest() override { Close(); }

  void Open() {
    store_ = MakeImageStore(clock_, *threads_, io_, random_, *log_, registry_, options_);
    ESPALIER_CHECK(store_->Start().ok());
    store_->NotifyOn(changed_);
  }
  void Close() {
    if (store_ != nullptr) store_->Stop();
    store_.reset();
  }

  static std::string Noise(std::size_t size, int seed) {
    Random random(seed);
    std::string bytes;
    while (bytes.size() < size) absl::StrAppend(&bytes, random.Uid());
    bytes.resize(size);
    return bytes;
  }
  // Pushes an image with this disk; its reference with digest.
  std::string Push(const std::string& name, const std::string& disk) {
    ESPALIER_CHECK(io_.WriteFile("/in/disk", disk, 0600).ok());
    const oci::Reference reference =
        oci::ParseReference(absl::StrCat("registry.test/vm/", name, ":v1")).value();
    const std::string digest = oci::PushImage(*threads_, io_, registry_, reference,
                                              {.disk = "/in/disk"}, {.piece_bytes = kPiece})
                                   .value();
    return reference.WithDigest(digest).ToString();
  }
  static std::string DigestIn(const std::string& reference) {
    return oci::ParseReference(reference).value().digest;
  }
  void Want(const std::vector<WantedImage>& images) { ASSERT_TRUE(store_->SetWanted(images).ok()); }
  HostImage Find(const std::string& reference) {
    for (const HostImage& image : store_->List()) {
      if (image.digest == DigestIn(reference)) return image;
    }
    return {.state = State::kFailed, .message = "not there"};
  }
  bool Await(const std::function<bool()>& condition) {
    const absl::Duration end = real_->Elapsed() + absl::Seconds(30);
    while (!condition()) {
      if (real_->Elapsed() > end) return false;
      real_->WaitFor(changed_, absl::Milliseconds(5));
    }
    return true;
  }
  bool AwaitState(const std::string& reference, State state) {
    return Await([&] { return Find(reference).digest != "" && Find(reference).state == state; });
  }
  std::string ReadFile(const std::string& path) { return io_.ReadFile(path, 1 << 30).value(); }

  FakeClock clock_;
  FakeIo io_{clock_};
  oci::FakeRegistry registry_;
  Random random_{1};
  const std::unique_ptr<Clock> real_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Log> log_ = MakeNullLog();
  ImageStoreOptions options_;
  Wakeup changed_;
  std::unique_ptr<ImageStore> store_;
};

TEST_F(DiskStoreTest, PullsWhatIsWantedAndClonesIt) {
  const std::string disk = Noise(5 * kPiece + 9, 1);
  const std::string image = Push("a", disk);
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  const HostImage held = Find(image);
  EXPECT_EQ(held.os, "linux");
  EXPECT_EQ(held.arch, "amd64");
  EXPECT_GE(held.bytes, 5 * kPiece);
  EXPECT_EQ(held.done_bytes, held.total_bytes);
  EXPECT_FALSE(held.found);
  ASSERT_TRUE(store_->CloneForRun(held.digest, "/run").ok());
  EXPECT_EQ(ReadFile("/run/disk.img"), disk);
  EXPECT_THAT(io_.List("/run").value(), ElementsAre("cmdline", "config.json", "disk.img"));
}

TEST_F(DiskStoreTest, SaysWhyItCannotClone) {
  const std::string image = Push("a", Noise(kPiece, 1));
  EXPECT_TRUE(absl::IsNotFound(store_->CloneForRun(DigestIn(image), "/run")));
  registry_.FailNext("GetManifest", absl::UnavailableError("away"), 100);
  Want({{image, Need::kRun}});
  ASSERT_TRUE(AwaitState(image, State::kFailed));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->CloneForRun(DigestIn(image), "/run")));
  EXPECT_THAT(Find(image).message, HasSubstr("away"));
}

TEST_F(DiskStoreTest, AFailedCloneLeavesNothing) {
  const std::string image = Push("a", Noise(kPiece, 1));
  Want({{image, Need::kRun}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  io_.FailNext("CloneFile", "disk.img", absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->CloneForRun(DigestIn(image), "/run")));
  EXPECT_THAT(io_.List("/run").value(), IsEmpty());
  EXPECT_TRUE(store_->CloneForRun(DigestIn(image), "/run").ok());
}

TEST_F(DiskStoreTest, TriesAgainLater) {
  const std::string image = Push("a", Noise(kPiece, 1));
  registry_.FailNext("GetManifest", absl::UnavailableError("away"), 2);
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kFailed));
  clock_.Advance(absl::Seconds(12));
  ASSERT_TRUE(Await([&] { return registry_.calls("GetManifest") == 2; }));
  ASSERT_TRUE(AwaitState(image, State::kFailed));
  clock_.Advance(absl::Seconds(12));
  EXPECT_EQ(Find(image).state, State::kFailed);
  clock_.Advance(absl::Seconds(12));
  ASSERT_TRUE(AwaitState(image, State::kReady));
  EXPECT_EQ(Find(image).message, "");
}

TEST_F(DiskStoreTest, PullsAnImageOnlyOnce) {
  const std::string image = Push("a", Noise(kPiece, 1));
  Want({{image, Need::kCached}, {image, Need::kRun}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  EXPECT_EQ(Find(image).need, Need::kRun);
  const std::int64_t served = registry_.served_bytes();
  Want({});
  EXPECT_EQ(Find(image).need, Need::kNone);
  Want({{image, Need::kCached}});
  EXPECT_EQ(Find(image).state, State::kReady);
  EXPECT_EQ(registry_.served_bytes(), served);
}

TEST_F(DiskStoreTest, FetchesOnlyLayersThatNoOtherImageHas) {
  const std::string disk = Noise(10 * kPiece, 1);
  const std::string first = Push("a", disk);
  const std::string second = Push("b", disk.substr(0, 9 * kPiece) + Noise(kPiece, 2));
  Want({{first, Need::kCached}});
  ASSERT_TRUE(AwaitState(first, State::kReady));
  const std::int64_t before = registry_.served_bytes();
  Want({{first, Need::kCached}, {second, Need::kCached}});
  ASSERT_TRUE(AwaitState(second, State::kReady));
  EXPECT_LT(registry_.served_bytes() - before, 2 * kPiece);
  ASSERT_TRUE(store_->CloneForRun(DigestIn(second), "/run").ok());
  EXPECT_EQ(ReadFile("/run/disk.img"), disk.substr(0, 9 * kPiece) + Noise(kPiece, 2));
}

TEST_F(DiskStoreTest, EndsAPullThatNobodyWantsAnyMore) {
  const std::string image = Push("a", Noise(20 * kPiece, 1));
  // Never comes to its end.
  registry_.FailNext("GetBlob", absl::UnavailableError("away"), 1000, 5);
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kFailed));
  EXPECT_FALSE(io_.List("/state/images/pulls").value().empty());
  Want({});
  EXPECT_THAT(store_->List(), IsEmpty());
  EXPECT_TRUE(Await([&] { return io_.List("/state/images/pulls").value().empty(); }));
}

TEST_F(DiskStoreTest, GoesOnAfterAPowerCut) {
  const std::string image = Push("a", Noise(20 * kPiece, 1));
  options_.parallel_layers = 1;
  Close();
  Open();
  registry_.FailNext("GetBlob", absl::UnavailableError("away"), 1, 15);
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kFailed));
  Close();
  io_.LosePower();
  const std::int64_t before = registry_.served_bytes();
  Open();
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  EXPECT_LT(registry_.served_bytes() - before, 10 * kPiece);
  ASSERT_TRUE(store_->CloneForRun(DigestIn(image), "/run").ok());
  EXPECT_EQ(ReadFile("/run/disk.img"), Noise(20 * kPiece, 1));
}

TEST_F(DiskStoreTest, KnowsItsImagesAfterARestart) {
  const std::string image = Push("a", Noise(kPiece, 1));
  Want({{image, Need::kCached}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(store_->CloneForRun(DigestIn(image), "/run").ok());
  const HostImage before = Find(image);
  Close();
  io_.LosePower();
  Open();
  const HostImage after = Find(image);
  EXPECT_EQ(after.state, State::kReady);
  EXPECT_EQ(after.reference, image);
  EXPECT_EQ(after.os, "linux");
  EXPECT_EQ(after.bytes, before.bytes);
  EXPECT_EQ(after.last_used, before.last_used);
  EXPECT_EQ(after.need, Need::kNone);
  EXPECT_FALSE(after.found);
}

TEST_F(DiskStoreTest, ReportsWhatAnotherHandPutThereAndVerifiesItBeforeUse) {
  const std::string image = Push("a", Noise(kPiece, 1));
  Close();
  const std::string dir = absl::StrCat("/state/images/images/", oci::HexOf(DigestIn(image)));
  ASSERT_TRUE(io_.MakeDirs(dir, 0700).ok());
  ASSERT_TRUE(io_.WriteFile(dir + "/disk.img", "not what it says", 0600).ok());
  ASSERT_TRUE(io_.MakeDirs("/state/images/images/my-own", 0700).ok());
  Open();
  EXPECT_TRUE(Find(image).found);
  EXPECT_EQ(store_->List().size(), 2u);
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->CloneForRun(DigestIn(image), "/run")));
  Want({{image, Need::kRun}});
  ASSERT_TRUE(AwaitState(image, State::kReady));
  EXPECT_FALSE(Find(image).found);
  ASSERT_TRUE(store_->CloneForRun(DigestIn(image), "/run").ok());
  EXPECT_EQ(ReadFile("/run/disk.img"), Noise(kPiece, 1));
}

class BudgetTest : public DiskStoreTest {
 protected:
  BudgetTest() {
    Close();
    // Room for two images of four pieces.
    options_.budget_bytes = 10 * kPiece;
    Open();
    for (int i = 0; i < 4; ++i)
      images_.push_back(Push(absl::StrCat("i", i), Noise(4 * kPiece, i + 1)));
  }
  void Fill(Need first, Need second) {
    Want({{images_[0], first}});
    ASSERT_TRUE(AwaitState(images_[0], State::kReady));
    clock_.Advance(absl::Minutes(1));
    Want({{images_[0], first}, {images_[1], second}});
    ASSERT_TRUE(AwaitState(images_[1], State::kReady));
    clock_.Advance(absl::Minutes(1));
  }
  std::vector<std::string> images_;
};

TEST_F(BudgetTest, WhatNobodyNeedsMakesRoomOldestFirst) {
  Fill(Need::kCached, Need::kCached);
  ASSERT_TRUE(store_->CloneForRun(DigestIn(images_[0]), "/run").ok());
  Want({{images_[2], Need::kCached}});
  ASSERT_TRUE(AwaitState(images_[2], State::kReady));
  EXPECT_EQ(Find(images_[0]).state, State::kReady);
  EXPECT_EQ(Find(images_[1]).message, "not there");
  EXPECT_EQ(io_.List("/state/images/images").value().size(), 2u);
  EXPECT_THAT(io_.List("/state/images/trash").value(), IsEmpty());
}

TEST_F(BudgetTest, PinnedAndUsedImagesStay) {
  Fill(Need::kPinned, Need::kRun);
  Want({{images_[0], Need::kPinned}, {images_[1], Need::kRun}, {images_[2], Need::kRun}});
  ASSERT_TRUE(AwaitState(images_[2], State::kFailed));
  EXPECT_THAT(Find(images_[2]).message, HasSubstr("no room"));
  EXPECT_EQ(Find(images_[0]).state, State::kReady);
  EXPECT_EQ(Find(images_[1]).state, State::kReady);
}

TEST_F(BudgetTest, CachesThatDoNotFitTogetherSettle) {
  Fill(Need::kCached, Need::kCached);
  Want({{images_[0], Need::kCached}, {images_[1], Need::kCached}, {images_[2], Need::kCached}});
  ASSERT_TRUE(AwaitState(images_[2], State::kFailed));
  EXPECT_EQ(Find(images_[0]).state, State::kReady);
  EXPECT_EQ(Find(images_[1]).state, State::kReady);
}

TEST_F(BudgetTest, ARunPushesOutACachedImage) {
  Fill(Need::kCached, Need::kCached);
  Want({{images_[0], Need::kCached}, {images_[1], Need::kCached}, {images_[2], Need::kRun}});
  ASSERT_TRUE(AwaitState(images_[2], State::kReady));
  EXPECT_EQ(Find(images_[0]).state, State::kFailed);
  EXPECT_THAT(Find(images_[0]).message, HasSubstr("evicted"));
  EXPECT_EQ(Find(images_[1]).state, State::kReady);
}

TEST_F(BudgetTest, KeepsHeadroomOnTheDisk) {
  Close();
  options_.budget_bytes = 0;
  options_.headroom_bytes = 100 * kPiece;
  Open();
  io_.SetFreeBytes(103 * kPiece);
  Want({{images_[0], Need::kRun}});
  ASSERT_TRUE(AwaitState(images_[0], State::kFailed));
  io_.SetFreeBytes(110 * kPiece);
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(AwaitState(images_[0], State::kReady));
}

TEST_F(BudgetTest, ASmallerBudgetTakesWhatNobodyNeeds) {
  Fill(Need::kCached, Need::kPinned);
  Want({{images_[1], Need::kPinned}});
  store_->SetLimits(kPiece, 0);
  EXPECT_TRUE(Await([&] { return store_->List().size() == 1; }));
  EXPECT_EQ(Find(images_[1]).state, State::kReady);
}

TEST_F(DiskStoreTest, NamesAReferenceWithoutDigestAndTakesTheOthers) {
  const std::string image = Push("a", Noise(kPiece, 1));
  const absl::Status status =
      store_->SetWanted({{"registry.test/vm/a:v1", Need::kRun}, {image, Need::kRun}});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("registry.test/vm/a:v1"));
  EXPECT_TRUE(AwaitState(image, State::kReady));
}

TEST_F(DiskStoreTest, StopsInTheMiddleOfAPull) {
  const std::string image = Push("a", Noise(100 * kPiece, 1));
  registry_.SetStep(64);
  Want({{image, Need::kCached}});
  ASSERT_TRUE(Await([&] { return registry_.served_bytes() > 0; }));
  Close();
  registry_.SetStep(64 * 1024);
  Open();
  Want({{image, Need::kCached}});
  EXPECT_TRUE(AwaitState(image, State::kReady));
}

}  // namespace
}  // namespace espalier::agent
