// Images and caches through the real engine.
#include "engine/control/image_controller.h"

#include "engine/control/image_cache_controller.h"
#include "engine/control/test_world.h"
#include "gmock/gmock.h"

namespace espalier::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageControllerTest : public testing::Test, public TestWorld {
 protected:
  v1::ImageStatus Image(const std::string& name) {
    return Get({Kind::kImage, "", name})->image().status();
  }
  Resource Cache(const std::string& name, const std::vector<std::string>& cached) {
    Resource cache;
    cache.mutable_metadata()->set_name(name);
    for (const std::string& image : cached) {
      cache.mutable_image_cache()->mutable_spec()->add_images(image);
    }
    return cache;
  }
  v1::ImageCacheStatus Status(const std::string& name) {
    return Get({Kind::kImageCache, "", name})->image_cache().status();
  }
  void ReportImage(const std::string& host, const std::string& digest, v1::HeldImage::State state,
                   const std::string& message = "") {
    Resource report = Host(host);
    v1::HostObserved& observed = *report.mutable_host()->mutable_status()->mutable_observed();
    observed.set_sequence(observed.sequence() + 1000);
    (*observed.mutable_images())[digest].set_state(state);
    (*observed.mutable_images())[digest].set_message(message);
    StatusWrite write;
    write.set_writer(StatusWrite::OBSERVED);
    *write.mutable_resource() = report;
    ASSERT_TRUE(resources->UpdateStatus(AsAgent(host), {write}).front().ok());
    Settle();
  }
};

TEST_F(ImageControllerTest, ResolvesOnceAndSaysWhatItFound) {
  AddImages();
  EXPECT_EQ(Image("sonoma").digest(), Digest('a'));
  EXPECT_EQ(Image("sonoma").os(), "darwin");
  EXPECT_EQ(Image("sonoma").resolved_reference(), "registry.example/sonoma:1");
  EXPECT_EQ(Image("sonoma").conditions().at("Resolved").state(), v1::Condition::TRUE);
}

TEST_F(ImageControllerTest, AFailureIsAConditionAndIsTriedAgain) {
  Apply(ImageNamed("late", "registry.example/late:1"));
  EXPECT_EQ(Image("late").conditions().at("Resolved").state(), v1::Condition::FALSE);
  EXPECT_THAT(Image("late").conditions().at("Resolved").message(), HasSubstr("no such tag"));
  images["registry.example/late:1"] = {.digest = Digest('c'), .os = "linux", .arch = "arm64"};
  Pass(absl::Seconds(40), {});
  EXPECT_EQ(Image("late").digest(), Digest('c'));
  EXPECT_LE(resolutions, 5) << "registries are not to be hammered";
}

TEST_F(ImageControllerTest, ADeclaredDigestMustBeTheRegistrys) {
  Resource image = ImageNamed("pinned", "registry.example/sonoma:1");
  image.mutable_image()->mutable_spec()->set_digest(Digest('f'));
  Apply(image);
  EXPECT_EQ(Image("pinned").digest(), "");
  EXPECT_EQ(Image("pinned").conditions().at("Resolved").reason(), "DigestMismatch");
  image.mutable_image()->mutable_spec()->set_digest(Digest('a'));
  Apply(image);
  EXPECT_EQ(Image("pinned").digest(), Digest('a'));
}

TEST_F(ImageControllerTest, ATagThatMovesIsNotedAndTheDigestStays) {
  AddImages();
  images["registry.example/sonoma:1"].digest = Digest('d');
  Pass(absl::Minutes(6), {});
  EXPECT_EQ(Image("sonoma").digest(), Digest('a'));
  EXPECT_EQ(Image("sonoma").moved_to(), Digest('d'));
  EXPECT_TRUE(Image("sonoma").has_moved_at());
  images["registry.example/sonoma:1"].digest = Digest('a');
  Pass(absl::Minutes(6), {});
  EXPECT_EQ(Image("sonoma").moved_to(), "");
}

