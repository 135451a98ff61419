// What nobody reads is not put into words. Counted in allocations, without which there are no
// words: a log that only says that it is read makes whoever writes to it allocate, one that says
// that it is not read makes nobody.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "provider/ephemerals.h"
#include "provider/plugin_server.h"
#include "provider/testing/fake_engine.h"
#include "provider/testing/rpc_client.h"
#include "provider/testing/values.h"
#include "provider/testing/vm_world.h"
#include "provider/wire.h"
#include "tests/support/temp_dir.h"

namespace {

std::atomic<std::int64_t> allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace espalier::provider {
namespace {

// So many that what else comes and goes does not count.
constexpr int kRounds = 100;

class CountingLog final : public Log {
 public:
  std::atomic<bool> is_read = false;
  std::atomic<int> lines = 0;

  void Write(LogLevel, absl::string_view, std::initializer_list<LogField>) override {
    EXPECT_TRUE(is_read) << "nobody asked whether somebody reads it";
    ++lines;
  }
  bool Enabled(LogLevel) const override { return is_read; }
};

// How often `work` allocates at least: what is made once and kept counts only at first, and of
// other threads something may come in between.
std::int64_t Least(absl::FunctionRef<void()> work) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 5; ++i) {
    const std::int64_t before = allocations;
    work();
    least = std::min(least, allocations - before);
  }
  return least;
}

// What the lines of `work` cost, if it writes as many as are said.
void ExpectWordsOnlyForReaders(CountingLog& log, int lines, absl::FunctionRef<void()> work) {
  work();
  EXPECT_EQ(log.lines, 0);
  const std::int64_t unread = Least(work);
  EXPECT_EQ(log.lines, 0);
  log.is_read = true;
  work();
  EXPECT_GE(log.lines, lines);
  // Each line has a value that is too long to be kept without memory of its own.
  EXPECT_GT(Least(work), unread + lines / 2);
  log.is_read = false;
}

TEST(LogCostTest, ACallThatIsAnsweredIsPutIntoWordsForReadersOnly) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  Random random(7);
  CountingLog log;
  const TempDir directory;
  Provider provider(
      *clock, random, log, [](const std::string&) { return std::nullopt; },
      [](const RemoteOptions&) { return std::make_shared<FakeEngine>(); });
  Wakeup ended;
  PluginEnvironment environment;
  environment.socket_dir = directory.path();
  auto server =
      StartPluginServer(environment, "log", *clock, *threads, log, provider, ended).value();
  RpcClient client(SocketPath(environment, "log"));
  tfplugin6::UpgradeResourceState::Request request;
  request.set_type_name("espalier_registry_credential");
  request.mutable_raw_state()->set_json(R"({"name": "a"})");
  ExpectWordsOnlyForReaders(log, kRounds, [&] {
    for (int i = 0; i < kRounds; ++i) {
      tfplugin6::UpgradeResourceState::Response response;
      EXPECT_EQ(client.Call("/tfplugin6.Provider/UpgradeResourceState", request, response), 0);
    }
    // The last line is written after its answer: another call's comes after it.
    tfplugin6::GetMetadata::Response metadata;
    client.Call("/tfplugin6.Provider/GetMetadata", tfplugin6::GetMetadata::Request(), metadata);
  });
  server->Stop();
}

// Its own log stands before the provider that writes to it.
struct LoggedWorld {
  CountingLog log;
};

class ChangesCostTest : public testing::Test, private LoggedWorld, protected VmWorld {
 protected:
  ChangesCostTest() : VmWorld(&log) { ConfigureAtEngine(); }
  CountingLog& counting_log() { return log; }
};

TEST_F(ChangesCostTest, AChangeIsPutIntoWordsForReadersOnly) {
  const Value config =
      Config({{"name", Text("longer-than-what-a-string-has-room-for")}, {"power", Text("off")}});
  ExpectWordsOnlyForReaders(counting_log(), 2 * kRounds, [&] {
    for (int i = 0; i < kRounds; ++i) {
      const Result made = Apply(Value(), Plan(Value(), config).state);
      EXPECT_TRUE(made.errors.empty());
      EXPECT_TRUE(Apply(made.state, Value()).state.is_null());
    }
  });
}

TEST_F(ChangesCostTest, WhatIsLeftOpenIsPutIntoWordsForReadersOnly) {
  tfplugin6::OpenEphemeralResource::Request request;
  request.set_type_name("espalier_token");
  Encode(
      ObjectOf(FindEphemeralType("espalier_token")->schema.attributes, {{"role", Text("admin")}}),
      *request.mutable_config());
  ExpectWordsOnlyForReaders(counting_log(), kRounds, [&] {
    for (int i = 0; i < kRounds; ++i) {
      ConfigureAtEngine();
      EXPECT_EQ(Errors(Ask<tfplugin6::OpenEphemeralResource>(request)), "");
      engine_.failures = {absl::PermissionDeniedError("as the test says")};
      provider_.CloseWhatIsOpen();
    }
  });
}

}  // namespace
}  // namespace espalier::provider
