#include "engine/net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/net/curl_library.h"
#include "tests/support/test_http_server.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HttpTest : public testing::Test {
 protected:
  TestHttpServer& Serve(TestHttpServer::Handler handler) {
    server_ = std::make_unique<TestHttpServer>(*threads_, std::move(handler));
    return *server_;
  }
  HttpRequest Get(absl::string_view path) { return {.url = absl::StrCat(server_->url(), path)}; }

  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<TestHttpServer> server_;
  Cancellation stop_;
  std::unique_ptr<Http> http_ = MakeHttp(&stop_);
};

TEST_F(HttpTest, FetchesBodyStatusAndHeaders) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = 404, .headers = {{"X-Kind", "odd"}}, .body = request.path};
  });
  const HttpResponse response = http_->Fetch(Get("/a?b=c")).value();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Header("x-kind"), "odd");
  EXPECT_EQ(response.body, "/a");
  EXPECT_EQ(server_->requests()[0].query, "b=c");
}

TEST_F(HttpTest, UsesAConnectionAgain) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = "x"}; });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(http_->Fetch(Get("/")).ok());
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(HttpTest, ForgetsHeadersBetweenRequests) {
  Serve([](const ServerRequest&) { return ServerAnswer{}; });
  HttpRequest first = Get("/");
  first.headers = {{"Authorization", "Bearer secret"}};
  ASSERT_TRUE(http_->Fetch(std::move(first)).ok());
  ASSERT_TRUE(http_->Fetch(Get("/")).ok());
  EXPECT_EQ(server_->requests()[0].Header("Authorization"), "Bearer secret");
  EXPECT_EQ(server_->requests()[1].Header("Authorization"), "");
}

TEST_F(HttpTest, SendsBodiesOfEveryKind) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = 201,
                        .body = absl::StrCat(request.method, " ", request.body.size())};
  });
  HttpRequest put = Get("/");
  put.method = "PUT";
  put.body = std::string(3 << 20, 'x');
  EXPECT_EQ(http_->Fetch(std::move(put)).value().body, "PUT 3145728");

  HttpRequest empty = Get("/");
  empty.method = "POST";
  EXPECT_EQ(http_->Fetch(std::move(empty)).value().body, "POST 0");
  EXPECT_EQ(server_->requests()[1].Header("Content-Length"), "0");

  HttpRequest streamed = Get("/");
  streamed.method = "PATCH";
  streamed.body_size = 100000;
  streamed.body_source =
      [left = std::size_t{100000}](std::size_t size) mutable -> absl::StatusOr<std::string> {
    const std::size_t count = std::min({size, left, std::size_t{777}});
    left -= count;
    return std::string(count, 'y');
  };
  EXPECT_EQ(http_->Fetch(std::move(streamed)).value().body, "PATCH 100000");
}

TEST_F(HttpTest, AFailingBodySourceEndsTheRequest) {
  Serve([](const ServerRequest&) { return ServerAnswer{}; });
  HttpRequest request = Get("/");
  request.method = "PUT";
  request.body_size = 10;
  request.body_source = [](std::size_t) { return absl::DataLossError("disk is gone"); };
  EXPECT_TRUE(absl::IsDataLoss(http_->Fetch(std::move(request)).status()));
}

TEST_F(HttpTest, HeadHasNoBody) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.headers = {{"Content-Length", "7"}}, .body = "7 bytes"};
  });
  HttpRequest head = Get("/");
  head.method = "HEAD";
  const HttpResponse response = http_->Fetch(std::move(head)).value();
  EXPECT_EQ(response.Header("Content-Length"), "7");
  EXPECT_EQ(response.body, "");
}

TEST_F(HttpTest, RefusesAnswersAboveTheLimit) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = std::string(1001, 'x')}; });
  HttpRequest request = Get("/");
  request.max_answer_bytes = 1000;
  EXPECT_TRUE(absl::IsResourceExhausted(http_->Fetch(std::move(request)).status()));
}

TEST_F(HttpTest, RefusesEndlessHeaders) {
  Serve([](const ServerRequest&) {
    std::string raw = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 6; ++i) absl::StrAppend(&raw, "X: ", std::string(60000, 'x'), "\r\n");
    return ServerAnswer{.raw = raw + "Content-Length: 0\r\n\r\n"};
  });
  EXPECT_FALSE(http_->Fetch(Get("/")).ok());
}

