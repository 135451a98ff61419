// The fakes themselves, where clients of the conformance suite do not look: commands, webhooks, and
// answers that do not come.
#include "reconciler/forge/testing/fake_forge.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/fake_gitea.h"
#include "reconciler/forge/testing/fake_github.h"
#include "reconciler/forge/testing/fake_gitlab.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class FakeForgeTest : public testing::Test {
 protected:
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Http> http_ = MakeHttp();
};

TEST_F(FakeForgeTest, TakesCommandsOverHttp) {
  FakeGithub fake(*threads_, *clock_);
  const auto command = [&](const std::string& text) {
    HttpRequest request{.method = "POST", .url = fake.url() + "/_control"};
    request.body = text;
    return http_->Fetch(std::move(request)).value().body;
  };
  EXPECT_EQ(command(R"({"do":"open","head_sha":"aa","diff":{"a.yaml":[[1,5]]}})"),
            R"({"number":1,"ok":true})");
  EXPECT_THAT(command(R"({"do":"comment","number":1,"author":"ana","body":"hi"})"),
              HasSubstr(R"("ok":true)"));
  EXPECT_THAT(command(R"({"do":"merge","number":1,"sha":"bb"})"), HasSubstr(R"("ok":true)"));
  EXPECT_THAT(command(R"({"do":"dump"})"), HasSubstr(R"("merge_sha":"bb")"));
  EXPECT_THAT(command(R"({"do":"calls"})"), HasSubstr(R"("reads":0)"));
  for (const char* wrong : {"", "[]", R"({"do":"what"})", R"({"do":"merge"})"}) {
    EXPECT_THAT(command(wrong), HasSubstr(R"("ok":false)")) << wrong;
  }
}

TEST_F(FakeForgeTest, ProvesItsWebhooksAsTheForgeDoes) {
  TestHttpServer receiver(*threads_,
                          [](const ServerRequest&) { return ServerAnswer{.status = 202}; });
  const auto play = [&](FakeForge& fake) {
    fake.SetWebhook(receiver.url() + "/hooks/fleet", "secret");
    const std::int64_t number = fake.Open({});
    fake.Comment(number, "ana", "/espalier plan");
    fake.Push("main", "a", "b");
    EXPECT_THAT(fake.Control(R"({"do":"calls"})"), HasSubstr(R"("delivered":202)"));
  };
  FakeGithub github(*threads_, *clock_, http_.get());
  FakeGitlab gitlab(*threads_, *clock_, http_.get());
  FakeGitea gitea(*threads_, *clock_, http_.get());
  play(github);
  play(gitlab);
  play(gitea);
  gitlab.SetWebhook(receiver.url() + "/hooks/fleet", "whsec_dGVzdA==");
  gitlab.Push("main", "b", "c");
  const std::vector<ServerRequest> sent = receiver.requests();
  ASSERT_THAT(sent, SizeIs(10));
  const ServerRequest& signed_one = sent[9];
  EXPECT_EQ(signed_one.Header("X-Gitlab-Token"), "");
  EXPECT_EQ(signed_one.Header("webhook-timestamp"),
            absl::StrCat(absl::ToUnixSeconds(clock_->Now())));
  EXPECT_EQ(signed_one.Header("webhook-signature"),
            absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(HmacSha256Hex(
                                    "test", absl::StrCat(signed_one.Header("webhook-id"), ".",
                                                         signed_one.Header("webhook-timestamp"),
                                                         ".", signed_one.body))))));
  for (const std::size_t i : {0, 1, 2}) {
    EXPECT_EQ(sent[i].Header("X-Hub-Signature-256"),
              absl::StrCat("sha256=", HmacSha256Hex("secret", sent[i].body)));
    EXPECT_EQ(sent[i + 3].Header("X-Gitlab-Token"), "secret");
    EXPECT_EQ(sent[i + 6].Header("X-Gitea-Signature"), HmacSha256Hex("secret", sent[i + 6].body));
  }
  EXPECT_EQ(sent[0].Header("X-GitHub-Event"), "pull_request");
  EXPECT_EQ(sent[4].Header("X-Gitlab-Event"), "Note Hook");
  EXPECT_EQ(sent[8].Header("X-Gitea-Event"), "push");
}

TEST_F(FakeForgeTest, HoldsAnswersUntilTheyAreReleased) {
  FakeGithub fake(*threads_, *clock_);
  const auto ask_early = [&] {
    HttpRequest request{.url = fake.api_url() + "/user"};
    request.total_timeout = absl::Milliseconds(100);
    return http_->Fetch(std::move(request)).status();
  };
  fake.Hold(true);
  EXPECT_TRUE(absl::IsDeadlineExceeded(ask_early()));
  fake.Hold(false);
  EXPECT_TRUE(http_->Fetch({.url = fake.api_url() + "/user"}).ok());
  // What is still held when the fake ends is answered then.
  fake.Hold(true);
  EXPECT_TRUE(absl::IsDeadlineExceeded(ask_early()));
}

}  // namespace
}  // namespace espalier
