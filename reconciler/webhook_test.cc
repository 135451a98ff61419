#include "reconciler/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/sha256.h"
#include "engine/net/http.h"
#include "reconciler/forge/testing/fake_gitlab.h"
#include "reconciler/signed_delivery.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"
#include "tests/support/test_http_server.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kSecret[] = "s3cret";
constexpr char kBody[] = "{\"ref\": \"refs/heads/main\"}";

// Of FakeClock.
constexpr absl::Time kNow = absl::FromUnixSeconds(1767225600);

// A signing token, and another one, as GitLab makes them.
constexpr char kToken[] = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
constexpr char kKey[] = "testtesttesttesttesttesttesttest";
constexpr char kOtherKey[] = "other key of another signing tok";

std::string SignatureOf(absl::string_view key, absl::string_view id, absl::Time at,
                        absl::string_view body = kBody) {
  const std::string hex =
      HmacSha256Hex(key, absl::StrCat(id, ".", absl::ToUnixSeconds(at), ".", body));
  return absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(hex)));
}

HttpHeaders Delivery(absl::string_view id, absl::Time at, const std::string& signature) {
  return {{"X-Gitlab-Event", "Push Hook"},
          {"webhook-id", std::string(id)},
          {"webhook-timestamp", absl::StrCat(absl::ToUnixSeconds(at))},
          {"webhook-signature", signature}};
}

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
    EXPECT_EQ(IsFromForge(c.headers, kBody, kSecret, kNow), c.taken) << c.name;
  }
}

class WebhookAnswerTest : public testing::Test {
 protected:
  WebhookAnswerTest() {
    EXPECT_TRUE(io_.MakeDirs("/secrets", 0700).ok());
    EXPECT_TRUE(io_.WriteFile("/secrets/hook", absl::StrCat(kSecret, "\n"), 0600).ok());
    sources_["fleet"].mutable_webhook_secret()->set_file("hook");
    sources_["open"].set_repository("/srv/git");
    sources_["kept"].mutable_webhook_secret()->set_sealed("0123");
    sources_["forgotten"].mutable_webhook_secret()->set_sealed("4567");
    sources_["lost"].mutable_webhook_secret()->set_file("none");
  }
  int Answer(const std::string& source, const std::string& token) {
    return webhook_.Answer(source, {{"X-Gitlab-Token", token}}, kBody);
  }

  FakeClock clock_;
  FakeIo io_{clock_};
  std::unique_ptr<Log> log_ = MakeNullLog();
  std::map<std::string, v1::GitSourceSpec> sources_;
  std::vector<std::string> looked_;
  Webhook webhook_{clock_,
                   io_,
                   *log_,
                   "/secrets",
                   Environment(),
                   [](const std::string& sealed) -> absl::StatusOr<std::string> {
                     if (sealed == "0123") return kSecret;
                     return absl::NotFoundError("none");
                   },
                   [this](const std::string& name) -> std::optional<v1::GitSourceSpec> {
                     const auto found = sources_.find(name);
                     if (found == sources_.end()) return std::nullopt;
                     return found->second;
                   },
                   [this](const std::string& name) { looked_.push_back(name); }};
};

TEST_F(WebhookAnswerTest, LooksAtTheNamedSourceWhenProven) {
  EXPECT_EQ(Answer("fleet", kSecret), 202);
  EXPECT_EQ(Answer("kept", kSecret), 202) << "its secret is kept by the engine";
  EXPECT_THAT(looked_, ElementsAre("fleet", "kept"));
}

TEST_F(WebhookAnswerTest, DoesNothingOtherwise) {
  EXPECT_EQ(Answer("fleet", "guess"), 401);
  EXPECT_EQ(Answer("none", kSecret), 404);
  EXPECT_EQ(Answer("open", kSecret), 403) << "a source without a secret takes no webhooks";
  EXPECT_EQ(Answer("open", ""), 403);
  EXPECT_EQ(Answer("lost", kSecret), 403);
  EXPECT_EQ(Answer("forgotten", kSecret), 403);
  EXPECT_EQ(Answer("kept", "wrong"), 401);
  EXPECT_THAT(looked_, IsEmpty());
}

// The items of docs/security.md about webhooks.

