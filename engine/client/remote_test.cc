// What a remote makes of an engine that says nothing: who heard of a call, and who can end it.
#include "engine/client/remote.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/loopback_server.h"

namespace espalier {
namespace {

// HTTP/2 as far as a client needs it to believe that it is connected.
constexpr absl::string_view kSettings("\0\0\0\x04\0\0\0\0\0", 9);
constexpr std::size_t kPrefaceBytes = 24;
constexpr std::size_t kFrameHeaderBytes = 9;
constexpr char kHeaders = 1;

// Reads frames until one begins a call. False when told to stop.
bool ReadCall(int fd, int stop) {
  std::string bytes;
  std::size_t next = kPrefaceBytes;
  while (true) {
    while (bytes.size() >= next + kFrameHeaderBytes) {
      if (bytes[next + 3] == kHeaders) return true;
      std::size_t length = 0;
      for (int i = 0; i < 3; ++i) {
        length = length << 8 | static_cast<unsigned char>(bytes[next + i]);
      }
      next += kFrameHeaderBytes + length;
    }
    char some[4096];
    if (!WaitReadable(fd, stop)) return false;
    const ssize_t got = ::read(fd, some, sizeof(some));
    if (got <= 0) return false;
    bytes.append(some, static_cast<std::size_t>(got));
  }
}

class RemoteTest : public testing::Test {
 protected:
  std::unique_ptr<Remote> ConnectTo(const std::string& address) {
    absl::StatusOr<std::unique_ptr<Remote>> remote =
        MakeRemote(*clock_, *threads_, *io_, {.engine = address});
    EXPECT_TRUE(remote.ok()) << remote.status();
    return *std::move(remote);
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Io> io_ = MakeRealIo();
};

TEST_F(RemoteTest, KnowsThatNobodyHeardOfACallWhereNobodyListens) {
  std::string address;
  {
    const LoopbackServer gone(*threads_, [](int, int) {});
    address = gone.address();
  }
  const auto remote = ConnectTo(address);
  const absl::Status status = remote->CreateToken({}, {}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(IsUnsent(status)) << status;
}

TEST_F(RemoteTest, DoesNotKnowWhetherACallWasHeardWhoseConnectionBroke) {
  const LoopbackServer server(*threads_, [](int fd, int stop) {
    if (SendAll(fd, kSettings)) ReadCall(fd, stop);
  });
  const auto remote = ConnectTo(server.address());
  const absl::Status status = remote->CreateToken({}, {}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_FALSE(IsUnsent(status)) << status;
}

TEST_F(RemoteTest, EndsACallUnderWayThatIsCancelled) {
  Wakeup heard;
  const LoopbackServer server(*threads_, [&](int fd, int stop) {
    if (!SendAll(fd, kSettings) || !ReadCall(fd, stop)) return;
    heard.Notify();
    // Nothing is answered, for longer than the test lasts.
    char some[4096];
    while (WaitReadable(fd, stop) && ::read(fd, some, sizeof(some)) > 0) {
    }
  });
  const auto remote = ConnectTo(server.address());
  Cancellation cancellation;
  CallContext context;
  context.timeout = absl::Hours(1);
  context.cancellation = &cancellation;
  const auto canceller = threads_->Start("cancel", [&] {
    clock_->WaitUntil(heard, absl::InfiniteDuration());
    cancellation.Cancel();
  });
  const absl::Status status = remote->resources().List(context, Query()).status();
  canceller->Join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(RemoteTest, EndsACallInTime) {
  const LoopbackServer server(*threads_, [&](int fd, int stop) {
    char some[4096];
    while (WaitReadable(fd, stop) && ::read(fd, some, sizeof(some)) > 0) {
    }
  });
  const auto remote = ConnectTo(server.address());
  CallContext context;
  context.timeout = absl::Milliseconds(50);
  const Cancellation cancellation;
  for (const Cancellation* each : {static_cast<const Cancellation*>(nullptr), &cancellation}) {
    context.cancellation = each;
    const absl::Status status = remote->resources().List(context, Query()).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  }
}

}  // namespace
}  // namespace espalier
