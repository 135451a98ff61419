// Whole images there and back, through the fake registry: resumption, lies and corruption.
#include "engine/oci/transfer.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/random.h"
#include "engine/oci/apple_lz4.h"
#include "engine/oci/blob.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/fake_registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kPiece = 256 * 1024;

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    ESPALIER_CHECK(io_.MakeDirs("/in", 0700).ok());
    ESPALIER_CHECK(io_.MakeDirs("/out", 0700).ok());
    // Ten pieces: noise, zeros in the middle, an odd end.
    disk_ = Noise(3 * kPiece + 5) + std::string(4 * kPiece, '\0') + Noise(2 * kPiece + 777);
    Write("/in/disk", disk_);
    Write("/in/kernel", Noise(100001));
    Write("/in/initrd", Noise(50001));
    push_.piece_bytes = kPiece;
    push_.cmdline = "console=ttyS0 quiet";
  }

  static std::string Noise(std::size_t size) {
    static Random random(9);
    std::string bytes;
    while (bytes.size() < size) {
      const std::uint64_t word = random.Next();
      bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    bytes.resize(size);
    return bytes;
  }
  void Write(const std::string& path, absl::string_view bytes) {
    ESPALIER_CHECK(io_.WriteFile(path, bytes, 0600).ok());
  }
  std::string Read(const std::string& path) { return io_.ReadFile(path, 1 << 30).value(); }

  std::string Push() {
    return PushImage(*threads_, io_, registry_, reference_,
                     {.disk = "/in/disk", .kernel = "/in/kernel", .initrd = "/in/initrd"}, push_)
        .value();
  }
  absl::StatusOr<PulledImage> Pull() {
    return PullImage(*threads_, io_, registry_, reference_, "/out", pull_);
  }
  std::vector<DiskPiece> Pieces() {
    return ReadLayout(registry_.GetManifest(reference_, "").value()).value().pieces;
  }
  // Puts an image of one piece whose annotations say what they are told.
  void PutImage(absl::string_view stream, absl::string_view plain_size, absl::string_view digest,
                absl::string_view disk_size) {
    Manifest manifest;
    manifest.media_type = kManifestType;
    manifest.config =
        StoreBlob(registry_, reference_, kConfigType, WriteImageConfig("linux", "amd64", {}))
            .value();
    Descriptor piece = StoreBlob(registry_, reference_, kTartDiskType, stream).value();
    piece.annotations = {{kPlainSizeAnnotation, std::string(plain_size)}};
    if (!digest.empty()) piece.annotations[kPlainDigestAnnotation] = std::string(digest);
    manifest.layers = {piece};
    if (!disk_size.empty()) manifest.annotations[kDiskSizeAnnotation] = std::string(disk_size);
    ASSERT_TRUE(registry_.PutManifest(reference_, kManifestType, WriteManifest(manifest)).ok());
  }

  FakeClock clock_;
  FakeIo io_{clock_};
  FakeRegistry registry_;
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const Reference reference_ = ParseReference("registry.test/a/b:v1").value();
  PushOptions push_;
  PullOptions pull_;
  std::string disk_;
};

TEST_F(TransferTest, BringsBackWhatWasPushed) {
  const std::string digest = Push();
  std::atomic<std::int64_t> most = 0;
  std::atomic<std::int64_t> total = 0;
  pull_.progress = [&](std::int64_t done, std::int64_t all) {
    if (done > most) most = done;
    total = all;
  };
  const PulledImage image = Pull().value();
  EXPECT_EQ(image.manifest.digest, digest);
  EXPECT_EQ(image.os, "linux");
  EXPECT_EQ(image.arch, "amd64");
  EXPECT_EQ(image.layout.disk_bytes, static_cast<std::int64_t>(disk_.size()));
  EXPECT_EQ(image.fetched_bytes, image.layout.compressed_bytes());
  EXPECT_EQ(most, total);
  EXPECT_EQ(Read("/out/disk.img"), disk_);
  EXPECT_EQ(Read("/out/vmlinuz"), Read("/in/kernel"));
  EXPECT_EQ(Read("/out/initrd"), Read("/in/initrd"));
  EXPECT_EQ(Read("/out/cmdline"), "console=ttyS0 quiet");
  EXPECT_THAT(Read("/out/config.json"), HasSubstr("\"arch\":\"amd64\""));
  EXPECT_THAT(io_.List("/out").value(), ElementsAre("cmdline", "config.json", "disk.img", "initrd",
                                                    "manifest.json", "vmlinuz"));
}

TEST_F(TransferTest, LeavesZerosAsHoles) {
  Push();
  ASSERT_TRUE(Pull().ok());
  EXPECT_LT(io_.Stat("/out/disk.img").value().disk_bytes,
            static_cast<std::int64_t>(disk_.size()) - 3 * kPiece);
}