TEST_F(HttpTest, NeverFollowsARedirect) {
  Serve([](const ServerRequest&) {
    return ServerAnswer{.status = 307, .headers = {{"Location", "/elsewhere"}}};
  });
  EXPECT_EQ(http_->Fetch(Get("/")).value().status, 307);
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(HttpTest, StreamsOnlyGoodBodies) {
  Serve([](const ServerRequest& request) {
    return ServerAnswer{.status = request.path == "/good" ? 206 : 500, .body = "bytes"};
  });
  for (const bool good : {true, false}) {
    std::string seen;
    int status_before_bytes = 0;
    const HttpResponse response = http_
                                      ->Stream(
                                          Get(good ? "/good" : "/bad"),
                                          [&](const HttpResponse& head) {
                                            EXPECT_EQ(seen, "");
                                            status_before_bytes = head.status;
                                            return absl::OkStatus();
                                          },
                                          [&](absl::string_view bytes) {
                                            absl::StrAppend(&seen, bytes);
                                            return absl::OkStatus();
                                          })
                                      .value();
    EXPECT_EQ(status_before_bytes, good ? 206 : 500);
    EXPECT_EQ(seen, good ? "bytes" : "");
    EXPECT_EQ(response.body, good ? "" : "bytes");
  }
}

TEST_F(HttpTest, ASinkEndsTheRequestWithItsStatus) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = std::string(1 << 20, 'x')}; });
  const auto fine = [](const HttpResponse&) { return absl::OkStatus(); };
  const auto full = [](absl::string_view) { return absl::DataLossError("full"); };
  EXPECT_TRUE(absl::IsDataLoss(http_->Stream(Get("/"), fine, full).status()));
  const auto no = [](const HttpResponse&) { return absl::AbortedError("no"); };
  EXPECT_TRUE(absl::IsAborted(http_->Stream(Get("/"), no, full).status()));
}

TEST_F(HttpTest, ABrokenAnswerIsUnavailable) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = "0123456789", .cut_after = 4}; });
  const absl::Status status = http_->Fetch(Get("/secret?token=abc")).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GET http://127.0.0.1:"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("token=abc")));
}

TEST_F(HttpTest, AServerThatIsNotThereIsUnavailable) {
  Serve([](const ServerRequest&) { return ServerAnswer{}; });
  HttpRequest request = Get("/");
  server_.reset();
  EXPECT_TRUE(absl::IsUnavailable(http_->Fetch(std::move(request)).status()));
}

TEST_F(HttpTest, TimesOutWhenNothingComes) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = "0123456789", .stall_after = 4}; });
  HttpRequest idle = Get("/");
  idle.idle_timeout = absl::Seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(http_->Fetch(std::move(idle)).status()));
  HttpRequest total = Get("/");
  total.total_timeout = absl::Milliseconds(100);
  EXPECT_TRUE(absl::IsDeadlineExceeded(http_->Fetch(std::move(total)).status()));
}

TEST_F(HttpTest, StopsWhatIsUnderWay) {
  Serve([](const ServerRequest&) { return ServerAnswer{.body = "0123456789", .stall_after = 4}; });
  const absl::Status status =
      http_
          ->Stream(
              Get("/"), [](const HttpResponse&) { return absl::OkStatus(); },
              [&](absl::string_view) {
                stop_.Cancel();
                return absl::OkStatus();
              })
          .status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_TRUE(absl::IsCancelled(http_->Fetch(Get("/")).status()));
}

TEST_F(HttpTest, RefusesForgedHeadersAndOtherProtocols) {
  Serve([](const ServerRequest&) { return ServerAnswer{}; });
  HttpRequest request = Get("/");
  request.headers = {{"X", "a\r\nAuthorization: b"}};
  EXPECT_TRUE(absl::IsInvalidArgument(http_->Fetch(std::move(request)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(http_->Fetch({.url = "file:///etc/passwd"}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(http_->Fetch({.url = "no url"}).status()));
}

TEST_F(HttpTest, GoesThroughTheProxyThatTheRequestBrings) {
  Serve([](const ServerRequest& request) { return ServerAnswer{.body = request.path}; });
  HttpRequest request{.url = "http://far.example/x"};
  request.route.proxy = server_->url();
  request.route.proxy_username = "name";
  request.route.proxy_password = "word:with colon";
  EXPECT_EQ(http_->Fetch(std::move(request)).value().body, "http://far.example/x");
  EXPECT_EQ(server_->requests()[0].Header("Proxy-Authorization"),
            absl::StrCat("Basic ", absl::Base64Escape("name:word:with colon")));

  // The next one of the same handle brings none.
  EXPECT_EQ(http_->Fetch(Get("/near")).value().body, "/near");
  EXPECT_EQ(server_->requests()[1].Header("Proxy-Authorization"), "");
}

TEST(CurlLibraryTest, SaysWhatToInstall) {
  for (const char* file : {"libnobody-has-this.so", "libm.so.6"}) {
    const absl::Status status = OpenCurl(file).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("package libcurl4")) << file;
  }
}

TEST_F(HttpTest, ServesManyThreads) {
  Serve([](const ServerRequest& request) { return ServerAnswer{.body = request.path}; });
  std::vector<std::unique_ptr<Thread>> running;
  for (int i = 0; i < 8; ++i) {
    running.push_back(threads_->Start("client", [this, i] {
      for (int n = 0; n < 20; ++n) {
        const std::string path = absl::StrCat("/", i, "/", n);
        EXPECT_EQ(http_->Fetch(Get(path)).value().body, path);
      }
    }));
  }
  for (const auto& thread : running) thread->Join();
}

}  // namespace
}  // namespace espalier
