// The threads that read: what waits for what, and what becomes of results that nobody wants any
// more.
#include "reconciler/read_threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// One source over a real repository. Fetches can be held at a gate; they and what is told are noted
// in order.
class ReadThreadsTest : public testing::Test {
 protected:
  ReadThreadsTest() {
    spec_.set_repository(repository_.path());
    base_ = repository_.CommitText({{"README.md", "1"}});
    for (int number = 1; number <= 20; ++number) {
      repository_.SetRef(
          absl::StrCat("refs/pull/", number, "/head"),
          repository_.Write({.files = {{"b.md", {absl::StrCat(number)}}}, .parents = {base_}}));
    }
  }
  ~ReadThreadsTest() override {
    gate_.Notify();
    reads_.Stop();
  }

  absl::StatusOr<FetchAnswer> FetchThroughGate(const FetchRequest& request) {
    Note(absl::StrCat("fetch ", request.ref));
    bool closed = false;
    {
      MutexLock lock(mu_);
      closed = closed_;
    }
    if (closed) clock_->WaitFor(gate_, absl::Seconds(60));
    return FetchIntoMirror(library_, request);
  }
  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
  }
  void Open() {
    {
      MutexLock lock(mu_);
      closed_ = false;
    }
    gate_.Notify();
  }

  void Note(const std::string& what) {
    {
      MutexLock lock(mu_);
      noted_.push_back(what);
    }
    changed_.Notify();
  }
  std::vector<std::string> Noted() {
    MutexLock lock(mu_);
    return noted_;
  }
  bool WaitForNote(const std::string& what) {
    const absl::Duration deadline = clock_->Elapsed() + absl::Seconds(60);
    for (;;) {
      const std::vector<std::string> noted = Noted();
      if (std::find(noted.begin(), noted.end(), what) != noted.end()) return true;
      if (!clock_->WaitUntil(changed_, deadline)) return false;
    }
  }
  void ReadTracked() {
    ASSERT_TRUE(reads_.Start("fleet", {.spec = spec_}).ok());
    ASSERT_TRUE(WaitForNote("read fleet"));
    ASSERT_EQ(reads_.Take("fleet")->commit, base_);
    MutexLock lock(mu_);
    noted_.clear();
  }
  absl::Status StartProposal(std::int64_t number) {
    return reads_.StartProposal("fleet", {.spec = spec_,
                                          .number = number,
                                          .head_ref = absl::StrCat("refs/pull/", number, "/head"),
                                          .target_commit = base_});
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  v1::GitSourceSpec spec_;
  std::string base_;
  Wakeup gate_;
  Wakeup changed_;
  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::string> noted_ ABSL_GUARDED_BY(mu_);
  ReadThreads reads_{
      *clock_,
      *threads_,
      [this](const std::string& source) {
        return std::make_unique<SourceReader>(
            library_, *io_,
            [this](const FetchRequest& request) { return FetchThroughGate(request); },
            absl::StrCat(dir_.path(), "/cache/", source), "", Environment());
      },
      {.read = [this](const std::string& source) { Note(absl::StrCat("read ", source)); },
       .proposal =
           [this](const std::string& source, std::int64_t number) {
             Note(absl::StrCat("proposal ", source, " ", number));
           },
       .history = [this](const std::string& source) { Note(absl::StrCat("history ", source)); },
       .patch = [this](const std::string& source) { Note(absl::StrCat("patch ", source)); }}};
};

TEST_F(ReadThreadsTest, ReadsProposalsOfASourceThatWasRead) {
  EXPECT_EQ(StartProposal(1).code(), absl::StatusCode::kUnavailable);
  ReadTracked();
  ASSERT_TRUE(StartProposal(1).ok());
  ASSERT_TRUE(WaitForNote("proposal fleet 1"));
  EXPECT_FALSE(reads_.TakeProposal("fleet", 2).has_value());
  const std::optional<ProposalResult> proposal = reads_.TakeProposal("fleet", 1);
  ASSERT_TRUE(proposal.has_value());
  EXPECT_TRUE(proposal->fetched.ok()) << proposal->fetched;
  EXPECT_FALSE(reads_.TakeProposal("fleet", 1).has_value()) << "once";
}

