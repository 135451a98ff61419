#include "reconciler/hook_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/net/http.h"
#include "tests/support/drips.h"
#include "tests/support/loopback_server.h"

namespace espalier {
namespace {

// Long for what is sent at once, also on a busy machine; short for who waits it out.
constexpr absl::Duration kRequestTime = absl::Seconds(2);
constexpr absl::Duration kPatience = absl::Seconds(30);

class HookListenerTest : public testing::Test {
 protected:
  HookListenerTest() {
    auto started = HookListener::Start(
        *clock_, *threads_,
        {.address = {.host = "127.0.0.1", .port = 0}, .request_time = kRequestTime},
        [this](const std::string& source, const HttpHeaders& headers, absl::string_view body) {
          MutexLock lock(mu_);
          source_ = source;
          body_ = std::string(body);
          for (const auto& [name, value] : headers) {
            if (name == "X-Gitlab-Token") token_ = value;
          }
          return 202;
        },
        [](const std::string& source, const std::string& digest, bool as_json) {
          return absl::StatusOr<std::string>(absl::StrCat(source, " ", digest, " ", as_json));
        },
        [] { return std::string("counted 1\n"); });
    EXPECT_TRUE(started.ok()) << started.status();
    listener_ = *std::move(started);
  }
  ~HookListenerTest() override { listener_->Stop(); }

