// The provider's threads: the server's, the workers' and those of several cores, with all of their
// ways to meet. The thread sanitizer watches, so gRPC's library stays out.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/base/worker_pool.h"
#include "provider/plugin_server.h"
#include "provider/rpc_server.h"
#include "provider/testing/fake_engine.h"
#include "provider/testing/rpc_client.h"
#include "provider/testing/values.h"
#include "provider/wire.h"
#include "tests/support/temp_dir.h"

namespace espalier::provider {
namespace {

constexpr int kClients = 4;
constexpr int kRounds = 30;

class ThreadsTest : public testing::Test {
 protected:
  ThreadsTest() { ::signal(SIGPIPE, SIG_IGN); }

  // Runs the body once for each client, all at the same time. All are connected before: a server
  // that ends soon has heard of each.
  std::vector<std::unique_ptr<Thread>> StartClients(
      const std::string& path, const std::function<void(RpcClient&, int)>& body) {
    std::vector<std::unique_ptr<Thread>> clients;
    clients.reserve(kClients);
    for (int i = 0; i < kClients; ++i) {
      auto client = std::make_unique<RpcClient>(path);
      clients.push_back(
          threads_->Start("client", [client = std::move(client), body, i] { body(*client, i); }));
    }
    return clients;
  }
  static void Join(std::vector<std::unique_ptr<Thread>> threads) {
    for (auto& thread : threads) thread->Join();
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  TempDir directory_;
};

// Any message with one text.
using Named = tfplugin6::ReadResource::Request;

std::string Bytes(const std::string& name) {
  Named message;
  message.set_type_name(name);
  return message.SerializeAsString();
}

// A server that answers at once, by a worker, in parts, and several calls together.
class RpcThreadsTest : public ThreadsTest {
 protected:
  static constexpr int kParts = 10;

  RpcThreadsTest() {
    absl::StatusOr<Descriptor> listener = ListenAt(path_);
    EXPECT_TRUE(listener.ok());
    EXPECT_TRUE(server_.Start(*std::move(listener), nullptr).ok());
  }
  ~RpcThreadsTest() override {
    server_.Stop(absl::Seconds(30));
    // Nobody is left who would fill a set.
    workers_.Stop();
  }

  static void Echo(RpcCall& call) {
    Named message;
    if (call.Parse(message)) call.Answer(message);
  }

  void ByWorker(RpcCall& call) {
    ASSERT_TRUE(workers_.Post([&call] { Echo(call); }).ok());
  }

  void InParts(RpcCall& call) {
    ASSERT_TRUE(workers_
                    .Post([&call] {
                      Named message;
                      if (!call.Parse(message)) return;
                      for (int i = 0; i < kParts && call.Write(message); ++i) {
                      }
                      call.Finish(absl::OkStatus());
                    })
                    .ok());
  }

  // Answers what has come as soon as a worker looks.
  void Together(RpcCall& call) {
    Named message;
    if (!call.Parse(message)) return;
    {
      MutexLock lock(mu_);
      together_.emplace_back(&call, std::move(message));
    }
    ASSERT_TRUE(workers_
                    .Post([this] {
                      std::vector<std::pair<RpcCall*, Named>> set;
                      {
                        MutexLock lock(mu_);
                        set.swap(together_);
                      }
                      RpcAnswers answers;
                      for (const auto& [one, answer] : set) answers.Add(*one, answer);
                      answers.Send();
                    })
                    .ok());
  }

  const std::string path_ = directory_.path() + "/socket";
  Mutex mu_;
  std::vector<std::pair<RpcCall*, Named>> together_ ABSL_GUARDED_BY(mu_);
  WorkerPool workers_{*clock_, *threads_, "worker", 8, 10000};
  RpcServer server_{*clock_,
                    *threads_,
                    {{"/t/AtOnce", Echo},
                     {"/t/ByWorker", [this](RpcCall& call) { ByWorker(call); }},
                     {"/t/InParts", [this](RpcCall& call) { InParts(call); }},
                     {"/t/Together", [this](RpcCall& call) { Together(call); }}},
                    {}};
};

TEST_F(RpcThreadsTest, EveryCallGetsItsOwnAnswer) {
  Join(StartClients(path_, [](RpcClient& client, int number) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<std::pair<std::int32_t, std::string>> calls;
      for (const char* method : {"/t/AtOnce", "/t/ByWorker", "/t/InParts", "/t/Together"}) {
        const std::string message = Bytes(absl::StrCat(method, number, "/", round));
        calls.emplace_back(client.Start(method, message), message);
        // Somebody who has changed his mind, perhaps when the answer is on its way.
        client.Cancel(client.Start(method, message));
      }
      for (const auto& [call, message] : calls) {
        const RpcClient::Answer& answer = client.Await(call);
        ASSERT_EQ(answer.code, 0);
        for (const std::string& part : answer.messages) ASSERT_EQ(part, message);
        ASSERT_EQ(answer.messages.size(), call == calls[2].first ? kParts : 1U);
      }
    }
  }));
}

TEST_F(RpcThreadsTest, EndsAmidCallsAndTheirCallersHearOfIt) {
  std::atomic<int> answered = 0;
  Wakeup warm;
  auto clients = StartClients(path_, [&](RpcClient& client, int) {
    while (true) {
      std::vector<std::int32_t> calls;
      calls.reserve(4);
      for (const char* method : {"/t/AtOnce", "/t/ByWorker", "/t/InParts", "/t/Together"}) {
        calls.push_back(client.Start(method, Bytes("x")));
      }
      for (const std::int32_t call : calls) {
        if (client.Await(call).code != 0) return;
      }
      if (++answered == kClients) warm.Notify();
    }
  });
  EXPECT_TRUE(clock_->WaitFor(warm, absl::Seconds(30)));
  server_.Stop(absl::Seconds(30));
  Join(std::move(clients));
}

// A watch of an engine behind a lock.
class LockedWatch final : public Watch {
 public:
  LockedWatch(Mutex& mu, std::unique_ptr<Watch> watch) : mu_(mu), watch_(std::move(watch)) {}
  ~LockedWatch() override {
    MutexLock lock(mu_);
    watch_.reset();
  }
  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    MutexLock lock(mu_);
    return watch_->Next(deadline);
  }
  void NotifyOn(Wakeup& wakeup) override {
    MutexLock lock(mu_);
    watch_->NotifyOn(wakeup);
  }

