// What all forges have in common, against a server that a test programs answer by answer.
#include "reconciler/forge/forge_api.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/base/limits.h"
#include "engine/base/retry_after.h"
#include "engine/net/http.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/json.h"
#include "reconciler/forge/pages.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_http_server.h"

namespace espalier::forge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void ReadName(const Node& node, std::vector<std::string>& names) {
  names.push_back(TextAt(node, "name"));
}

class ForgeApiTest : public testing::Test {
 protected:
  void Serve(TestHttpServer::Handler handler) {
    server_ = std::make_unique<TestHttpServer>(*threads_, std::move(handler));
    api_ = std::make_unique<ForgeApi>(
        *http_, token_, pace_,
        ForgeApiOptions{.base = ParseUrl(server_->url() + "/api").value(),
                        .project = "/repos/acme/fleet",
                        .token_header = "Authorization",
                        .token_prefix = "Bearer ",
                        .headers = {{"Accept", "application/json"}}});
  }
  absl::StatusOr<std::vector<std::string>> Names() {
    return api_->List("/repos/acme/fleet/names?size=2", &ReadName);
  }
  std::vector<std::string> Asked() {
    std::vector<std::string> asked;
    for (const ServerRequest& request : server_->requests()) {
      asked.push_back(request.query.empty() ? request.path
                                            : absl::StrCat(request.path, "?", request.query));
    }
    return asked;
  }

  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  const std::unique_ptr<Http> http_ = MakeHttp();
  SecretToken token_{[] { return std::string("s3cr3t-token"); }};
  std::shared_ptr<Pace> pace_ = std::make_shared<Pace>(clock_, kGithubPace);
  std::unique_ptr<TestHttpServer> server_;
  std::unique_ptr<ForgeApi> api_;
};

TEST_F(ForgeApiTest, SendsTokenHeadersAndBody) {
  Serve([](const ServerRequest&) { return ServerAnswer{.status = 201, .body = R"({"id": 7})"}; });
  const auto answer = api_->Send("POST", "/x?y=z", R"({"a":1})");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(NumberAt(*answer, "id"), 7);
  const ServerRequest request = server_->requests()[0];
  EXPECT_EQ(request.path, "/api/x");
  EXPECT_EQ(request.query, "y=z");
  EXPECT_EQ(request.body, R"({"a":1})");
  EXPECT_EQ(request.Header("Authorization"), "Bearer s3cr3t-token");
  EXPECT_EQ(request.Header("Accept"), "application/json");
  EXPECT_EQ(request.Header("Content-Type"), "application/json");
}

TEST_F(ForgeApiTest, FollowsLinksAndBuildsNoUrlWhereThereIsOne) {
  Serve([](const ServerRequest& request) {
    if (request.query != "cursor=b,c") {
      return ServerAnswer{
          .headers = {{"Link", R"(</api/first>; rel="first", </api/list?cursor=b,c>; rel="next")"},
                      {"X-Next-Page", "2"},
                      {"X-Total-Count", "900"}},
          .body = R"([{"name":"a"}])"};
    }
    return ServerAnswer{.headers = {{"Link", R"(</api/first>; rel="prev")"}},
                        .body = R"([{"name":"b"}])"};
  });
  EXPECT_THAT(Names().value(), ElementsAre("a", "b"));
  EXPECT_THAT(Asked(), ElementsAre("/api/repos/acme/fleet/names?size=2", "/api/list?cursor=b,c"));
}

TEST_F(ForgeApiTest, CountsPagesWhereThereIsNoLink) {
  for (const bool gitlab : {true, false}) {
    Serve([gitlab](const ServerRequest& request) {
      const bool last = request.query == "size=2&page=2";
      ServerAnswer answer{.body = last ? R"([{"name":"c"}])" : R"([{"name":"a"},{"name":"b"}])"};
      if (gitlab) answer.headers = {{"X-Next-Page", last ? "" : "2"}};
      if (!gitlab) answer.headers = {{"X-Total-Count", "3"}};
      return answer;
    });
    EXPECT_THAT(Names().value(), ElementsAre("a", "b", "c"));
  }
}

TEST_F(ForgeApiTest, AListThatGoesOnElsewhereIsRefused) {
  TestHttpServer thief(*threads_, [](const ServerRequest&) { return ServerAnswer{.body = "[]"}; });
  Serve([&](const ServerRequest&) {
    return ServerAnswer{.headers = {{"Link", absl::StrCat("<", thief.url(), "/>; rel=\"next\"")}},
                        .body = "[]"};
  });
  EXPECT_TRUE(absl::IsPermissionDenied(Names().status()));
  EXPECT_TRUE(thief.requests().empty());
}