TEST_F(TransferTest, EqualFilesGiveEqualImages) {
  const std::string digest = Push();
  EXPECT_EQ(Push(), digest);
  push_.parallel_layers = 1;
  EXPECT_EQ(Push(), digest);
  push_.uploaded_at = absl::UnixEpoch();
  EXPECT_NE(Push(), digest);
}

TEST_F(TransferTest, KnowsItsFacts) {
  const std::string digest = Push();
  const ImageFacts facts = Resolve(registry_, reference_).value();
  EXPECT_EQ(facts.digest, digest);
  EXPECT_EQ(facts.os, "linux");
  EXPECT_EQ(facts.arch, "amd64");
  EXPECT_EQ(facts.disk_bytes, static_cast<std::int64_t>(disk_.size()));
  EXPECT_GT(facts.compressed_bytes, 5 * kPiece);
}

TEST_F(TransferTest, RefusesDisksThatAreNone) {
  push_.piece_bytes = kPiece;
  Write("/in/disk", "");
  const PushFiles files{.disk = "/in/disk"};
  EXPECT_TRUE(absl::IsInvalidArgument(
      PushImage(*threads_, io_, registry_, reference_, files, push_).status()));
  Write("/in/disk", "QFI\xfb and so on");
  EXPECT_TRUE(absl::IsInvalidArgument(
      PushImage(*threads_, io_, registry_, reference_, files, push_).status()));
  EXPECT_TRUE(absl::IsNotFound(
      PushImage(*threads_, io_, registry_, reference_, {.disk = "/none"}, push_).status()));
}

// Whatever ends a pull, the next one fetches only what was not verified yet.
TEST_F(TransferTest, GoesOnWhereItWasEnded) {
  Push();
  const std::vector<DiskPiece> pieces = Pieces();
  pull_.parallel_layers = 1;
  registry_.BreakBlob(pieces[4].blob.digest, 3, absl::UnavailableError("cut"));
  // Piece 7 is the first whose layer differs from those of the zeros before it.
  registry_.BreakBlob(pieces[8].blob.digest, 100, absl::UnavailableError("cut"));
  EXPECT_TRUE(absl::IsUnavailable(Pull().status()));
  EXPECT_TRUE(absl::IsUnavailable(Pull().status()));
  const std::int64_t before = registry_.served_bytes();
  io_.LosePower();
  const PulledImage image = Pull().value();
  EXPECT_EQ(Read("/out/disk.img"), disk_);
  EXPECT_EQ(image.fetched_bytes, pieces[8].blob.size + pieces[9].blob.size);
  EXPECT_LT(registry_.served_bytes() - before, 2 * kPiece + 10000);
}

TEST_F(TransferTest, FetchesAgainWhatWasDamagedInBetween) {
  Push();
  pull_.parallel_layers = 1;
  registry_.BreakBlob(Pieces()[9].blob.digest, 0, absl::UnavailableError("cut"));
  EXPECT_FALSE(Pull().ok());
  ASSERT_TRUE(io_.Open("/out/disk.img", false).value()->WriteAt(5 * kPiece, "damage").ok());
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(Read("/out/disk.img"), disk_);
}

TEST_F(TransferTest, StartsAfreshForAnotherImage) {
  Push();
  ASSERT_TRUE(Pull().ok());
  Write("/in/disk", Noise(2 * kPiece));
  Push();
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(Read("/out/disk.img"), Read("/in/disk"));
}

TEST_F(TransferTest, ARefusedBlobIsFetchedOnceMore) {
  Push();
  registry_.CorruptBlob(Pieces()[0].blob.digest);
  EXPECT_TRUE(absl::IsDataLoss(Pull().status()));
  registry_.CorruptBlob(Pieces()[0].blob.digest);
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(Read("/out/disk.img"), disk_);
}

TEST_F(TransferTest, ACorruptKernelIsNeverPutInPlace) {
  Push();
  registry_.CorruptBlob(DigestOf(Read("/in/kernel")));
  EXPECT_TRUE(absl::IsDataLoss(Pull().status()));
  EXPECT_TRUE(absl::IsNotFound(io_.Stat("/out/vmlinuz").status()));
}