 private:
  Mutex& mu_;
  std::unique_ptr<Watch> watch_ ABSL_GUARDED_BY(mu_);
};

// The engine that tests have is one thread's.
class LockedEngine final : public Resources, public Remote {
 public:
  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    MutexLock lock(mu_);
    return engine_.Get(context, ref);
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    MutexLock lock(mu_);
    return engine_.List(context, query);
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    MutexLock lock(mu_);
    return engine_.Apply(context, request);
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    MutexLock lock(mu_);
    return engine_.Delete(context, request);
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    MutexLock lock(mu_);
    absl::StatusOr<std::unique_ptr<Watch>> watch = engine_.StartWatch(context, query, resume);
    if (!watch.ok()) return watch.status();
    return std::make_unique<LockedWatch>(mu_, *std::move(watch));
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    MutexLock lock(mu_);
    return engine_.UpdateStatus(context, writes);
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    MutexLock lock(mu_);
    return engine_.Drift(context, request);
  }

  Resources& resources() override { return *this; }
  // Nobody asks for these.
  Lease& lease() override ABSL_NO_THREAD_SAFETY_ANALYSIS { return engine_.lease(); }
  Secrets& secrets() override ABSL_NO_THREAD_SAFETY_ANALYSIS { return engine_.secrets(); }
  Audit& audit() override ABSL_NO_THREAD_SAFETY_ANALYSIS { return engine_.audit(); }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const CallContext& context, const v1::CreateTokenRequest& request) override {
    MutexLock lock(mu_);
    return engine_.CreateToken(context, request);
  }
  absl::Status RevokeToken(const CallContext& context, const std::string& id) override {
    MutexLock lock(mu_);
    return engine_.RevokeToken(context, id);
  }
  absl::StatusOr<v1::ListTokensResponse> ListTokens(const CallContext& context) override {
    MutexLock lock(mu_);
    return engine_.ListTokens(context);
  }
  absl::StatusOr<v1::GetProgressResponse> GetProgress(const CallContext& context,
                                                      const std::string& host) override {
    MutexLock lock(mu_);
    return engine_.GetProgress(context, host);
  }

 private:
  Mutex mu_;
  FakeEngine engine_ ABSL_GUARDED_BY(mu_);
};

