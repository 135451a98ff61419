// A11: whatever happens to a mirror on the disk, what is read of it is what the repository holds,
// or an error. The fetch runs in this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/random.h"
#include "reconciler/source_reader.h"
#include "reconciler/testing/image_yaml.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::SizeIs;

std::string PathOf(int image) { return absl::StrCat("team", image % 4, "/i", image, ".yaml"); }

class DamagedMirrorTest : public testing::Test {
 protected:
  DamagedMirrorTest() {
    spec_.set_repository(repository_.path());
    std::map<std::string, std::string> files;
    for (int i = 0; i < 20; ++i) {
      files[PathOf(i)] = ImageYaml(absl::StrCat("i", i));
    }
    base_ = repository_.CommitText(files);
    files[PathOf(0)] += "# changed\n";
    TestCommit commit = {.parents = {base_}};
    for (const auto& [path, text] : files) commit.files[path] = {.bytes = text};
    repository_.SetRef("refs/pull/1/head", repository_.Write(commit));
  }
  // A reader that remembers nothing, as after a restart.
  std::unique_ptr<SourceReader> Reader(Reveal reveal = nullptr) {
    return std::make_unique<SourceReader>(
        library_, *io_,
        [this](const FetchRequest& request) {
          ++fetches_;
          return FetchIntoMirror(library_, request);
        },
        absl::StrCat(dir_.path(), "/cache"), "", Environment(), std::move(reveal));
  }
  ReadResult Read() { return Reader()->Read({.spec = spec_}); }
  void ExpectAllRead(const ReadResult& result) {
    ASSERT_TRUE(result.fetched.ok()) << result.fetched;
    EXPECT_EQ(result.commit, base_);
    ASSERT_NE(result.head, nullptr);
    EXPECT_TRUE(result.head->valid());
    EXPECT_THAT(result.head->declared, SizeIs(20));
  }
  // All files of the mirror that is in use.
  std::vector<std::string> MirrorFiles(const std::string& dir) {
    std::vector<std::string> files;
    const std::vector<std::string> names = io_->List(dir).value_or(std::vector<std::string>());
    for (const std::string& name : names) {
      const std::string path = absl::StrCat(dir, "/", name);
      if (io_->Stat(path)->type == FileInfo::Type::kDirectory) {
        const std::vector<std::string> below = MirrorFiles(path);
        files.insert(files.end(), below.begin(), below.end());
      } else {
        files.push_back(path);
      }
    }
    return files;
  }
  std::vector<std::string> MirrorFiles() {
    return MirrorFiles(absl::StrCat(dir_.path(), "/cache/mirror"));
  }
  // The file whose bytes it were.
  std::string FlipBytes(Random& random) {
    const std::vector<std::string> files = MirrorFiles();
    std::string path = files[random.Below(files.size())];
    std::string bytes = *io_->ReadFile(path, 1 << 24);
    for (int flips = 0; flips < 8 && !bytes.empty(); ++flips) {
      bytes[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
    }
    EXPECT_TRUE(io_->WriteFile(path, bytes, 0600).ok());
    return path;
  }
  void DamagePacks() {
    for (const std::string& path : MirrorFiles()) {
      if (!absl::EndsWith(path, ".pack")) continue;
      EXPECT_TRUE(io_->WriteFile(path, "PACK", 0600).ok());
    }
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  v1::GitSourceSpec spec_;
  std::string base_;
  int fetches_ = 0;
};

TEST_F(DamagedMirrorTest, A11ReadsRightAfterBytesWereFlipped) {
  ExpectAllRead(Read());
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round, ": ", FlipBytes(random)));
    ExpectAllRead(Read());
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST_F(DamagedMirrorTest, A11ReadsRightAfterFilesWereLostOrCut) {
  ExpectAllRead(Read());
  const std::size_t count = MirrorFiles().size();
  for (std::size_t i = 0; i < count; ++i) {
    for (const bool cut : {true, false}) {
      const std::vector<std::string> files = MirrorFiles();
      if (i >= files.size()) continue;
      SCOPED_TRACE(absl::StrCat(cut ? "cut " : "lost ", files[i]));
      const std::string bytes = *io_->ReadFile(files[i], 1 << 24);
      ASSERT_TRUE(cut ? io_->WriteFile(files[i], bytes.substr(0, bytes.size() / 2), 0600).ok()
                      : io_->RemoveAll(files[i]).ok());
      ExpectAllRead(Read());
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST_F(DamagedMirrorTest, A11IsNotHeldUpByLocksThatWereLeft) {
  ExpectAllRead(Read());
  for (const std::string& path : MirrorFiles()) {
    ASSERT_TRUE(io_->WriteFile(absl::StrCat(path, ".lock"), "", 0600).ok());
  }
  ExpectAllRead(Read());
}

TEST_F(DamagedMirrorTest, MendsItselfForAProposalToo) {
  std::unique_ptr<SourceReader> reader = Reader();
  ExpectAllRead(reader->Read({.spec = spec_}));
  const ProposalRequest request = {
      .spec = spec_, .number = 1, .head_ref = "refs/pull/1/head", .target_commit = base_};
  ASSERT_TRUE(reader->ReadProposal(request).fetched.ok());
  DamagePacks();
  const ProposalResult proposal = Reader()->ReadProposal(request);
  ASSERT_TRUE(proposal.fetched.ok()) << proposal.fetched;
  EXPECT_THAT(proposal.merged->declared, SizeIs(20));
}

TEST_F(DamagedMirrorTest, MendsItselfForAPatchToo) {
  ExpectAllRead(Read());
  PatchRequest request = {.spec = spec_, .commit = base_};
  for (int i = 0; i < 20; ++i) {
    request.files.push_back({.path = PathOf(i)});
  }
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round, ": ", FlipBytes(random)));
    const PatchResult patch = Reader()->ReadPatch(request);
    ASSERT_TRUE(patch.read.ok()) << patch.read;
    EXPECT_EQ(patch.tip, base_);
    ASSERT_THAT(patch.files, SizeIs(20));
  }
}

TEST_F(DamagedMirrorTest, IsKeptWhereASecretIsWhatCannotBeRead) {
  const std::unique_ptr<SourceReader> reader = Reader([](const std::string&) {
    return absl::StatusOr<std::string>(absl::DataLossError("another key"));
  });
  ExpectAllRead(reader->Read({.spec = spec_}));
  const auto current = [&] {
    return io_->ReadFile(absl::StrCat(dir_.path(), "/cache/mirror/current"), 256).value();
  };
  const std::string before = current();
  v1::GitSourceSpec sealed = spec_;
  sealed.mutable_client_certificate()->mutable_private_key()->set_sealed("0123");
  const ProposalResult proposal = reader->ReadProposal(
      {.spec = sealed, .number = 1, .head_ref = "refs/pull/1/head", .target_commit = base_});
  EXPECT_EQ(proposal.fetched.code(), absl::StatusCode::kDataLoss) << proposal.fetched;
  EXPECT_EQ(proposal.number, 1);
  EXPECT_EQ(proposal.target_commit, base_);
  const PatchResult patch = reader->ReadPatch({.spec = sealed, .commit = base_});
  EXPECT_EQ(patch.read.code(), absl::StatusCode::kDataLoss) << patch.read;
  ExpectAllRead(reader->Read({.spec = spec_}));
  EXPECT_EQ(current(), before);
}

TEST_F(DamagedMirrorTest, A11ClonesOnceAndThenSaysSo) {
  // Whatever is fetched is damaged at once.
  SourceReader reader(
      library_, *io_,
      [this](const FetchRequest& request) -> absl::StatusOr<FetchAnswer> {
        ++fetches_;
        absl::StatusOr<FetchAnswer> answer = FetchIntoMirror(library_, request);
        DamagePacks();
        return answer;
      },
      absl::StrCat(dir_.path(), "/cache"), "", Environment());
  const ReadResult result = reader.Read({.spec = spec_});
  EXPECT_EQ(result.fetched.code(), absl::StatusCode::kDataLoss) << result.fetched;
  EXPECT_EQ(result.head, nullptr);
  EXPECT_LE(fetches_, 3);
}

}  // namespace
}  // namespace espalier
