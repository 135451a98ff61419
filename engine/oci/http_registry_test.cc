// The real client against a server that misbehaves as registries do: logins, redirects, breaks,
// lies.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/net/http.h"
#include "engine/oci/blob.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_http_server.h"

namespace espalier::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpRegistryTest : public testing::Test {
 protected:
  TestHttpServer& Serve(TestHttpServer::Handler handler) {
    server_ = std::make_unique<TestHttpServer>(*threads_, std::move(handler));
    reference_ = ParseReference(absl::StrCat(server_->address(), "/a/b:v1")).value();
    return *server_;
  }
  absl::StatusOr<std::string> Read(const Descriptor& blob, std::int64_t offset = 0) {
    std::string bytes;
    const absl::Status status =
        registry_->GetBlob(reference_, blob, offset, 0, [&](absl::string_view more) {
          absl::StrAppend(&bytes, more);
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    return bytes;
  }
  static Descriptor BlobOf(absl::string_view content) {
    return {"application/x", DigestOf(content), static_cast<std::int64_t>(content.size()), {}};
  }
  int CountRequests(absl::string_view path) const {
    const std::vector<ServerRequest> requests = server_->requests();
    return static_cast<int>(std::count_if(
        requests.begin(), requests.end(),
        [&](const ServerRequest& request) { return absl::StartsWith(request.path, path); }));
  }

  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<TestHttpServer> server_;
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_{1};
  std::unique_ptr<Http> http_ = MakeHttp();
  Credential credential_;
  std::unique_ptr<Registry> registry_ =
      MakeRegistry(clock_, random_, *http_, [this](const std::string&) { return credential_; });
  Reference reference_;
  const std::string content_ = std::string(300000, 'x') + std::string(300000, 'y');
};

// A registry with a token service on the same server; a token is good for one scope.
class TokenTest : public HttpRegistryTest {
 protected:
  TokenTest() {
    Serve([this](const ServerRequest& request) { return Answer(request); });
  }

  ServerAnswer Answer(const ServerRequest& request) {
    if (request.path == "/token") {
      ++tokens_given_;
      return {.body =
                  absl::StrCat(R"({"token":"t)", tokens_given_, R"(","expires_in":)", life_, "}")};
    }
    if (request.Header("Authorization") !=
        absl::StrCat("Bearer t", good_ == 0 ? tokens_given_ : good_)) {
      return {
          .status = 401,
          .headers = {
              {"WWW-Authenticate",
               absl::StrCat("Bearer realm=\"", server_->url(),
                            "/token\",service=\"registry.test\",scope=\"repository:a/b:pull\"")}}};
    }
    return {.body = content_};
  }

  int tokens_given_ = 0;
  int life_ = 300;
  // The only token that is accepted; 0: the last one given.
  int good_ = 0;
};

TEST_F(TokenTest, FetchesATokenOnceAndKeepsIt) {
  const Descriptor blob = BlobOf(content_);
  ASSERT_TRUE(Read(blob).ok());
  ASSERT_TRUE(Read(blob).ok());
  EXPECT_EQ(tokens_given_, 1);
  const std::string query = server_->requests()[1].query;
  EXPECT_EQ(query, "scope=repository:a/b:pull&service=registry.test");
  EXPECT_EQ(server_->requests()[1].Header("Authorization"), "");
}

TEST_F(TokenTest, SendsTheCredentialToTheTokenServiceOnly) {
  credential_ = {"ana", "secret"};
  ASSERT_TRUE(Read(BlobOf(content_)).ok());
  for (const ServerRequest& request : server_->requests()) {
    const bool basic =
        request.Header("Authorization") == absl::StrCat("Basic ", absl::Base64Escape("ana:secret"));
    EXPECT_EQ(basic, request.path == "/token") << request.path;
  }
}

TEST_F(TokenTest, RenewsBeforeTheEnd) {
  ASSERT_TRUE(Read(BlobOf(content_)).ok());
  clock_.Advance(absl::Seconds(291));
  ASSERT_TRUE(Read(BlobOf(content_)).ok());
  EXPECT_EQ(tokens_given_, 2);
  // Without a refusal in between.
  EXPECT_EQ(CountRequests("/v2/"), 4);
}

TEST_F(TokenTest, RenewsOnceWhenATokenIsRefused) {
  ASSERT_TRUE(Read(BlobOf(content_)).ok());
  good_ = 2;
  ASSERT_TRUE(Read(BlobOf(content_)).ok());
  EXPECT_EQ(tokens_given_, 2);
  good_ = 99;
  EXPECT_TRUE(absl::IsUnauthenticated(Read(BlobOf(content_)).status()));
  EXPECT_EQ(tokens_given_, 3);
}

TEST_F(HttpRegistryTest, LogsInWithBasicWhereThatIsAskedFor) {
  credential_ = {"ana", "secret"};
  Serve([&](const ServerRequest& request) -> ServerAnswer {
    if (request.Header("Authorization").empty()) {
      return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    }
    return {.body = content_};
  });
  EXPECT_EQ(Read(BlobOf(content_)).value(), content_);
  credential_ = {};
  registry_ = MakeRegistry(clock_, random_, *http_, nullptr);
  const absl::Status status = Read(BlobOf(content_)).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no credential"));
}

TEST_F(HttpRegistryTest, NeverSendsALoginToAnotherHost) {
  credential_ = {"ana", "secret"};
  TestHttpServer storage(*threads_, [&](const ServerRequest&) {
    return ServerAnswer{.body = content_, .honour_range = true};
  });
  Serve([&](const ServerRequest& request) -> ServerAnswer {
    if (request.Header("Authorization").empty()) {
      return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    }
    return {.status = 307, .headers = {{"Location", storage.url() + "/signed?key=1"}}};
  });
  EXPECT_EQ(Read(BlobOf(content_), 10).value(), content_.substr(10));
  ASSERT_EQ(storage.requests().size(), 1u);
  EXPECT_EQ(storage.requests()[0].Header("Authorization"), "");
  EXPECT_EQ(storage.requests()[0].Header("Range"), "bytes=10-");
}

TEST_F(HttpRegistryTest, AsksAgainWhenASignedLinkHasExpired) {
  int links = 0;
  TestHttpServer storage(*threads_, [&](const ServerRequest& request) -> ServerAnswer {
    if (request.query == "n=1") return {.status = 403};
    return {.body = content_};
  });
  Serve([&](const ServerRequest&) -> ServerAnswer {
    return {.status = 307,
            .headers = {{"Location", absl::StrCat(storage.url(), "/s?n=", ++links)}}};
  });
  EXPECT_EQ(Read(BlobOf(content_)).value(), content_);
  EXPECT_EQ(links, 2);
}

TEST_F(HttpRegistryTest, FollowsNoRedirectInCircles) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = 302, .headers = {{"Location", request.path}}};
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(Read(BlobOf(content_)).status()));
  EXPECT_LE(server_->requests().size(), 10u);
}

