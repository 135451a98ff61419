// The reconciler with its threads, its children and its listener over an engine in the same
// process.
#include "reconciler/service.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "engine/net/http.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "reconciler/testing/image_yaml.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_http_server.h"

namespace espalier {
namespace {

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    engine_ = *LocalResources::Open(*clock_, random_, *log_, *store_, {});
    ServiceOptions options;
    options.cache_dir = absl::StrCat(dir_.path(), "/cache");
    options.env = [](const std::string& name) -> std::optional<std::string> {
      if (name == "HOOK") return "s3cret";
      return std::nullopt;
    };
    options.webhook = {.host = "127.0.0.1", .port = 0};
    options.fetch.command = {ESPALIER_RECONCILER, "fetch-child"};
    auto started = ReconcilerService::Start(library_, *clock_, *threads_, random_, *log_, *io_,
                                            metrics_, *engine_, std::move(options));
    EXPECT_TRUE(started.ok()) << started.status();
    service_ = *std::move(started);
  }
  ~ServiceTest() override { Stop(); }

  // As SIGTERM does.
  void Stop() {
    if (service_ == nullptr) return;
    const absl::Duration before = clock_->Elapsed();
    service_->Stop();
    EXPECT_LT(clock_->Elapsed() - before, absl::Seconds(4));
    service_.reset();
  }

  CallContext As(const std::string& subject) {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = subject;
    return context;
  }
  void PutSource(const std::string& name, const std::string& repository) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    Resource& source = *request.add_objects()->mutable_resource();
    source.mutable_metadata()->set_name(name);
    v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
    spec.set_repository(repository);
    spec.set_poll_seconds(86400);
    spec.mutable_webhook_secret()->set_env("HOOK");
    ASSERT_TRUE(engine_->Apply(As("ana"), request)->applied());
  }
  std::string Commit(const std::string& tag) {
    return repository_.CommitText({{"a.yaml", ImageYaml("a", tag)}});
  }
  v1::GitSourceStatus Status(const std::string& name) {
    return engine_->Get(As("ana"), {Kind::kGitSource, "", name})->git_source().status();
  }
  bool Eventually(const std::function<bool()>& holds) {
    Wakeup never;
    const absl::Duration deadline = clock_->Elapsed() + absl::Seconds(20);
    while (!holds()) {
      if (clock_->Elapsed() > deadline) return false;
      clock_->WaitFor(never, absl::Milliseconds(10));
    }
    return true;
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Clock> clock_ = MakeRealClock();
  GitMetrics metrics_{*clock_};
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<Log> log_ = MakeNullLog();
  Random random_{1};
  std::unique_ptr<Store> store_ = MakeMemoryStore("e1");
  std::unique_ptr<LocalResources> engine_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/fleet.git")};
  std::unique_ptr<ReconcilerService> service_;
};

TEST_F(ServiceTest, AppliesAPushWhenAWebhookTells) {
  const std::string first = Commit("1");
  PutSource("fleet", repository_.path());
  EXPECT_TRUE(Eventually([&] { return Status("fleet").applied_commit() == first; }));
  const std::string second = Commit("2");
  const std::unique_ptr<Http> http = MakeHttp();
  HttpRequest hook;
  hook.method = "POST";
  hook.url = absl::StrCat("http://", service_->webhook_address().ToString(), "/hooks/fleet");
  hook.body = "{}";
  hook.headers = {{"X-Hub-Signature-256", absl::StrCat("sha256=", HmacSha256Hex("s3cret", "{}"))}};
  const absl::StatusOr<HttpResponse> answer = http->Fetch(std::move(hook));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 202);
  EXPECT_TRUE(Eventually([&] { return Status("fleet").applied_commit() == second; }));
  EXPECT_TRUE(Eventually([&] { return Status("fleet").state() == "InSync"; }));
}

// A repository that never answers keeps neither other sources nor the end of the program waiting.
TEST_F(ServiceTest, OneHangingRepositoryHoldsUpNobody) {
  TestHttpServer silent(*threads_, [](const ServerRequest&) {
    ServerAnswer answer;
    answer.headers = {{"Content-Type", "application/x-git-upload-pack-advertisement"}};
    answer.body = "001e# service=git-upload-pack\n";
    answer.stall_after = 10;
    return answer;
  });
  PutSource("silent", absl::StrCat(silent.url(), "/r.git"));
  EXPECT_TRUE(Eventually([&] { return silent.connections() > 0; }));
  const std::string commit = Commit("1");
  PutSource("fleet", repository_.path());
  EXPECT_TRUE(Eventually([&] { return Status("fleet").applied_commit() == commit; }));
  Stop();
}

}  // namespace
}  // namespace espalier