TEST_F(WebhookAnswerTest, D1RefusesEverySignatureButTheRightOne) {
  const std::string right = HmacSha256Hex(kSecret, kBody);
  const auto answer = [&](const std::string& name, const std::string& value,
                          absl::string_view body = kBody) {
    return webhook_.Answer("fleet", {{name, value}}, body);
  };
  EXPECT_EQ(answer("X-Hub-Signature-256", "sha256=" + right), 202);
  for (const std::string& wrong :
       {std::string(), std::string("sha256="), "sha256=" + right.substr(0, 63),
        "sha256=" + right + "0", "SHA256=" + right, "sha1=" + right, " sha256=" + right,
        "sha256=" + absl::AsciiStrToUpper(right), right, "sha256=" + std::string(64, '0')}) {
    EXPECT_EQ(answer("X-Hub-Signature-256", wrong), 401) << wrong;
  }
  EXPECT_EQ(webhook_.Answer("fleet", {}, kBody), 401);
  // The same JSON, written by another hand: the bytes are what is signed.
  EXPECT_EQ(answer("X-Hub-Signature-256", "sha256=" + right, "{\"ref\":\"refs/heads/main\"}"), 401);
  // Each position counts, the first as the last.
  for (std::size_t i = 0; i < right.size(); ++i) {
    std::string one_off = right;
    one_off[i] = one_off[i] == '0' ? '1' : '0';
    EXPECT_EQ(answer("X-Hub-Signature-256", "sha256=" + one_off), 401) << i;
  }
  EXPECT_THAT(looked_, ElementsAre("fleet"));
}

TEST_F(WebhookAnswerTest, D2AnEmptySecretProvesNothing) {
  EXPECT_TRUE(io_.WriteFile("/secrets/empty", "\n", 0600).ok());
  sources_["empty"].mutable_webhook_secret()->set_file("empty");
  sources_["unset"].mutable_webhook_secret();
  for (const std::string source : {"empty", "unset"}) {
    EXPECT_EQ(webhook_.Answer(source, {{"X-Gitea-Signature", HmacSha256Hex("", kBody)}}, kBody),
              403);
    EXPECT_EQ(Answer(source, ""), 403);
  }
  EXPECT_THAT(looked_, IsEmpty());
}

TEST_F(WebhookAnswerTest, D4LooksAtNothingOfTheBodyBeforeTheSignature) {
  for (const std::string& body :
       {std::string("{"), std::string(1 << 20, '['), std::string("\0\xff", 2)}) {
    EXPECT_EQ(webhook_.Answer("fleet", {{"X-Gitea-Signature", "0"}}, body), 401);
  }
}

// It only says "look", and looking twice is looking: D7ReadsOnceASecondHoweverManyWebhooksCome
// bounds what that costs.
TEST_F(WebhookAnswerTest, D5ADeliverySentAgainOnlyLooksAgain) {
  const HttpHeaders delivery = {{"X-GitHub-Delivery", "72d3162e"},
                                {"X-Gitea-Signature", HmacSha256Hex(kSecret, kBody)}};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(webhook_.Answer("fleet", delivery, kBody), 202);
  EXPECT_THAT(looked_, ElementsAre("fleet", "fleet", "fleet"));
}

TEST_F(WebhookAnswerTest, D6TheSecretOfOneSourceIsNoneOfAnother) {
  EXPECT_TRUE(io_.WriteFile("/secrets/other", "0ther", 0600).ok());
  sources_["other"].mutable_webhook_secret()->set_file("other");
  EXPECT_EQ(Answer("other", kSecret), 401);
  EXPECT_EQ(webhook_.Answer("other", {{"X-Gitea-Signature", HmacSha256Hex(kSecret, kBody)}}, kBody),
            401);
  EXPECT_THAT(looked_, IsEmpty());
}

TEST_F(WebhookAnswerTest, D8TakesNothingFromThePayloadButThatItIsProven) {
  const std::string body =
      "{\"ref\": \"refs/heads/evil\", \"repository\": {\"clone_url\": \"http://169.254.169.254/\", "
      "\"name\": \"open\"}}";
  EXPECT_EQ(webhook_.Answer("fleet", {{"X-Gitea-Signature", HmacSha256Hex(kSecret, body)}}, body),
            202);
  EXPECT_THAT(looked_, ElementsAre("fleet"));
  EXPECT_EQ(sources_["fleet"].repository(), "");
}

