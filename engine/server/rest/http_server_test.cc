// HTTP over real sockets: what only they show.
#include "engine/server/rest/http_server.h"

#include <httplib.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/address.h"
#include "engine/base/limits.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override {
    if (server_ != nullptr) server_->Stop();
  }

  httplib::Client Serve(HttpServer::Handlers handlers) {
    if (!handlers.admit) handlers.admit = [](const HttpCall&) { return HttpAnswer{.status = 0}; };
    auto started = HttpServer::Start(*clock_, *threads_, std::move(handlers), "127.0.0.1:0", {});
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    httplib::Client client("127.0.0.1", ParseAddress(server_->address())->port);
    client.set_keep_alive(true);
    return client;
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, CarriesTheWholeCallAndAnswer) {
  HttpCall seen;
  httplib::Client client = Serve({.answer = [&](const HttpCall& call) {
    seen = call;
    return HttpAnswer{
        .status = 207, .content_type = "text/x", .body = "hi", .headers = {{"A", "b"}}};
  }});
  const httplib::Headers headers = {{"Authorization", "Bearer t"}, {"If-Match", "\"7\""}};
  const auto answer =
      client.Put("/api/v1/a%20b?x=1%2C2&watch", headers, "body", "application/json");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 207);
  EXPECT_EQ(answer->body, "hi");
  EXPECT_EQ(answer->get_header_value("A"), "b");
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/api/v1/a b");
  EXPECT_EQ(seen.Query("x"), "1,2");
  EXPECT_TRUE(seen.Flag("watch"));
  EXPECT_EQ(seen.authorization, "Bearer t");
  EXPECT_EQ(seen.if_match, "\"7\"");
  EXPECT_EQ(seen.content_type, "application/json");
  EXPECT_EQ(seen.body, "body");
}

TEST_F(HttpServerTest, EveryMethodReachesTheHandler) {
  httplib::Client client = Serve(
      {.answer = [](const HttpCall& call) { return HttpAnswer{.body = call.method + call.body}; }});
  EXPECT_EQ(client.Get("/x")->body, "GET");
  EXPECT_EQ(client.Post("/x", "b", "application/json")->body, "POSTb");
  EXPECT_EQ(client.Patch("/x", "b", "application/json")->body, "PATCHb");
  EXPECT_EQ(client.Delete("/x")->body, "DELETE") << "without a body, and without waiting for one";
  EXPECT_EQ(client.Head("/x")->status, 200);
  EXPECT_EQ(client.Get("/x")->body, "GET") << "the connection still serves";
}

TEST_F(HttpServerTest, RefusedCallsAreNotReadFurther) {
  bool answered = false;
  httplib::Client client =
      Serve({.admit = [](const HttpCall&) { return HttpAnswer{.status = 401}; },
             .answer =
                 [&](const HttpCall&) {
                   answered = true;
                   return HttpAnswer();
                 }});
  const auto answer = client.Post("/x", "body", "application/json");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->get_header_value("Connection"), "close");
  EXPECT_FALSE(answered);
}

TEST_F(HttpServerTest, ABodyAboveTheLimitIsRefused) {
  bool answered = false;
  httplib::Client client = Serve({.answer = [&](const HttpCall&) {
    answered = true;
    return HttpAnswer();
  }});
  const auto answer =
      client.Post("/x", std::string(limits::kRestBody + 1, 'x'), "application/json");
  // The client may notice the refusal only as a connection that breaks while it still sends.
  EXPECT_TRUE(!answer || answer->status == 413);
  EXPECT_FALSE(answered);
}

TEST_F(HttpServerTest, AStreamIsSentAsItComesAndEndsWithTheServer) {
  httplib::Client client = Serve({.answer = [&](const HttpCall&) {
    HttpAnswer answer{.content_type = "application/jsonl"};
    answer.stream = [this](const HttpAnswer::Sink& sink) {
      for (int i = 0; !sink.stopping(); ++i) {
        if (!sink.write(absl::StrCat("{\"n\":", i, "}\n"))) return;
        clock_->Sleep(absl::Milliseconds(1));
      }
      sink.write("last\n");
    };
    return answer;
  }});
  Wakeup some;
  std::string lines;
  const auto reader = threads_->Start("reader", [&] {
    client.Get("/x", [&](const char* data, std::size_t size) {
      lines.append(data, size);
      some.Notify();
      return true;
    });
  });
  EXPECT_TRUE(clock_->WaitFor(some, absl::Seconds(10)));
  server_->Stop();
  server_.reset();
  reader->Join();
  EXPECT_EQ(lines.substr(lines.size() - 5), "last\n");
}

TEST_F(HttpServerTest, ManyConnectionsAreServedAtOnce) {
  httplib::Client first =
      Serve({.answer = [](const HttpCall&) { return HttpAnswer{.body = "x"}; }});
  const int port = ParseAddress(server_->address())->port;
  std::vector<std::unique_ptr<httplib::Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<httplib::Client>("127.0.0.1", port));
    clients.back()->set_keep_alive(true);
    const auto answer = clients.back()->Get("/x");
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->body, "x");
  }
}

TEST_F(HttpServerTest, RefusesToListenBeyondLoopbackWithoutTls) {
  const auto started = HttpServer::Start(*clock_, *threads_, {}, "0.0.0.0:0", {});
  EXPECT_TRUE(absl::IsFailedPrecondition(started.status())) << started.status();
}

TEST_F(HttpServerTest, TwoServersDoNotShareAPort) {
  httplib::Client client = Serve({.answer = [](const HttpCall&) { return HttpAnswer(); }});
  const auto second = HttpServer::Start(*clock_, *threads_, {}, server_->address(), {});
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
}

TEST_F(HttpServerTest, CertificatesThatAreNoneAreRefused) {
  const TlsFiles tls{.certificate = "no pem",
                     .key = "no pem",
                     .certificate_path = "/dev/null",
                     .key_path = "/dev/null"};
  const auto started = HttpServer::Start(*clock_, *threads_, {}, "127.0.0.1:0", tls);
  EXPECT_TRUE(absl::IsInvalidArgument(started.status())) << started.status();
}

}  // namespace
}  // namespace espalier
