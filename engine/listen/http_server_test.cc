// HTTP over real sockets: what only they show.
#include "engine/listen/http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/address.h"
#include "gtest/gtest.h"
#include "tests/support/drips.h"
#include "tests/support/loopback_server.h"
#include "tests/support/tls_authority.h"

namespace espalier {
namespace {

constexpr std::size_t kBodyBytes = 1 << 20;
constexpr absl::Duration kPatience = absl::Seconds(30);

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override {
    if (server_ != nullptr) server_->Stop();
  }

  httplib::Client Serve(HttpServer::Handlers handlers) {
    if (!handlers.admit) handlers.admit = [](const HttpCall&) { return HttpAnswer{.status = 0}; };
    auto started = HttpServer::Start(
        *clock_, *threads_, std::move(handlers),
        {.address = "127.0.0.1:0",
         // Clients here keep their connections.
         .threads = 64,
         .body_bytes = kBodyBytes,
         // Long for what is sent at once, also on a busy machine; short for who waits it out.
         .request_time = absl::Seconds(2)});
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    httplib::Client client("127.0.0.1", ParseAddress(server_->address())->port);
    client.set_keep_alive(true);
    return client;
  }

  std::uint16_t Port() { return ParseAddress(server_->address())->port; }
  int Connect() { return ConnectToLoopback(Port()); }