TEST_F(WebhookAnswerTest, D9EverySignatureThatIsThereMustBeRight) {
  const std::string right = HmacSha256Hex(kSecret, kBody);
  const std::vector<std::pair<std::string, std::string>> all = {
      {"X-Hub-Signature-256", "sha256=" + right},
      {"X-Gitea-Signature", right},
      {"X-Forgejo-Signature", right},
      {"X-Gogs-Signature", right},
      {"X-Gitlab-Token", kSecret}};
  EXPECT_EQ(webhook_.Answer("fleet", {all.begin(), all.end()}, kBody), 202);
  for (std::size_t i = 0; i < all.size(); ++i) {
    HttpHeaders headers(all.begin(), all.end());
    headers[i].second.back() ^= 1;
    EXPECT_EQ(webhook_.Answer("fleet", headers, kBody), 401) << all[i].first;
    // The right one beside the wrong one, under the same name.
    headers.push_back(all[i]);
    EXPECT_EQ(webhook_.Answer("fleet", headers, kBody), 401) << all[i].first;
  }
}

TEST_F(WebhookAnswerTest, D9TakesTheProofOfTheSourcesOwnForgeOnly) {
  const std::string right = HmacSha256Hex(kSecret, kBody);
  const std::pair<std::string, std::string> hub = {"X-Hub-Signature-256", "sha256=" + right};
  const std::pair<std::string, std::string> gitea = {"X-Gitea-Signature", right};
  const std::pair<std::string, std::string> gitlab = {"X-Gitlab-Token", kSecret};
  const struct {
    v1::Forge::Type type;
    HttpHeaders headers;
    int status;
  } cases[] = {
      {v1::Forge::GITHUB, {hub}, 202},    {v1::Forge::GITHUB, {gitea}, 401},
      {v1::Forge::GITHUB, {gitlab}, 401}, {v1::Forge::GITEA, {hub}, 202},
      {v1::Forge::GITEA, {gitea}, 202},   {v1::Forge::GITEA, {gitlab}, 401},
      {v1::Forge::GITLAB, {hub}, 401},    {v1::Forge::GITLAB, {gitea}, 401},
      {v1::Forge::GITLAB, {gitlab}, 202}, {v1::Forge::GITLAB, {hub, gitlab}, 202},
  };
  for (const auto& c : cases) {
    sources_["fleet"].mutable_forge()->set_type(c.type);
    EXPECT_EQ(webhook_.Answer("fleet", c.headers, kBody), c.status)
        << v1::Forge::Type_Name(c.type) << " " << c.headers[0].first;
  }
}

