#include "engine/net/pulled_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/proxy_server.h"
#include "tests/support/test_http_server.h"
#include "tests/support/tls_authority.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PulledHttpTest : public testing::Test {
 protected:
  void Serve(TestHttpServer::Handler handler, const std::optional<ServerTls>& tls = std::nullopt) {
    server_ = std::make_unique<TestHttpServer>(*threads_, std::move(handler), tls);
  }
  HttpRequest Get(absl::string_view path = "/") {
    return {.url = absl::StrCat(server_->url(), path),
            .route = {.ca_certificates = authority_.certificate()}};
  }
  static ServerAnswer Hello(const ServerRequest&) { return {.body = "hello"}; }
  // The whole answer, or why there is none.
  absl::StatusOr<std::string> Pull(HttpRequest request, std::size_t piece = 4096) {
    const absl::StatusOr<HttpResponse> head = http_->Send(std::move(request));
    if (!head.ok()) return head.status();
    if (head->status != 200) return absl::StrCat(head->status);
    std::string body;
    while (true) {
      std::string buffer(piece, '\0');
      const absl::StatusOr<std::size_t> got = http_->Read(buffer.data(), buffer.size());
      if (!got.ok()) return got.status();
      if (*got == 0) return body;
      body.append(buffer, 0, *got);
    }
  }

  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const TlsAuthority authority_;
  std::unique_ptr<TestHttpServer> server_;
  std::unique_ptr<PulledHttp> http_ = PulledHttp::Make().value();
};

TEST_F(PulledHttpTest, HandsOutTheBodyInPiecesOfAnySize) {
  std::string sent;
  for (int i = 0; i < 300000; ++i) sent.push_back(static_cast<char>(i * 7));
  Serve([&](const ServerRequest&) { return ServerAnswer{.body = sent}; });
  EXPECT_EQ(Pull(Get(), 1 << 20).value(), sent);
  EXPECT_EQ(Pull(Get(), 977).value(), sent);
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(PulledHttpTest, SendsBodiesAndDropsWhatWasNotRead) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.body = request.method == "POST" ? request.body : std::string(500000, 'x')};
  });
  ASSERT_TRUE(http_->Send(Get()).ok());
  HttpRequest post = Get();
  post.method = "POST";
  post.body = "want";
  EXPECT_EQ(Pull(std::move(post)).value(), "want");
}

TEST_F(PulledHttpTest, TellsTheStatusHoweverLongTheErrorPageIs) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = request.path == "/none" ? 200 : 404,
                        .body = request.path == "/none" ? "" : std::string(1 << 20, 'x')};
  });
  EXPECT_EQ(Pull(Get("/none")).value(), "");
  HttpRequest request = Get("/a");
  request.max_answer_bytes = 10;
  EXPECT_EQ(Pull(std::move(request)).value(), "404");
}

TEST_F(PulledHttpTest, SaysWhenAnAnswerBreaksOffOrStalls) {
  Serve([](const ServerRequest& request) {
    ServerAnswer answer = {.body = "0123456789"};
    (request.path == "/cut" ? answer.cut_after : answer.stall_after) = 4;
    return answer;
  });
  EXPECT_TRUE(absl::IsUnavailable(Pull(Get("/cut")).status()));
  HttpRequest stalls = Get("/stall");
  stalls.idle_timeout = absl::Seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Pull(std::move(stalls)).status()));
}

TEST_F(PulledHttpTest, TrustsTheGivenAuthorityOnly) {
  Serve(Hello, ServerTls{.identity = authority_.Issue()});
  EXPECT_EQ(Pull(Get()).value(), "hello");
  HttpRequest other = Get();
  const TlsAuthority stranger;
  other.route.ca_certificates = stranger.certificate();
  const absl::Status refused = Pull(std::move(other)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  HttpRequest machine = Get();
  machine.route.ca_certificates.clear();
  EXPECT_TRUE(absl::IsFailedPrecondition(Pull(std::move(machine)).status()));
}

TEST_F(PulledHttpTest, ShowsItsCertificateToServersThatWantOne) {
  const TlsAuthority clients;
  Serve(Hello,
        ServerTls{.identity = authority_.Issue(), .client_authority = clients.certificate()});
  EXPECT_FALSE(Pull(Get()).ok());
  HttpRequest request = Get();
  const TlsIdentity identity = clients.Issue();
  request.route.client_certificate = identity.certificate;
  request.route.client_key = identity.key;
  EXPECT_EQ(Pull(std::move(request)).value(), "hello");
  HttpRequest broken = Get();
  broken.route.client_certificate = "nonsense";
  broken.route.client_key = "nonsense";
  EXPECT_TRUE(absl::IsFailedPrecondition(Pull(std::move(broken)).status()));
}

TEST_F(PulledHttpTest, GoesThroughProxiesThatAskWhoItIs) {
  Serve(Hello, ServerTls{.identity = authority_.Issue()});
  ProxyServer proxy(*threads_, {.username = "ana", .password = "s3cret"});
  for (const char* scheme : {"http://", "socks5://", "socks5h://"}) {
    SCOPED_TRACE(scheme);
    HttpRequest request = Get();
    request.headers = {{"Authorization", "Bearer t0ken"}};
    request.route.proxy = absl::StrCat(scheme, proxy.address());
    request.route.proxy_username = "ana";
    request.route.proxy_password = "s3cret";
    HttpRequest stranger = Get();
    stranger.route = request.route;
    stranger.route.proxy_password = "guess";
    EXPECT_EQ(Pull(std::move(request)).value(), "hello");
    const absl::Status refused = Pull(std::move(stranger)).status();
    EXPECT_FALSE(refused.ok());
    EXPECT_THAT(refused.ToString(), Not(HasSubstr("guess")));
    http_ = PulledHttp::Make().value();
  }
  EXPECT_THAT(proxy.tunnels(), ElementsAre(absl::StrCat("connect ", server_->address()),
                                           absl::StrCat("socks ", server_->address()),
                                           absl::StrCat("socks ", server_->address())));
  EXPECT_THAT(proxy.heard(), Not(HasSubstr("t0ken")));
}

TEST_F(PulledHttpTest, SaysThatTheProxyRefusesOrDies) {
  Serve(Hello, ServerTls{.identity = authority_.Issue()});
  ProxyServer asks(*threads_, {.username = "ana", .password = "s3cret"});
  HttpRequest request = Get();
  request.route.proxy = absl::StrCat("http://", asks.address());
  const absl::Status refused = Pull(std::move(request)).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the proxy refuses"));

  ProxyServer dies(*threads_, {.cut_after = 100});
  request = Get();
  request.route.proxy = absl::StrCat("http://", dies.address());
  EXPECT_TRUE(absl::IsUnavailable(Pull(std::move(request)).status()));
  EXPECT_THAT(server_->requests(), IsEmpty());
}

}  // namespace
}  // namespace espalier