TEST_F(ForgeApiTest, AListWithoutEndIsRefused) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.headers = {{"Link", "</api/again>; rel=\"next\""}}, .body = "[]"};
  });
  const absl::Status status = Names().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(RetryAfter(status), absl::ZeroDuration());
  EXPECT_EQ(server_->requests().size(), limits::kForgePages);
}

TEST_F(ForgeApiTest, KeepsOnlySoManyPages) {
  Serve([](const ServerRequest& request) {
    ServerAnswer answer{.headers = {{"ETag", "\"1\""}}, .body = R"([{"name":"a"}])"};
    if (request.Header("If-None-Match") == "\"1\"") answer = {.status = 304};
    return answer;
  });
  const auto list = [&](std::size_t i) {
    return api_->List(absl::StrCat("/list/", i), &ReadName).value();
  };
  for (std::size_t i = 0; i <= limits::kForgeCachedPages; ++i) list(i);
  const auto sends_etag = [&](std::size_t i) {
    EXPECT_THAT(list(i), ElementsAre("a"));
    return !server_->requests().back().Header("If-None-Match").empty();
  };
  // The oldest had to go, the newest is there.
  EXPECT_TRUE(sends_etag(limits::kForgeCachedPages));
  EXPECT_FALSE(sends_etag(0));
}

TEST_F(ForgeApiTest, FollowsRedirectsOnTheSameServerAndRemembersPermanentOnes) {
  Serve([](const ServerRequest& request) {
    if (request.path == "/api/repos/acme/fleet/a") {
      return ServerAnswer{.status = 301, .headers = {{"Location", "/api/repositories/5/a"}}};
    }
    if (request.path == "/api/repositories/5/b") {
      return ServerAnswer{.status = 307, .headers = {{"Location", "/api/elsewhere"}}};
    }
    return ServerAnswer{.body = absl::StrCat(R"({"method":")", request.method, R"("})")};
  });
  ASSERT_TRUE(api_->Get("/repos/acme/fleet/a").ok());
  ASSERT_TRUE(api_->Get("/repos/acme/fleet/a").ok());
  EXPECT_EQ(TextAt(api_->Send("PATCH", "/repos/acme/fleet/b", "{}").value(), "method"), "PATCH");
  ASSERT_TRUE(api_->Get("/repos/acme/fleet/b").ok());
  ASSERT_TRUE(api_->Get("/repos/acme/fleet-two/a").ok());
  EXPECT_THAT(Asked(), ElementsAre("/api/repos/acme/fleet/a", "/api/repositories/5/a",
                                   "/api/repositories/5/a", "/api/repositories/5/b",
                                   "/api/elsewhere", "/api/repositories/5/b", "/api/elsewhere",
                                   "/api/repos/acme/fleet-two/a"));
}

TEST_F(ForgeApiTest, ACircleOfRedirectsEnds) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = 302, .headers = {{"Location", request.path}}};
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(api_->Get("/x").status()));
  EXPECT_EQ(server_->requests().size(), 1u + limits::kForgeRedirects);
}