  int Send(const std::string& method, const std::string& path, std::string body,
           HttpHeaders headers = {}) {
    HttpRequest request;
    request.method = method;
    request.url = absl::StrCat("http://", listener_->address().ToString(), path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    const absl::StatusOr<HttpResponse> response = http_->Fetch(std::move(request));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->status : 0;
  }

  std::uint16_t Port() { return listener_->address().port; }
  int Connect() { return ConnectToLoopback(Port()); }

  std::unique_ptr<Clock> clock_ = MakeRealClock();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<Http> http_ = MakeHttp();
  Mutex mu_;
  std::string source_ ABSL_GUARDED_BY(mu_);
  std::string body_ ABSL_GUARDED_BY(mu_);
  std::string token_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<HookListener> listener_;
};

TEST_F(HookListenerTest, HandsOverSourceHeadersAndTheBytesOfTheBody) {
  EXPECT_EQ(Send("POST", "/hooks/fleet", "{\"ref\": 1}", {{"X-Gitlab-Token", "t"}}), 202);
  MutexLock lock(mu_);
  EXPECT_EQ(source_, "fleet");
  EXPECT_EQ(body_, "{\"ref\": 1}");
  EXPECT_EQ(token_, "t");
}

TEST_F(HookListenerTest, AnswersNothingElse) {
  EXPECT_EQ(Send("POST", "/", "x"), 404);
  EXPECT_EQ(Send("POST", "/hooks/../fleet", "x"), 404);
  EXPECT_EQ(Send("POST", "/hooks/Fleet", "x"), 404);
  EXPECT_EQ(Send("GET", "/hooks/fleet", ""), 404);
  MutexLock lock(mu_);
  EXPECT_EQ(source_, "");
}

TEST_F(HookListenerTest, RefusesWhatIsTooLargeOrPacked) {
  EXPECT_EQ(Send("POST", "/hooks/fleet", std::string(limits::kWebhookBody + 1, 'x')), 413);
  EXPECT_EQ(Send("POST", "/hooks/fleet", "x", {{"Content-Encoding", "gzip"}}), 415);
  MutexLock lock(mu_);
  EXPECT_EQ(source_, "");
}

TEST_F(HookListenerTest, ShowsPlansByTheirWholeDigestOnly) {
  const std::unique_ptr<Http> http = MakeHttp();
  const std::string digest(64, 'a');
  const auto get = [&](const std::string& path) {
    HttpRequest request;
    request.url = absl::StrCat("http://", listener_->address().ToString(), path);
    return *http->Fetch(std::move(request));
  };
  EXPECT_EQ(get("/plans/fleet/" + digest).body, "fleet " + digest + " 0");
  EXPECT_EQ(get("/plans/fleet/" + digest + ".json").body, "fleet " + digest + " 1");
  EXPECT_EQ(get("/metrics").body, "counted 1\n");
  EXPECT_EQ(get("/plans/fleet/" + digest).Header("X-Content-Type-Options"), "nosniff");
  for (const std::string& path :
       {std::string("/plans/fleet/aaaa"), std::string("/plans/fleet/"), std::string("/plans/"),
        "/plans/fleet/" + digest + ".txt", "/plans/../" + digest, "/plans/a/b/" + digest}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
}

TEST_F(HookListenerTest, ListensOnLoopbackOnlyAndWhereNobodyElseDoes) {
  const auto start = [&](const Address& address) {
    return HookListener::Start(
        *clock_, *threads_, {.address = address},
        [](const std::string&, const HttpHeaders&, absl::string_view) { return 202; },
        [](const std::string&, const std::string&, bool) {
          return absl::StatusOr<std::string>(absl::NotFoundError("none"));
        },
        [] { return std::string(); });
  };
  EXPECT_EQ(start({.host = "0.0.0.0", .port = 0}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(start(listener_->address()).status().code(), absl::StatusCode::kUnavailable);
}

// What a sender may take of memory and time before anything is proven.
TEST_F(HookListenerTest, D3BoundsWhatIsSentBeforeItIsRead) {
  EXPECT_EQ(Send("POST", "/hooks/fleet", std::string(limits::kWebhookBody + 1, 'x')), 413);
  HttpHeaders many;
  for (int i = 0; i < 10'000; ++i) many.emplace_back(absl::StrCat("X-", i), "x");
  EXPECT_EQ(Send("POST", "/hooks/fleet", "x", many), 431);
  EXPECT_GE(Send("POST", "/hooks/fleet", "x", {{"X-Long", std::string(16 << 10, 'x')}}), 400);
  EXPECT_EQ(Send("POST", "/hooks/fleet", "x", {{"Content-Encoding", "gzip"}}), 415);
  EXPECT_GE(Send("POST", absl::StrCat("/hooks/", std::string(100'000, 'a')), "x"), 400);
  {
    MutexLock lock(mu_);
    EXPECT_EQ(source_, "") << "none of them got as far as the secret";
  }
  EXPECT_EQ(Send("POST", "/hooks/fleet", "{}"), 202) << "and the next one is heard";
}

// Headers without end are no more than a body may be.
TEST_F(HookListenerTest, D3EndsHeadersWithoutEnd) {
  const int fd = Connect();
  const std::string header = absl::StrCat("X-Many: ", std::string(1000, 'a'), "\r\n");
  std::size_t sent = 0;
  bool open = SendAll(fd, "POST /hooks/fleet HTTP/1.1\r\n");
  while (open && sent < (64 << 20)) {
    open = SendAll(fd, header) && !WaitReadable(fd, -1, /*timeout_ms=*/0);
    sent += header.size();
  }
  ::close(fd);
  EXPECT_FALSE(open);
  EXPECT_LT(sent, 16u << 20) << "a megabyte, and what fits into sockets";
}

// A byte now and then, so that no single wait is long: of the first line, of the headers, of a body
// with its length and of one in chunks. As many at once as there are threads.
TEST_F(HookListenerTest, D3EndsSendersThatDrip) {
  const absl::Duration began = clock_->Elapsed();
  Drips drips(*clock_, *threads_, Port(), "/hooks/fleet", kPatience);
  drips.Join();
  EXPECT_EQ(drips.ended(), Drips::kClients);
  EXPECT_LT(clock_->Elapsed() - began, kPatience);
  EXPECT_EQ(Send("POST", "/hooks/fleet", "{}"), 202) << "and the next one is heard";
}

}  // namespace
}  // namespace espalier