TEST_F(HttpRegistryTest, GoesOnBehindABreak) {
  int broken = 0;
  Serve([&](const ServerRequest&) -> ServerAnswer {
    ServerAnswer answer{.body = content_, .honour_range = true};
    if (broken++ < 7) answer.cut_after = 50000;
    return answer;
  });
  EXPECT_EQ(Read(BlobOf(content_)).value(), content_);
  const std::vector<ServerRequest> requests = server_->requests();
  EXPECT_EQ(requests[0].Header("Range"), "");
  EXPECT_EQ(requests[1].Header("Range"), "bytes=50000-");
  EXPECT_EQ(requests.size(), 8u);
}

TEST_F(HttpRegistryTest, GoesOnBehindABreakEvenWithoutRanges) {
  int broken = 0;
  Serve([&](const ServerRequest&) -> ServerAnswer {
    ServerAnswer answer{.body = content_};
    if (broken++ == 0) answer.cut_after = 50000;
    return answer;
  });
  EXPECT_EQ(Read(BlobOf(content_)).value(), content_);
}

TEST_F(HttpRegistryTest, SaysWhenRangesAreIgnored) {
  Serve([&](const ServerRequest&) { return ServerAnswer{.body = content_}; });
  EXPECT_TRUE(absl::IsOutOfRange(Read(BlobOf(content_), 5).status()));
}