TEST_F(ImageControllerTest, AnotherReferenceIsResolvedAnew) {
  AddImages();
  Apply(ImageNamed("sonoma", "registry.example/debian:1"));
  EXPECT_EQ(Image("sonoma").digest(), Digest('b'));
}

TEST_F(ImageControllerTest, CachesUniteAndEachCountsItsOwn) {
  AddImages();
  AddHost("mac-01", 12, "darwin", {{"room", "a"}});
  AddHost("mac-02", 12, "darwin", {{"room", "b"}});
  Resource everywhere = Cache("everywhere", {"sonoma"});
  everywhere.mutable_image_cache()->mutable_spec()->set_all_hosts(true);
  everywhere.mutable_image_cache()->mutable_spec()->set_pin(false);
  Apply(everywhere);
  Resource room = Cache("room-a", {"registry.example/sonoma:1", "debian"});
  (*room.mutable_image_cache()->mutable_spec()->mutable_host_labels())["room"] = "a";
  Apply(room);
  Pass(absl::Seconds(1), {"mac-01", "mac-02"});

  const auto first = Host("mac-01").host().status().assigned();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_THAT(first.at(Digest('a')).caches(), ElementsAre("everywhere", "room-a"));
  EXPECT_TRUE(first.at(Digest('a')).pinned());
  EXPECT_EQ(first.at(Digest('a')).reference(),
            absl::StrCat("registry.example/sonoma:1@", Digest('a')));
  const auto second = Host("mac-02").host().status().assigned();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_FALSE(second.at(Digest('a')).pinned());
  EXPECT_EQ(Status("everywhere").wanted(), 2u);
  EXPECT_EQ(Status("room-a").wanted(), 2u);
  EXPECT_EQ(Status("room-a").conditions().at("Ready").reason(), "Pulling");

  ReportImage("mac-01", Digest('a'), v1::HeldImage::READY);
  ReportImage("mac-01", Digest('b'), v1::HeldImage::FAILED, "disk full");
  Pass(absl::Seconds(2), {"mac-01", "mac-02"});
  EXPECT_EQ(Status("everywhere").ready(), 1u);
  EXPECT_EQ(Status("room-a").ready(), 1u);
  EXPECT_EQ(Status("room-a").failed(), 1u);
  EXPECT_EQ(Status("room-a").conditions().at("Ready").message(), "host mac-01: disk full");

  ASSERT_TRUE(Delete({Kind::kImageCache, "", "room-a"}).ok());
  EXPECT_EQ(Host("mac-01").host().status().assigned().size(), 1u);
  EXPECT_THAT(Host("mac-01").host().status().assigned().at(Digest('a')).caches(),
              ElementsAre("everywhere"));
}

TEST_F(ImageControllerTest, ARefreshAsksForTagsAtOnceAndEndsWhenTheyAreAnswered) {
  AddHost("mac-01");
  const Ref ref{Kind::kImageCache, "", "all"};
  Resource cache = Cache("all", {"registry.example/sonoma:1"});
  cache.mutable_image_cache()->mutable_spec()->set_all_hosts(true);
  Apply(cache);
  ReportImage("mac-01", Digest('a'), v1::HeldImage::READY);
  Pass(absl::Seconds(2), {"mac-01"});
  EXPECT_EQ(Status("all").conditions().at("Ready").state(), v1::Condition::TRUE);

  // Within the minutes that an answer is good for.
  images["registry.example/sonoma:1"].digest = Digest('d');
  Pass(absl::Seconds(5), {"mac-01"});
  EXPECT_EQ(Host("mac-01").host().status().assigned().count(Digest('d')), 0u);
  Hold(ref, "refresh");
  EXPECT_TRUE(Get(ref)->metadata().holds().empty());
  EXPECT_EQ(Status("all").conditions().at("Ready").reason(), "Pulling");
  EXPECT_EQ(Host("mac-01").host().status().assigned().count(Digest('d')), 1u);
  EXPECT_EQ(Host("mac-01").host().status().assigned().count(Digest('a')), 0u);

  // A registry that does not answer leaves it standing, and what is assigned with it.
  images.erase("registry.example/sonoma:1");
  Pass(absl::Seconds(1), {"mac-01"});
  Hold(ref, "refresh");
  EXPECT_TRUE(Get(ref)->metadata().holds().contains("refresh"));
  EXPECT_EQ(Status("all").conditions().at("Ready").reason(), "ImageUnknown");
  EXPECT_EQ(Host("mac-01").host().status().assigned().count(Digest('d')), 1u);
  images["registry.example/sonoma:1"] = {.digest = Digest('d'), .os = "darwin", .arch = "arm64"};
  Pass(absl::Seconds(40), {"mac-01"});
  EXPECT_TRUE(Get(ref)->metadata().holds().empty());
}