// The whole of it as core starts it: server, lanes, provider.
class PluginThreadsTest : public ThreadsTest {
 protected:
  template <typename Method>
  static typename Method::Response Parsed(const RpcClient::Answer& answer) {
    typename Method::Response response;
    EXPECT_EQ(answer.code, 0);
    const bool one = answer.messages.size() == 1 && response.ParseFromString(answer.messages[0]);
    EXPECT_TRUE(one);
    for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
      ADD_FAILURE() << diagnostic.summary() << ": " << diagnostic.detail();
    }
    return response;
  }
  template <typename Method>
  static typename Method::Response Ask(RpcClient& client, const char* name,
                                       const typename Method::Request& request) {
    return Parsed<Method>(client.Await(
        client.Start(absl::StrCat("/tfplugin6.Provider/", name), request.SerializeAsString())));
  }

  // Takes many objects of one client through their lives, all of them at once, as core does.
  void LiveThrough(RpcClient& client, int number) {
    using Plan = tfplugin6::PlanResourceChange;
    using Apply = tfplugin6::ApplyResourceChange;
    using Read = tfplugin6::ReadResource;
    constexpr std::size_t kObjects = 8;
    std::vector<Value> states(kObjects);
    for (const char* text : {"made", "changed", "changed again", ""}) {
      std::vector<Value> configs(kObjects);
      std::vector<Plan::Request> plans(kObjects);
      for (std::size_t i = 0; i < kObjects; ++i) {
        if (*text != '\0') {
          configs[i] = ObjectOf(
              schema_.attributes,
              {{"name", Text(absl::StrCat("n-", number, "-", i))}, {"description", Text(text)}});
        }
        plans[i].set_type_name(schema_.type_name);
        Encode(states[i], *plans[i].mutable_prior_state());
        Encode(configs[i], *plans[i].mutable_config());
        Encode(configs[i], *plans[i].mutable_proposed_new_state());
      }
      const auto planned = AskAll<Plan>(client, "PlanResourceChange", plans);
      std::vector<Apply::Request> applies(kObjects);
      for (std::size_t i = 0; i < kObjects; ++i) {
        applies[i].set_type_name(schema_.type_name);
        *applies[i].mutable_prior_state() = plans[i].prior_state();
        *applies[i].mutable_planned_state() = planned[i].planned_state();
      }
      const auto applied = AskAll<Apply>(client, "ApplyResourceChange", applies);
      std::vector<Read::Request> reads(kObjects);
      for (std::size_t i = 0; i < kObjects; ++i) {
        states[i] = Decoded(schema_.attributes, applied[i].new_state());
        EXPECT_EQ(states[i].At("description"), configs[i].At("description"));
        reads[i].set_type_name(schema_.type_name);
        *reads[i].mutable_current_state() = applied[i].new_state();
      }
      const auto read = AskAll<Read>(client, "ReadResource", reads);
      for (std::size_t i = 0; i < kObjects; ++i) {
        EXPECT_EQ(Decoded(schema_.attributes, read[i].new_state()), states[i]);
      }
    }
  }

  // Several calls under way at once.
  template <typename Method>
  static std::vector<typename Method::Response> AskAll(
      RpcClient& client, const char* name, const std::vector<typename Method::Request>& requests) {
    std::vector<std::int32_t> calls;
    calls.reserve(requests.size());
    for (const auto& request : requests) {
      calls.push_back(
          client.Start(absl::StrCat("/tfplugin6.Provider/", name), request.SerializeAsString()));
    }
    std::vector<typename Method::Response> responses;
    responses.reserve(calls.size());
    for (const std::int32_t call : calls) responses.push_back(Parsed<Method>(client.Await(call)));
    return responses;
  }

  const Schemas schemas_;
  const Schema& schema_ = *schemas_.FindResource("espalier_namespace");
};

TEST_F(PluginThreadsTest, ManyObjectsOfSeveralCoresLiveAtOnce) {
  LockedEngine engine;
  Random random(7);
  const std::unique_ptr<Log> log = MakeNullLog();
  Provider provider(
      *clock_, random, *log, [](const std::string&) { return std::nullopt; },
      [&](const RemoteOptions&) {
        // The test's own.
        return std::shared_ptr<Remote>(&engine, [](Remote*) {});
      });
  PluginEnvironment environment;
  environment.protocol_versions = "6";
  environment.socket_dir = directory_.path();
  Wakeup ended;
  const auto server =
      StartPluginServer(environment, "threads", *clock_, *threads_, *log, provider, ended);
  ASSERT_TRUE(server.ok());
  const std::string path = SocketPath(environment, "threads");
  {
    RpcClient client(path);
    tfplugin6::ConfigureProvider::Request request;
    Encode(ObjectOf(schemas_.provider(),
                    {{"endpoint", Text("127.0.0.1:1")}, {"instance", Text("prod")}}),
           *request.mutable_config());
    Ask<tfplugin6::ConfigureProvider>(client, "ConfigureProvider", request);
  }
  Join(StartClients(path, [this](RpcClient& client, int number) { LiveThrough(client, number); }));
  // What core does last: an interrupt, and the end, while somebody still asks.
  std::atomic<int> answered = 0;
  Wakeup warm;
  auto clients = StartClients(path, [&](RpcClient& client, int) {
    tfplugin6::ReadResource::Request request;
    request.set_type_name("espalier_namespace");
    Encode(ObjectOf(schema_.attributes, {{"name", Text("nowhere")}}),
           *request.mutable_current_state());
    tfplugin6::ReadResource::Response response;
    while (client.Call("/tfplugin6.Provider/ReadResource", request, response) == 0) {
      if (++answered == 2 * kClients) warm.Notify();
    }
  });
  EXPECT_TRUE(clock_->WaitFor(warm, absl::Seconds(30)));
  {
    RpcClient client(path);
    tfplugin6::StopProvider::Response stopped;
    EXPECT_EQ(client.Call("/tfplugin6.Provider/StopProvider", tfplugin6::StopProvider::Request(),
                          stopped),
              0);
  }
  (*server)->Stop();
  Join(std::move(clients));
}

}  // namespace
}  // namespace espalier::provider