TEST_F(ReadThreadsTest, ReadsTheTrackedRefBeforeTheProposalsThatWait) {
  ReadTracked();
  Close();
  for (int number = 1; number <= 3; ++number) ASSERT_TRUE(StartProposal(number).ok());
  ASSERT_TRUE(WaitForNote("fetch refs/pull/1/head"));
  ASSERT_TRUE(reads_.Start("fleet", {.spec = spec_}).ok());
  ASSERT_TRUE(StartProposal(3).ok()) << "asked again: still one read";
  Open();
  ASSERT_TRUE(WaitForNote("proposal fleet 3"));
  EXPECT_THAT(Noted(),
              ElementsAre("fetch refs/pull/1/head", "proposal fleet 1", "fetch refs/heads/main",
                          "read fleet", "fetch refs/pull/2/head", "proposal fleet 2",
                          "fetch refs/pull/3/head", "proposal fleet 3"));
  EXPECT_TRUE(reads_.Take("fleet").has_value());
}

TEST_F(ReadThreadsTest, DropsWhatIsUnderWayForAClosedProposal) {
  ReadTracked();
  Close();
  ASSERT_TRUE(StartProposal(1).ok());
  ASSERT_TRUE(StartProposal(2).ok());
  ASSERT_TRUE(StartProposal(3).ok());
  ASSERT_TRUE(WaitForNote("fetch refs/pull/1/head"));
  reads_.DropProposal("fleet", 1);
  reads_.DropProposal("fleet", 2);
  Open();
  ASSERT_TRUE(WaitForNote("proposal fleet 3"));
  EXPECT_THAT(Noted(), Not(Contains("proposal fleet 1")));
  EXPECT_THAT(Noted(), Not(Contains("fetch refs/pull/2/head")));
  EXPECT_FALSE(reads_.TakeProposal("fleet", 1).has_value());
}

TEST_F(ReadThreadsTest, ReadsNoFurtherThanResultsAreTaken) {
  ReadTracked();
  const int more = static_cast<int>(limits::kProposalResults) + 2;
  for (int number = 1; number <= more; ++number) ASSERT_TRUE(StartProposal(number).ok());
  ASSERT_TRUE(WaitForNote(absl::StrCat("proposal fleet ", more - 2)));
  // A question goes past them, so that when it is answered their turn has come and gone.
  ASSERT_TRUE(reads_.StartHistory("fleet", {.tips = {base_}, .asked = {base_}}).ok());
  ASSERT_TRUE(WaitForNote("history fleet"));
  EXPECT_THAT(reads_.TakeHistory("fleet")->contained, ElementsAre(base_));
  EXPECT_THAT(Noted(), Not(Contains(absl::StrCat("fetch refs/pull/", more - 1, "/head"))));
  EXPECT_TRUE(reads_.TakeProposal("fleet", 1).has_value());
  EXPECT_TRUE(WaitForNote(absl::StrCat("proposal fleet ", more - 1)));
  reads_.DropProposal("fleet", 2);
  EXPECT_TRUE(WaitForNote(absl::StrCat("proposal fleet ", more)));
}

TEST_F(ReadThreadsTest, ForgetsASourceWithAllThatWaits) {
  ReadTracked();
  Close();
  ASSERT_TRUE(StartProposal(1).ok());
  ASSERT_TRUE(StartProposal(2).ok());
  ASSERT_TRUE(WaitForNote("fetch refs/pull/1/head"));
  reads_.Forget("fleet");
  EXPECT_EQ(StartProposal(3).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(reads_.Start("fleet", {.spec = spec_}).code(), absl::StatusCode::kUnavailable)
      << "the source before it is still ending";
  Open();
  reads_.Stop();
  EXPECT_THAT(Noted(), ElementsAre("fetch refs/pull/1/head"));
  EXPECT_FALSE(io_->Stat(absl::StrCat(dir_.path(), "/cache/fleet")).ok());
}

}  // namespace
}  // namespace espalier