TEST_F(ImageControllerTest, ACacheOfAnUnknownImageSaysSo) {
  AddHost("mac-01");
  Resource cache = Cache("early", {"sonoma"});
  cache.mutable_image_cache()->mutable_spec()->add_hosts("mac-01");
  Apply(cache);
  Pass(absl::Seconds(1), {"mac-01"});
  EXPECT_EQ(Status("early").conditions().at("Ready").message(), "image sonoma does not exist");
  EXPECT_EQ(Status("early").wanted(), 1u);
  AddImages();
  EXPECT_EQ(Host("mac-01").host().status().assigned().size(), 1u);
}

TEST(ImageBookTest, ReferencesArePinnedByTheirName) {
  EXPECT_EQ(WithDigest("r.example:5000/a/b:tag", "sha256:1"), "r.example:5000/a/b:tag@sha256:1");
  EXPECT_EQ(WithDigest("r.example:5000/a", "sha256:1"), "r.example:5000/a@sha256:1");
  EXPECT_EQ(WithDigest("r.example/a:t@sha256:0", "sha256:1"), "r.example/a:t@sha256:1");
}

TEST(ImageBookTest, AsksOnThreadsOfItsOwnAndTellsWhenTheAnswerIsThere) {
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Threads> threads = MakeRealThreads();
  Wakeup answered;
  ImageBook book(*clock, *threads, [](const std::string& reference) {
    return absl::StatusOr<ResolvedImage>(ResolvedImage{.digest = reference});
  });
  book.OnAnswer([&] { answered.Notify(); });
  book.Start();
  EXPECT_FALSE(book.Ask("r.example/a", absl::Minutes(1)).has_value());
  ASSERT_TRUE(clock->WaitFor(answered, absl::Seconds(30)));
  const auto answer = book.Ask("r.example/a", absl::Minutes(1));
  ASSERT_TRUE(answer.has_value() && answer->ok());
  EXPECT_EQ((*answer)->digest, "r.example/a");
  book.Stop();
}

TEST(ImageBookTest, WhatFailedIsSaidWhileItIsAskedAgain) {
  FakeClock clock;
  const std::unique_ptr<Clock> real = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  Wakeup answer;
  Wakeup answered;
  ImageBook book(clock, *threads, [&](const std::string&) -> absl::StatusOr<ResolvedImage> {
    real->WaitFor(answer, absl::Seconds(30));
    return absl::UnavailableError("no route");
  });
  book.OnAnswer([&] { answered.Notify(); });
  book.Start();
  const auto why = [&] { return LookUpImage("r.example/a", {}, book, absl::Minutes(1)).why; };
  EXPECT_EQ(why(), "image r.example/a is being looked up");
  answer.Notify();
  ASSERT_TRUE(real->WaitFor(answered, absl::Seconds(30)));
  EXPECT_EQ(why(), "image r.example/a: no route");
  clock.Advance(absl::Seconds(11));
  EXPECT_EQ(why(), "image r.example/a: no route");
  EXPECT_FALSE(book.Ask("r.example/a", absl::Minutes(1)).has_value());
  answer.Notify();
  book.Stop();
}

}  // namespace
}  // namespace espalier::control