TEST_F(HttpRegistryTest, RefusesAnotherRangeThanAskedFor) {
  Serve([&](const ServerRequest&) -> ServerAnswer {
    return {.status = 206, .headers = {{"Content-Range", "bytes 0-9/10"}}, .body = "0123456789"};
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(Read(BlobOf(content_), 5).status()));
}

TEST_F(HttpRegistryTest, GivesUpAfterFiveTriesWithoutAByte) {
  Serve([&](const ServerRequest&) { return ServerAnswer{.status = 503}; });
  EXPECT_TRUE(absl::IsUnavailable(Read(BlobOf(content_)).status()));
  EXPECT_EQ(server_->requests().size(), 5u);
  EXPECT_GT(clock_.Elapsed(), absl::Seconds(2));
  EXPECT_LT(clock_.Elapsed(), absl::Seconds(10));
}

TEST_F(HttpRegistryTest, WaitsAsLongAsTheRegistryAsks) {
  int asked = 0;
  Serve([&](const ServerRequest&) -> ServerAnswer {
    if (asked++ == 0) return {.status = 429, .headers = {{"Retry-After", "17"}}};
    return {.body = content_};
  });
  EXPECT_TRUE(Read(BlobOf(content_)).ok());
  EXPECT_EQ(clock_.Elapsed(), absl::Seconds(17));
}

TEST_F(HttpRegistryTest, AWaitCanBeCancelled) {
  Serve([&](const ServerRequest&) {
    return ServerAnswer{.status = 429, .headers = {{"Retry-After", "50"}}};
  });
  int ticks = 0;
  EXPECT_TRUE(absl::IsCancelled(registry_->GetBlob(
      reference_, BlobOf(content_), 0, 0, [&](absl::string_view) -> absl::Status {
        return ++ticks == 3 ? absl::CancelledError("stop") : absl::OkStatus();
      })));
  EXPECT_EQ(clock_.Elapsed(), absl::Seconds(2));
}

TEST_F(HttpRegistryTest, TakesNoMoreBytesThanDeclared) {
  Serve([&](const ServerRequest&) { return ServerAnswer{.body = content_ + "z"}; });
  EXPECT_TRUE(absl::IsDataLoss(Read(BlobOf(content_)).status()));
}

TEST_F(HttpRegistryTest, RefusesAManifestWithOtherBytes) {
  const std::string manifest = R"({"schemaVersion":2})";
  Serve([&](const ServerRequest&) {
    return ServerAnswer{.headers = {{"Content-Type", kManifestType}}, .body = manifest};
  });
  EXPECT_TRUE(absl::IsDataLoss(
      registry_->GetManifest(reference_.WithDigest(DigestOf("other")), "").status()));
}

TEST_F(HttpRegistryTest, UploadsInChunksWhenTheWholeIsTooLarge) {
  const std::string large(20 << 20, 'x');
  std::string received;
  Serve([&](const ServerRequest& request) -> ServerAnswer {
    if (request.method == "HEAD") return {.status = 404};
    if (request.method == "POST") return {.status = 202, .headers = {{"Location", "/up?s=0"}}};
    if (request.method == "PATCH") {
      EXPECT_EQ(request.Header("Content-Range"),
                absl::StrCat(received.size(), "-", received.size() + request.body.size() - 1));
      received += request.body;
      return {.status = 202, .headers = {{"Location", absl::StrCat("/up?s=", received.size())}}};
    }
    if (request.body.size() > (16 << 20)) return {.status = 413};
    EXPECT_EQ(request.query, absl::StrCat("s=", large.size(), "&digest=", DigestOf(large)));
    return {.status = 201};
  });
  ASSERT_TRUE(StoreBlob(*registry_, reference_, "application/x", large).ok());
  EXPECT_EQ(received, large);
}

TEST_F(HttpRegistryTest, BeginsABrokenUploadAgain) {
  int puts = 0;
  Serve([&](const ServerRequest& request) -> ServerAnswer {
    if (request.method == "HEAD") return {.status = 404};
    if (request.method == "POST") return {.status = 202, .headers = {{"Location", "up/1"}}};
    return {.status = ++puts == 1 ? 502 : 201};
  });
  ASSERT_TRUE(StoreBlob(*registry_, reference_, "application/x", content_).ok());
  EXPECT_EQ(CountRequests("/v2/a/b/blobs/uploads/up/1"), 2);
}

TEST_F(HttpRegistryTest, ReadsEveryPageOfAList) {
  Serve([](const ServerRequest& request) -> ServerAnswer {
    if (request.query == "last=b") return {.body = R"({"tags":["c"]})"};
    return {.headers = {{"Link", R"(</v2/a/b/tags/list?last=b>; rel="next")"}},
            .body = R"({"tags":["a","b"]})"};
  });
  EXPECT_THAT(registry_->ListTags(reference_).value(), ElementsAre("a", "b", "c"));
}

TEST_F(HttpRegistryTest, ErrorsShowWhatTheRegistrySaysButNoControlCharacters) {
  Serve([](const ServerRequest&) { return ServerAnswer{.status = 403, .body = "no\x1b[31m"}; });
  const absl::Status status = registry_->GetManifest(reference_, "").status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no\\x1b"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace espalier::oci