// The vector of the standard's own documentation.
TEST(SignedDeliveryTest, KnowsTheSignatureOfTheStandard) {
  const HttpHeaders headers = {
      {"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
      {"webhook-timestamp", "1614265330"},
      {"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}};
  EXPECT_TRUE(IsProven(*FindSignedDelivery(headers), "{\"test\": 2432232314}",
                       "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                       absl::FromUnixSeconds(1614265330)));
}

TEST_F(WebhookAnswerTest, D1RefusesEverySignedDeliveryButTheRightOne) {
  EXPECT_TRUE(io_.WriteFile("/secrets/hook", kToken, 0600).ok());
  sources_["fleet"].mutable_forge()->set_type(v1::Forge::GITLAB);
  const std::string right = SignatureOf(kKey, "a", kNow);
  const auto answer = [&](const HttpHeaders& headers, absl::string_view body = kBody) {
    return webhook_.Answer("fleet", headers, body);
  };
  EXPECT_EQ(answer(Delivery("a", kNow, right)), 202);
  // While a token is replaced there is a signature of each; other versions are none.
  EXPECT_EQ(answer(Delivery("b", kNow,
                            absl::StrCat("v1a,AAAA ", SignatureOf(kOtherKey, "b", kNow), " ",
                                         SignatureOf(kKey, "b", kNow)))),
            202);
  // A secret token of the same webhook is another one.
  HttpHeaders both = Delivery("c", kNow, SignatureOf(kKey, "c", kNow));
  both.emplace_back("X-Gitlab-Token", "something else");
  EXPECT_EQ(answer(both), 202);

  const std::string forged[] = {
      "", "v1,", right.substr(3), right.substr(0, right.size() - 1), right + "=",
      "v2" + right.substr(2), absl::StrCat("V1,", right.substr(3)),
      SignatureOf(kOtherKey, "d", kNow),
      // The text of the token is not its key, and the body alone is not what is signed.
      SignatureOf(kToken, "d", kNow),
      absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(HmacSha256Hex(kKey, kBody)))),
      // Of another id, time or body.
      right, SignatureOf(kKey, "d", kNow + absl::Seconds(1)), SignatureOf(kKey, "d", kNow, "{}")};
  for (const std::string& signature : forged) {
    EXPECT_EQ(answer(Delivery("d", kNow, signature)), 401) << signature;
  }
  // One part is missing, or there twice.
  for (int i = 1; i < 4; ++i) {
    const HttpHeaders whole = Delivery("d", kNow, SignatureOf(kKey, "d", kNow));
    HttpHeaders less = whole;
    less.erase(less.begin() + i);
    EXPECT_EQ(answer(less), 401) << whole[i].first;
    HttpHeaders more = whole;
    more.push_back(whole[i]);
    EXPECT_EQ(answer(more), 401) << whole[i].first;
  }
  // Whoever has the token signs with it, and shows it to nobody.
  EXPECT_EQ(answer({{"X-Gitlab-Token", kToken}}), 401);
  EXPECT_EQ(answer({}), 401);
  EXPECT_THAT(looked_, ElementsAre("fleet", "fleet", "fleet"));
}

TEST_F(WebhookAnswerTest, D5ASignedDeliveryIsTakenOnceAndNotWhenItIsOld) {
  EXPECT_TRUE(io_.WriteFile("/secrets/hook", kToken, 0600).ok());
  const auto send = [&](absl::string_view id, absl::Time at) {
    return webhook_.Answer("fleet", Delivery(id, at, SignatureOf(kKey, id, at)), kBody);
  };
  EXPECT_EQ(send("old", kNow - absl::Seconds(301)), 401);
  EXPECT_EQ(send("early", kNow + absl::Seconds(301)), 401);
  EXPECT_EQ(send("slow", kNow - absl::Seconds(300)), 202);
  EXPECT_EQ(send("fast", kNow + absl::Seconds(300)), 202);
  for (const std::string never : {"", " ", "x", "99999999999999999999"}) {
    HttpHeaders headers = Delivery("n", kNow, "");
    headers[2].second = never;
    headers[3].second = absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(HmacSha256Hex(
                                                kKey, absl::StrCat("n.", never, ".", kBody)))));
    EXPECT_EQ(webhook_.Answer("fleet", headers, kBody), 401) << never;
  }
  looked_.clear();
  EXPECT_EQ(send("a", kNow), 202);
  // Recorded and sent again, as long as anybody would believe it.
  EXPECT_EQ(send("a", kNow), 200);
  clock_.Advance(absl::Seconds(299));
  EXPECT_EQ(send("a", kNow), 200);
  // The forge itself, which heard no answer: the same id at another time.
  EXPECT_EQ(send("a", kNow + absl::Seconds(30)), 202);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(send("a", kNow), 401);
  EXPECT_THAT(looked_, ElementsAre("fleet", "fleet"));
  // What comes in thousands pushes nothing out before its time but the oldest.
  for (int i = 0; i < 5000; ++i) send(absl::StrCat("many-", i), clock_.Now());
  EXPECT_EQ(send("many-4999", clock_.Now()), 200);
}

// Over the wire, as the fake of GitLab sends it.
TEST_F(WebhookAnswerTest, TakesWhatGitlabSigns) {
  EXPECT_TRUE(io_.WriteFile("/secrets/hook", kToken, 0600).ok());
  sources_["fleet"].mutable_forge()->set_type(v1::Forge::GITLAB);
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const std::unique_ptr<Http> http = MakeHttp();
  TestHttpServer receiver(*threads, [&](const ServerRequest& request) {
    return ServerAnswer{.status = webhook_.Answer("fleet", request.headers, request.body)};
  });
  FakeGitlab gitlab(*threads, clock_, http.get());
  const auto delivered = [&](absl::string_view status) {
    gitlab.Push("main", "a", "b");
    return absl::StrContains(gitlab.Control(R"({"do":"calls"})"),
                             absl::StrCat("\"delivered\":", status));
  };
  gitlab.SetWebhook(receiver.url(), kToken);
  EXPECT_TRUE(delivered("202"));
  // Sent as an older GitLab would, and signed by another token.
  gitlab.SetWebhook(receiver.url(), "s3cret");
  EXPECT_TRUE(delivered("401"));
  gitlab.SetWebhook(receiver.url(), absl::StrCat("whsec_", absl::Base64Escape(kOtherKey)));
  EXPECT_TRUE(delivered("401"));
  EXPECT_THAT(looked_, ElementsAre("fleet"));
}

}  // namespace
}  // namespace espalier
