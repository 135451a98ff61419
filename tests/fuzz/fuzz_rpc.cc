// A connection to the provider, from the first byte behind HTTP/2's preface: whatever comes, each
// call that is handed out is finished once, and nothing is left when the other side has gone.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "provider/channel.h"
#include "provider/rpc_call.h"
#include "provider/rpc_connection.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {
namespace {

// What a socket holds without anybody who reads.
constexpr std::size_t kMostBytes = 64 << 10;

void FinishCall(RpcCall& call) {
  // Answers and refusals, as the call itself decides.
  if (call.method().size() % 2 == 1) {
    call.Finish(absl::NotFoundError(call.method()));
    return;
  }
  tfplugin6::ReadResource::Request request;
  if (!call.Parse(request)) return;
  tfplugin6::ReadResource::Response response;
  response.set_private_(request.type_name());
  call.Answer(response);
}

void Drain(int fd) {
  char bytes[4096];
  while (::read(fd, bytes, sizeof(bytes)) > 0) {
  }
}

void Play(absl::string_view input) {
  int ends[2];
  ESPALIER_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const Descriptor core(ends[1]);
  for (const int end : ends) ESPALIER_CHECK(::fcntl(end, F_SETFL, O_NONBLOCK) == 0);
  const std::unique_ptr<Clock> clock = MakeRealClock();
  RpcConnection connection(*clock, Channel(Descriptor(ends[0]), nullptr),
                           {.message_bytes = 4096, .calls = 16}, [] {});
  connection.Flush();
  const std::string sent = absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", input);
  ESPALIER_CHECK(::write(core.fd(), sent.data(), sent.size()) == static_cast<ssize_t>(sent.size()));
  ::shutdown(core.fd(), SHUT_WR);
  while (connection.Awaited().fd >= 0) {
    for (RpcCall* call : connection.Receive()) FinishCall(*call);
    connection.Flush();
    Drain(core.fd());
  }
  ESPALIER_CHECK(connection.IsOver() && !connection.HasCalls());
}

}  // namespace
}  // namespace espalier::provider

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::signal(SIGPIPE, SIG_IGN);
  espalier::provider::Play(
      {reinterpret_cast<const char*>(data), std::min(size, espalier::provider::kMostBytes)});
  return 0;
}