  // All that comes until the server ends the connection.
  std::string ReadToEnd(int fd) {
    std::string all;
    char bytes[4096];
    const absl::Duration until = clock_->Elapsed() + kPatience;
    while (clock_->Elapsed() < until && WaitReadable(fd, -1, /*timeout_ms=*/1000)) {
      const ssize_t got = ::recv(fd, bytes, sizeof(bytes), 0);
      if (got <= 0) return all;
      all.append(bytes, static_cast<std::size_t>(got));
    }
    ADD_FAILURE() << "the connection stays open after: " << all;
    return all;
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

// What was refused is not read, so what looks like a request in it is none.
TEST_F(HttpServerTest, NothingAfterARefusedBodyIsARequest) {
  std::atomic<int> seen = 0;
  Serve({.admit =
             [&](const HttpCall&) {
               ++seen;
               return HttpAnswer{.status = 401};
             },
         .answer = [](const HttpCall&) { return HttpAnswer(); }});
  const int fd = Connect();
  EXPECT_TRUE(
      SendAll(fd, "POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nGET /y HTTP/1.1\r\n\r\n"));
  ReadToEnd(fd);
  ::close(fd);
  EXPECT_EQ(seen, 1);
}

// A byte now and then, so that no single wait is long: of the first line, of the headers, of a body
// with its length and of one in chunks, and of a greeting of TLS. A stream that began before them
// goes on, as does a connection that asks again and again.
TEST_F(HttpServerTest, D3EndsSendersThatDripAndNoAnswer) {
  std::atomic<bool> enough = false;
  httplib::Client watching = Serve({.answer = [&](const HttpCall& call) {
    if (call.path != "/watch") return HttpAnswer{.body = "x"};
    HttpAnswer answer{.content_type = "application/jsonl"};
    answer.stream = [&](const HttpAnswer::Sink& sink) {
      while (!enough && !sink.stopping() && sink.write("{}\n")) {
        clock_->Sleep(absl::Milliseconds(50));
      }
      sink.write("last\n");
    };
    return answer;
  }});
  std::string lines;
  Wakeup begun;
  const auto watch = threads_->Start("watch", [&] {
    watching.Get("/watch", [&](const char* data, std::size_t size) {
      lines.append(data, size);
      begun.Notify();
      return true;
    });
  });
  EXPECT_TRUE(clock_->WaitFor(begun, kPatience));

  const absl::Duration began = clock_->Elapsed();
  Drips drips(*clock_, *threads_, Port(), "/x", kPatience);
  httplib::Client often("127.0.0.1", ParseAddress(server_->address())->port);
  often.set_keep_alive(true);
  while (drips.ended() < Drips::kClients && clock_->Elapsed() < began + kPatience) {
    const auto answer = often.Post("/x", "body", "application/json");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    clock_->Sleep(absl::Milliseconds(100));
  }
  drips.Join();
  EXPECT_EQ(drips.ended(), Drips::kClients);
  EXPECT_LT(clock_->Elapsed() - began, kPatience);
  enough = true;
  watch->Join();
  EXPECT_EQ(lines.substr(lines.size() - 5), "last\n") << "no deadline for what is answered";
}

TEST_F(HttpServerTest, D3EndsAGreetingThatDrips) {
  const TlsAuthority authority;
  const TlsIdentity identity = authority.Issue();
  auto started =
      HttpServer::Start(*clock_, *threads_,
                        {.admit = [](const HttpCall&) { return HttpAnswer{.status = 0}; },
                         .answer = [](const HttpCall&) { return HttpAnswer{.body = "x"}; }},
                        {.address = "127.0.0.1:0",
                         .tls = {.certificate = identity.certificate, .key = identity.key},
                         .request_time = absl::Seconds(2)});
  ASSERT_TRUE(started.ok()) << started.status();
  server_ = *std::move(started);
  const int fd = Connect();
  // The head of a record that says it is long.
  bool open = SendAll(fd, absl::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  const absl::Duration began = clock_->Elapsed();
  while (open && clock_->Elapsed() < began + kPatience) {
    open = SendAll(fd, "a") && !WaitReadable(fd, -1, /*timeout_ms=*/20);
  }
  ::close(fd);
  EXPECT_FALSE(open);
}

// Headers without end are no more than a body may be.
TEST_F(HttpServerTest, D3EndsHeadersWithoutEnd) {
  httplib::Client client =
      Serve({.answer = [](const HttpCall&) { return HttpAnswer{.body = "x"}; }});
  httplib::Headers many;
  for (int i = 0; i < 1000; ++i) many.emplace(absl::StrCat("X-", i), "x");
  EXPECT_EQ(client.Get("/x", many)->status, 431);
  const int fd = Connect();
  const std::string header = absl::StrCat("X-Many: ", std::string(1000, 'a'), "\r\n");
  std::size_t sent = 0;
  bool open = SendAll(fd, "POST /x HTTP/1.1\r\n");
  while (open && sent < (64 << 20)) {
    open = SendAll(fd, header) && !WaitReadable(fd, -1, /*timeout_ms=*/0);
    sent += header.size();
  }
  ::close(fd);
  EXPECT_FALSE(open);
  EXPECT_EQ(client.Get("/x")->body, "x");
}

TEST_F(HttpServerTest, ABodyAboveTheLimitIsRefused) {
  bool answered = false;
  httplib::Client client = Serve({.answer = [&](const HttpCall&) {
    answered = true;
    return HttpAnswer();
  }});
  const auto answer = client.Post("/x", std::string(kBodyBytes + 1, 'x'), "application/json");
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
  const auto started = HttpServer::Start(*clock_, *threads_, {}, {.address = "0.0.0.0:0"});
  EXPECT_TRUE(absl::IsFailedPrecondition(started.status())) << started.status();
}

TEST_F(HttpServerTest, TwoServersDoNotShareAPort) {
  httplib::Client client = Serve({.answer = [](const HttpCall&) { return HttpAnswer(); }});
  const auto second = HttpServer::Start(*clock_, *threads_, {}, {.address = server_->address()});
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
}

TEST_F(HttpServerTest, CertificatesThatAreNoneAreRefused) {
  const auto started = HttpServer::Start(
      *clock_, *threads_, {},
      {.address = "127.0.0.1:0", .tls = {.certificate = "no pem", .key = "no pem"}});
  EXPECT_TRUE(absl::IsInvalidArgument(started.status())) << started.status();
}

}  // namespace
}  // namespace espalier
