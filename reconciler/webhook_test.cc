#include "reconciler/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/sha256.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kSecret[] = "s3cret";
constexpr char kBody[] = "{\"ref\": \"refs/heads/main\"}";

struct HookCase {
  std::string name;
  HttpHeaders headers;
  bool taken = false;
};

TEST(WebhookTest, TakesOnlyWhatTheSecretProves) {
  const std::string right = HmacSha256Hex(kSecret, kBody);
  const std::string wrong = HmacSha256Hex("other", kBody);
  const std::string of_other_body = HmacSha256Hex(kSecret, "{}");
  const HookCase cases[] = {
      {"GitHub", {{"X-Hub-Signature-256", "sha256=" + right}}, true},
      {"NamesIgnoreCase", {{"x-hub-signature-256", "sha256=" + right}}, true},
      {"Gitea", {{"X-Gitea-Signature", right}}, true},
      {"Forgejo", {{"X-Forgejo-Signature", right}}, true},
      {"Gitlab", {{"X-Gitlab-Token", kSecret}}, true},
      {"GiteaSendsAll",
       {{"X-Gitea-Signature", right}, {"X-Hub-Signature-256", "sha256=" + right}},
       true},
      {"None", {}, false},
      {"OtherHeader", {{"X-Signature", right}}, false},
      {"Empty", {{"X-Hub-Signature-256", ""}}, false},
      {"NoPrefix", {{"X-Hub-Signature-256", right}}, false},
      {"OtherAlgorithm", {{"X-Hub-Signature", "sha1=" + right}}, false},
      {"WrongKey", {{"X-Hub-Signature-256", "sha256=" + wrong}}, false},
      {"OtherBody", {{"X-Hub-Signature-256", "sha256=" + of_other_body}}, false},
      {"Short", {{"X-Gitea-Signature", right.substr(0, 63)}}, false},
      {"UpperCase", {{"X-Gitea-Signature", absl::AsciiStrToUpper(right)}}, false},
      {"WrongToken", {{"X-Gitlab-Token", "s3cre"}}, false},
      {"OneOfTwoWrong",
       {{"X-Gitlab-Token", kSecret}, {"X-Hub-Signature-256", "sha256=" + wrong}},
       false},
  };
  for (const HookCase& c : cases) {
    EXPECT_EQ(IsFromForge(c.headers, kBody, kSecret), c.taken) << c.name;
  }
}

class WebhookAnswerTest : public testing::Test {
 protected:
  WebhookAnswerTest() {
    EXPECT_TRUE(io_.MakeDirs("/secrets", 0700).ok());
    EXPECT_TRUE(io_.WriteFile("/secrets/hook", absl::StrCat(kSecret, "\n"), 0600).ok());
    sources_["fleet"].mutable_webhook_secret()->set_file("hook");
    sources_["open"].set_repository("/srv/git");
    sources_["lost"].mutable_webhook_secret()->set_file("none");
  }
  int Answer(const std::string& source, const std::string& token) {
    return webhook_.Answer(source, {{"X-Gitlab-Token", token}}, kBody);
  }

  std::unique_ptr<Clock> clock_ = MakeRealClock();
  FakeIo io_{*clock_};
  std::unique_ptr<Log> log_ = MakeNullLog();
  std::map<std::string, v1::GitSourceSpec> sources_;
  std::vector<std::string> looked_;
  Webhook webhook_{io_,
                   *log_,
                   "/secrets",
                   Environment(),
                   [this](const std::string& name) -> std::optional<v1::GitSourceSpec> {
                     const auto found = sources_.find(name);
                     if (found == sources_.end()) return std::nullopt;
                     return found->second;
                   },
                   [this](const std::string& name) { looked_.push_back(name); }};
};

TEST_F(WebhookAnswerTest, LooksAtTheNamedSourceWhenProven) {
  EXPECT_EQ(Answer("fleet", kSecret), 202);
  EXPECT_THAT(looked_, ElementsAre("fleet"));
}

TEST_F(WebhookAnswerTest, DoesNothingOtherwise) {
  EXPECT_EQ(Answer("fleet", "guess"), 401);
  EXPECT_EQ(Answer("none", kSecret), 404);
  EXPECT_EQ(Answer("open", kSecret), 403) << "a source without a secret takes no webhooks";
  EXPECT_EQ(Answer("open", ""), 403);
  EXPECT_EQ(Answer("lost", kSecret), 403);
  EXPECT_THAT(looked_, IsEmpty());
}

}  // namespace
}  // namespace espalier
