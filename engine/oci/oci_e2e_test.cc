// Images against a real registry: another client (skopeo) reads and copies what we push, and pulls
// survive kill -9. Skipped where docker-registry or skopeo are not installed.
#include <signal.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/net/http.h"
#include "engine/oci/transfer.h"
#include "tests/support/docker_registry.h"
#include "tests/support/temp_dir.h"

namespace espalier::oci {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kPiece = 1 << 20;

class RegistryE2eTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = DockerRegistry::Start(*clock_, *io_, dir_.path());
    if (absl::IsNotFound(server.status())) GTEST_SKIP() << "no docker-registry here";
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    // 20 MiB and a bit: noise, a hole, noise.
    const auto disk = io_->Open(Path("disk"), true).value();
    ASSERT_TRUE(disk->WriteAt(0, Noise(9 << 20)).ok());
    ASSERT_TRUE(disk->WriteAt(18 << 20, Noise((2 << 20) + 4096)).ok());
    ASSERT_TRUE(io_->WriteFile(Path("kernel"), Noise(1 << 20), 0600).ok());
    ASSERT_TRUE(io_->WriteFile(Path("initrd"), Noise(1 << 19), 0600).ok());
  }

  std::string Noise(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) absl::StrAppend(&bytes, random_.Uid());
    bytes.resize(size);
    return bytes;
  }
  std::string Path(absl::string_view name) const { return absl::StrCat(dir_.path(), "/", name); }
  Reference ReferenceOf(absl::string_view name) const {
    return ParseReference(absl::StrCat(server_->address(), "/vm/", name)).value();
  }
  std::string Push(const Reference& reference) {
    return PushImage(*threads_, *io_, *registry_, reference,
                     {.disk = Path("disk"), .kernel = Path("kernel"), .initrd = Path("initrd")},
                     {.cmdline = "console=ttyS0", .piece_bytes = kPiece})
        .value();
  }
  std::string Skopeo(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "skopeo");
    const ProcessResult result = io_->Run({.argv = std::move(arguments)}).value();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  void ExpectSame(const std::string& a, const std::string& b) {
    EXPECT_EQ(io_->ReadFile(a, 1 << 30).value() == io_->ReadFile(b, 1 << 30).value(), true)
        << a << " " << b;
  }

  TempDir dir_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  const std::unique_ptr<Http> http_ = MakeHttp();
  Random random_{3};
  const std::unique_ptr<Registry> registry_ = MakeRegistry(*clock_, random_, *http_, nullptr);
  std::unique_ptr<DockerRegistry> server_;
};

class SkopeoTest : public RegistryE2eTest {
 protected:
  void SetUp() override {
    if (absl::IsNotFound(io_->Run({.argv = {"skopeo", "--version"}}).status())) {
      GTEST_SKIP() << "no skopeo here";
    }
    RegistryE2eTest::SetUp();
  }
};

TEST_F(SkopeoTest, InspectsWhatWePush) {
  const Reference reference = ReferenceOf("linux:v1");
  const std::string digest = Push(reference);
  const std::string text =
      Skopeo({"inspect", "--tls-verify=false", "docker://" + reference.ToString()});
  EXPECT_THAT(text, HasSubstr(digest));
  EXPECT_THAT(text, HasSubstr(R"("Os": "linux")"));
  EXPECT_THAT(text, HasSubstr(R"("Architecture": "amd64")"));
}

TEST_F(SkopeoTest, CopiesWhatWePushAndWeReadTheCopy) {
  const Reference reference = ReferenceOf("linux:v1");
  const Reference copy = ReferenceOf("copy:v1");
  const std::string digest = Push(reference);
  Skopeo({"copy", "--src-tls-verify=false", "docker://" + reference.ToString(),
          "oci:" + Path("layout") + ":v1"});
  Skopeo({"copy", "--dest-tls-verify=false", "oci:" + Path("layout") + ":v1",
          "docker://" + copy.ToString()});
  ASSERT_TRUE(io_->MakeDirs(Path("out"), 0700).ok());
  const auto image = PullImage(*threads_, *io_, *registry_, copy, Path("out"), {});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->manifest.digest, digest);
  ExpectSame(Path("out/disk.img"), Path("disk"));
  ExpectSame(Path("out/vmlinuz"), Path("kernel"));
  ExpectSame(Path("out/initrd"), Path("initrd"));
  EXPECT_LT(io_->Stat(Path("out/disk.img")).value().disk_bytes, 13 << 20);
}

// What PullsGoOnAfterKill kills: pulls slowly, as the file "job" in its working directory says.
TEST(PullerProcess, PullsWhatItsJobSays) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  const auto io = MakeRealIo();
  const absl::StatusOr<std::string> job = io->ReadFile("job", 1000);
  // Not started to be killed.
  if (!job.ok()) return;
  const auto http = MakeHttp();
  Random random(4);
  const auto registry = MakeRegistry(*clock, random, *http, nullptr);
  const auto reference = ParseReference(*job).value();
  EXPECT_TRUE(PullImage(*threads, *io, *registry, reference, "out",
                        {.parallel_layers = 2, .bytes_per_second = 2 << 20})
                  .ok());
}

TEST_F(RegistryE2eTest, PullsGoOnAfterKill) {
  const Reference reference = ReferenceOf("linux:v1");
  Push(reference);
  ASSERT_TRUE(io_->MakeDirs(Path("out"), 0700).ok());
  ASSERT_TRUE(io_->WriteFile(Path("job"), reference.ToString(), 0600).ok());
  const std::string self = "/proc/self/exe";
  for (const std::size_t pieces : {2, 5, 9}) {
    const pid_t pid = io_->Spawn({.argv = {self, "--gtest_filter=PullerProcess.*"},
                                  .working_dir = dir_.path(),
                                  .log_file = Path("puller.log")})
                          .value();
    for (int looks = 0; looks < 3000 && io_->IsAlive(pid); ++looks) {
      const auto done = io_->List(Path("out/done"));
      if (done.ok() && done->size() >= pieces) break;
      clock_->Sleep(absl::Milliseconds(10));
    }
    ASSERT_TRUE(io_->Kill(pid, SIGKILL).ok()) << io_->ReadFile(Path("puller.log"), 1 << 20).value();
  }
  const auto image = PullImage(*threads_, *io_, *registry_, reference, Path("out"), {});
  ASSERT_TRUE(image.ok()) << image.status();
  ExpectSame(Path("out/disk.img"), Path("disk"));
  EXPECT_LT(image->fetched_bytes, image->layout.compressed_bytes() * 7 / 10);
}

}  // namespace
}  // namespace espalier::oci