TEST_F(ForgeApiTest, ReadsEachWayToSayLater) {
  struct Case {
    const char* name;
    int status;
    HttpHeaders headers;
    const char* body;
    absl::Duration wait;
  };
  const std::int64_t now = absl::ToUnixSeconds(clock_.Now());
  const std::vector<Case> cases = {
      {"GitHub, secondary", 403, {{"Retry-After", "30"}}, "{}", absl::Seconds(30)},
      {"GitHub, primary",
       403,
       {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", absl::StrCat(now + 600)}},
       "{}",
       absl::Seconds(600)},
      {"GitHub, not told",
       403,
       {},
       R"({"message":"You have exceeded a secondary Rate Limit"})",
       absl::Seconds(60)},
      {"GitLab",
       429,
       {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", absl::StrCat(now + 45)}},
       "Retry later",
       absl::Seconds(45)},
      {"a reset in our past",
       429,
       {{"RateLimit-Remaining", "0"}, {"RateLimit-Reset", absl::StrCat(now - 45)}},
       "",
       absl::Seconds(1)},
      {"a year", 429, {{"Retry-After", "31536000"}}, "", absl::Hours(2)},
      {"a proxy", 429, {}, "<html>", absl::Seconds(60)},
  };
  for (const Case& c : cases) {
    pace_ = std::make_shared<Pace>(clock_, kGithubPace);
    Serve([&c](const ServerRequest&) {
      return ServerAnswer{.status = c.status, .headers = c.headers, .body = c.body};
    });
    const absl::Status status = api_->Get("/x").status();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << c.name << ": " << status;
    EXPECT_LE(absl::AbsDuration(RetryAfter(status) - c.wait), absl::Seconds(1)) << c.name;
    EXPECT_TRUE(absl::IsResourceExhausted(api_->Get("/x").status())) << c.name;
    EXPECT_EQ(server_->requests().size(), 1u) << c.name;
  }
}

TEST_F(ForgeApiTest, ARefusalIsNoLimit) {
  Serve([](const ServerRequest&) {
    return ServerAnswer{.status = 403,
                        .headers = {{"x-ratelimit-remaining", "4000"}},
                        .body = R"({"message":"Resource not accessible"})"};
  });
  EXPECT_TRUE(absl::IsPermissionDenied(api_->Get("/x").status()));
}

TEST_F(ForgeApiTest, BusyServersMaySayForHowLong) {
  Serve([](const ServerRequest&) {
    return ServerAnswer{.status = 503, .headers = {{"Retry-After", "20"}}};
  });
  const absl::Status status = api_->Get("/x").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(RetryAfter(status), absl::Seconds(20));
}

TEST_F(ForgeApiTest, ErrorsSayWhatTheForgeSaysButNoTokenAndNothingLong) {
  std::string body =
      R"({"message":"s3cr3t-token is \u001b[31mbad","errors":[{"message":"body is too long"}]})";
  Serve([&](const ServerRequest&) { return ServerAnswer{.status = 422, .body = body}; });
  const absl::Status status = api_->Get("/x?access=s3cr3t-token").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("[token] is \\x1b[31mbad; body is too long"));
  EXPECT_THAT(status.message(), Not(HasSubstr("s3cr3t")));
  body = absl::StrCat(R"({"message":")", std::string(100000, 'x'), R"("})");
  EXPECT_LT(api_->Get("/x").status().message().size(), 600u);
  body = R"({"message":{"base":["Cannot transition status"]}})";
  EXPECT_THAT(api_->Get("/x").status().message(), HasSubstr("Cannot transition status"));
}

TEST_F(ForgeApiTest, AnswersThatAreNoneAreTrouble) {
  std::string body = "<html>";
  Serve([&](const ServerRequest&) { return ServerAnswer{.body = body}; });
  EXPECT_TRUE(absl::IsUnavailable(api_->Get("/x").status()));
  EXPECT_TRUE(absl::IsUnavailable(Names().status()));
  body = R"({"a": {}})";
  EXPECT_TRUE(absl::IsUnavailable(Names().status()));
  body = std::string(limits::kForgeAnswerBytes + 1, ' ');
  EXPECT_TRUE(absl::IsResourceExhausted(api_->Get("/x").status()));
  // Deeper than anything that a forge sends: the reader has no stack for it.
  body = std::string(100000, '[');
  EXPECT_TRUE(absl::IsUnavailable(api_->Get("/x").status()));
}

TEST_F(ForgeApiTest, LaterWritesOfACallWaitOutTheGap) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = "{}"}; });
  EXPECT_TRUE(api_->Send("POST", "/x", "{}").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(api_->Send("POST", "/x", "{}").status()));
  const absl::Duration before = clock_.Elapsed();
  EXPECT_TRUE(api_->Send("POST", "/x", "{}", Write::kLater).ok());
  EXPECT_EQ(clock_.Elapsed() - before, absl::Seconds(1));
  EXPECT_TRUE(api_->SendUncounted("POST", "/token", "{}").ok());
}

TEST(NextPageTest, ReadsNoSenseFromNonsense) {
  const Url page = ParseUrl("https://x.example/a?page=3&size=2").value();
  for (const char* link : {"<", ">", "<>; rel=\"next\"", "<<>>", "; rel=next", "<a", ",,,"}) {
    const HttpResponse response{.status = 200, .headers = {{"Link", link}}};
    const auto next = NextPage(page, response, 2, 2);
    EXPECT_FALSE(next.ok() && next->has_value()) << link;
  }
  const HttpResponse counted{.status = 200, .headers = {{"X-Total-Count", "9"}}};
  EXPECT_EQ(NextPage(page, counted, 2, 6).value(), "https://x.example/a?size=2&page=4");
  EXPECT_EQ(NextPage(page, counted, 2, 9).value(), std::nullopt);
  // A page with nothing on it is the last one, whatever is counted.
  EXPECT_EQ(NextPage(page, counted, 0, 6).value(), std::nullopt);
}

}  // namespace
}  // namespace espalier::forge
