// The fetch as the program runs it: in a child, against repositories on the disk and servers that
// misbehave.
#include "reconciler/git/fetch_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/fake_io.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_http_server.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Begins as git servers do, and says no more.
ServerAnswer NeverEndingAnswer() {
  ServerAnswer answer;
  answer.headers = {{"Content-Type", "application/x-git-upload-pack-advertisement"}};
  answer.body = "001e# service=git-upload-pack\n";
  answer.stall_after = 10;
  return answer;
}

class FetchChildTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> FetchFrom(const std::string& url, const std::string& password = "",
                                        absl::Duration deadline = absl::Seconds(20)) {
    const FetchRequest request = {.url = url,
                                  .ref = "refs/heads/main",
                                  .mirror = absl::StrCat(dir_.path(), "/m"),
                                  .username = password.empty() ? "" : "ana",
                                  .password = password,
                                  .max_bytes = 1 << 30};
    absl::StatusOr<FetchAnswer> answer = FetchInChild(
        *io_, {.command = command_, .deadline = deadline, .cancellation = &cancellation_})(request);
    if (!answer.ok()) return answer.status();
    return answer->commit;
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::vector<std::string> command_ = {ESPALIER_RECONCILER, "fetch-child"};
  Cancellation cancellation_;
};

TEST_F(FetchChildTest, FetchesARepositoryOnTheDisk) {
  TestRepository repository(library_, absl::StrCat(dir_.path(), "/r.git"));
  const std::string commit = repository.CommitText({{"a.yaml", "1"}});
  const absl::StatusOr<std::string> fetched = FetchFrom(repository.path());
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(*fetched, commit);
}

TEST_F(FetchChildTest, ReadsNoConfigurationOfTheUser) {
  TestRepository repository(library_, absl::StrCat(dir_.path(), "/r.git"));
  const std::string commit = repository.CommitText({{"a.yaml", "1"}});
  ASSERT_TRUE(io_->WriteFile(absl::StrCat(dir_.path(), "/.gitconfig"),
                             absl::StrCat("[url \"/nowhere\"]\n\tinsteadOf = ", dir_.path(), "\n"),
                             0600)
                  .ok());
  command_.insert(command_.begin(), {"env", absl::StrCat("HOME=", dir_.path())});
  const absl::StatusOr<std::string> fetched = FetchFrom(repository.path());
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(*fetched, commit);
}

TEST_F(FetchChildTest, EndsAtItsDeadlineWhenTheServerNeverAnswers) {
  TestHttpServer server(*threads_, [](const ServerRequest&) { return NeverEndingAnswer(); });
  const absl::Status status =
      FetchFrom(absl::StrCat(server.url(), "/r.git"), "", absl::Milliseconds(700)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("did not answer"));
}

TEST_F(FetchChildTest, EndsWhenItIsCancelled) {
  TestHttpServer server(*threads_, [this](const ServerRequest&) {
    cancellation_.Cancel();
    return NeverEndingAnswer();
  });
  EXPECT_TRUE(absl::IsCancelled(FetchFrom(absl::StrCat(server.url(), "/r.git")).status()));
}

TEST_F(FetchChildTest, OffersThePasswordOnceAndNeverSaysIt) {
  TestHttpServer server(*threads_, [](const ServerRequest&) {
    ServerAnswer answer;
    answer.status = 401;
    answer.headers = {{"WWW-Authenticate", "Basic realm=\"git\""}};
    return answer;
  });
  const absl::Status status = FetchFrom(absl::StrCat(server.url(), "/r.git"), "t0ken").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << status;
  EXPECT_THAT(status.ToString(), Not(HasSubstr("t0ken")));
  int offered = 0;
  for (const ServerRequest& request : server.requests()) {
    if (request.Header("Authorization").empty()) continue;
    ++offered;
    EXPECT_EQ(request.Header("Authorization"),
              absl::StrCat("Basic ", absl::Base64Escape("ana:t0ken")));
  }
  EXPECT_EQ(offered, 1);
}

TEST_F(FetchChildTest, FollowsNoRedirect) {
  TestHttpServer other(*threads_, [](const ServerRequest&) { return ServerAnswer(); });
  TestHttpServer server(*threads_, [&](const ServerRequest&) {
    ServerAnswer answer;
    answer.status = 302;
    answer.headers = {{"Location", absl::StrCat(other.url(), "/r.git/info/refs")}};
    return answer;
  });
  EXPECT_FALSE(FetchFrom(absl::StrCat(server.url(), "/r.git"), "t0ken").ok());
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(FetchChildTest, SaysWhatIsNotThere) {
  TestRepository repository(library_, absl::StrCat(dir_.path(), "/r.git"));
  const absl::Status no_branch = FetchFrom(repository.path()).status();
  EXPECT_EQ(no_branch.code(), absl::StatusCode::kNotFound) << no_branch;
  EXPECT_FALSE(FetchFrom(absl::StrCat(dir_.path(), "/none.git")).ok());
  TestHttpServer server(*threads_,
                        [](const ServerRequest&) { return ServerAnswer{.status = 404}; });
  EXPECT_FALSE(FetchFrom(absl::StrCat(server.url(), "/r.git")).ok());
}

TEST_F(FetchChildTest, SurvivesAChildThatBreaks) {
  command_ = {"sh", "-c", "kill -SEGV $$"};
  EXPECT_EQ(FetchFrom("/r").status().code(), absl::StatusCode::kInternal);
  command_ = {"sh", "-c", "echo nonsense"};
  EXPECT_EQ(FetchFrom("/r").status().code(), absl::StatusCode::kInternal);
  command_ = {"sh", "-c", "kill -XCPU $$"};
  EXPECT_EQ(FetchFrom("/r").status().code(), absl::StatusCode::kResourceExhausted);
  command_ = {absl::StrCat(dir_.path(), "/none")};
  EXPECT_FALSE(FetchFrom("/r").ok());
}

TEST_F(FetchChildTest, KeepsSecretsOutOfArgumentsAndEnvironment) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  FakeIo io(*clock);
  ProcessOptions seen;
  io.SetRunner([&](const ProcessOptions& options) {
    seen = options;
    return ProcessResult{.exit_code = 0,
                         .out = EncodeFetchAnswer(FetchAnswer{.commit = std::string(40, 'a')})};
  });
  const Fetch fetch = FetchInChild(io, {.command = {"reconciler", "fetch-child"}});
  EXPECT_TRUE(fetch({.url = "https://forge.example/r",
                     .ref = "refs/heads/main",
                     .mirror = "/m",
                     .username = "ana",
                     .password = "t0ken",
                     .max_bytes = 1})
                  .ok());
  EXPECT_THAT(seen.argv, ElementsAre("reconciler", "fetch-child"));
  EXPECT_TRUE(seen.env.empty());
  EXPECT_THAT(seen.stdin_bytes, HasSubstr("t0ken"));
  EXPECT_GT(seen.max_cpu_seconds, 0);
  EXPECT_GT(seen.max_file_bytes, 0);
}

}  // namespace
}  // namespace espalier