TEST_F(TransferTest, TakesPiecesFromTheDiskOfAnOlderImage) {
  Push();
  std::map<std::string, LocalPiece> local;
  for (const DiskPiece& piece : Pieces()) local[piece.blob.digest] = {"/in/old", piece.offset};
  Write("/in/old", disk_);
  // One piece is new, and one of the old ones is not what it was.
  disk_[0] ^= 1;
  Write("/in/disk", disk_);
  ASSERT_TRUE(io_.Open("/in/old", false).value()->WriteAt(kPiece + 3, "damage").ok());
  Push();
  pull_.local = local;
  const PulledImage image = Pull().value();
  EXPECT_EQ(Read("/out/disk.img"), disk_);
  const std::int64_t files = image.layout.files[0].blob.size + image.layout.files[1].blob.size +
                             image.layout.files[2].blob.size;
  EXPECT_EQ(image.fetched_bytes,
            files + image.layout.pieces[0].blob.size + image.layout.pieces[1].blob.size);
}

TEST_F(TransferTest, RewritesOnlyWhatDiffersInACloneOfAnOlderDisk) {
  Push();
  for (const DiskPiece& piece : Pieces()) {
    pull_.local[piece.blob.digest] = {"/out/disk.img", piece.offset};
  }
  Write("/out/disk.img", disk_);
  // A piece that becomes zeros lies over bytes of the clone.
  disk_.replace(kPiece, kPiece, std::string(kPiece, '\0'));
  Write("/in/disk", disk_);
  Push();
  pull_.parallel_layers = 1;
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(Read("/out/disk.img"), disk_);
}

TEST_F(TransferTest, CanBeCancelled) {
  Push();
  Cancellation cancellation;
  pull_.cancellation = &cancellation;
  pull_.progress = [&](std::int64_t done, std::int64_t) {
    if (done > kPiece) cancellation.Cancel();
  };
  EXPECT_TRUE(absl::IsCancelled(Pull().status()));
}

TEST_F(TransferTest, SaysWhenTheDiskIsFull) {
  Push();
  io_.SetFreeBytes(kPiece);
  EXPECT_TRUE(absl::IsResourceExhausted(Pull().status()));
  io_.SetFreeBytes(1 << 30);
  pull_.max_disk_bytes = 5 * kPiece;
  EXPECT_TRUE(absl::IsResourceExhausted(Pull().status()));
  pull_.max_disk_bytes = 0;
  EXPECT_TRUE(Pull().ok());
}

TEST_F(TransferTest, RefusesLies) {
  const std::string plain(100000, 'x');
  const std::string stream = absl::StrCat(EncodeLz4Block(plain.substr(0, 65536)),
                                          EncodeLz4Block(plain.substr(65536)), kLz4End);
  const std::string digest = DigestOf(plain);
  struct Case {
    const char* name;
    std::string stream, size, digest, disk;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {"truth", stream, "100000", digest, "100000", absl::StatusCode::kOk},
      {"no digest", stream, "100000", "", "", absl::StatusCode::kOk},
      {"holds more than it says", stream, "99999", digest, "", absl::StatusCode::kDataLoss},
      {"holds less than it says", stream, "100001", digest, "", absl::StatusCode::kDataLoss},
      {"another digest", stream, "100000", DigestOf("x"), "", absl::StatusCode::kDataLoss},
      {"no stream", plain, "100000", digest, "", absl::StatusCode::kDataLoss},
      {"cut off", stream.substr(0, stream.size() - 2), "100000", digest, "",
       absl::StatusCode::kDataLoss},
      {"disk of another size", stream, "100000", digest, "100001",
       absl::StatusCode::kFailedPrecondition},
      {"impossible ratio", stream, "4000000", digest, "", absl::StatusCode::kFailedPrecondition},
      {"no size", stream, "", digest, "", absl::StatusCode::kFailedPrecondition},
      {"negative size", stream, "-5", digest, "", absl::StatusCode::kFailedPrecondition},
      {"huge size", stream, "99999999999999999", digest, "", absl::StatusCode::kFailedPrecondition},
      {"malformed digest", stream, "100000", "sha256:../../x", "",
       absl::StatusCode::kFailedPrecondition},
  };
  for (const Case& c : cases) {
    PutImage(c.stream, c.size, c.digest, c.disk);
    EXPECT_EQ(Pull().status().code(), c.code) << c.name;
  }
}

TEST_F(TransferTest, RefusesLayersThatItDoesNotKnow) {
  PutImage(absl::StrCat(EncodeLz4Block("x"), kLz4End), "1", "", "");
  Manifest manifest = registry_.GetManifest(reference_, "").value();
  manifest.layers.push_back(manifest.layers[0]);
  manifest.layers.back().media_type = "application/vnd.cirruslabs.tart.disk.asif.overlay.v1";
  ASSERT_TRUE(registry_.PutManifest(reference_, kManifestType, WriteManifest(manifest)).ok());
  const absl::Status status = Pull().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("asif.overlay"));
}

}  // namespace
}  // namespace espalier::oci
