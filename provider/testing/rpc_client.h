// RpcClient: the other end of RpcServer without gRPC's library, which the thread sanitizer cannot
// look into: one connection in the clear, and the calls on it. For tests. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "provider/channel.h"

struct nghttp2_session;

namespace espalier::provider {

class RpcClient {
 public:
  // What has come of a call.
  struct Answer {
    std::vector<std::string> messages;
    bool ended = false;
    // gRPC's; -1 if the call ended without one.
    int code = -1;
  };

  // Fails the test if nobody listens there.
  explicit RpcClient(const std::string& socket_path);
  ~RpcClient();

  // Begins a call of "/package.Service/Method"; its number.
  std::int32_t Start(const std::string& method, const std::string& message);
  // Gives a call up.
  void Cancel(std::int32_t call);
  // Waits until so many messages have come, or the call or the connection has ended.
  const Answer& Await(std::int32_t call,
                      std::size_t messages = std::numeric_limits<std::size_t>::max());

  // One call with one answer; the code is never 0 without a response.
  template <typename Request, typename Response>
  int Call(const std::string& method, const Request& request, Response& response) {
    const Answer& answer = Await(Start(method, request.SerializeAsString()));
    if (answer.code != 0) return answer.code;
    const bool one = answer.messages.size() == 1 && response.ParseFromString(answer.messages[0]);
    return one ? 0 : -1;
  }

 private:
  struct Callbacks;
  struct Exchange {
    std::string request;
    std::size_t sent = 0;
    // What has come and is no whole message yet.
    std::string partial;
    Answer answer;
  };
  struct SessionFree {
    void operator()(nghttp2_session* session) const;
  };

  // False once the connection has ended.
  bool Write();
  bool Read();

  Descriptor socket_;
  bool open_ = true;
  std::map<std::int32_t, std::unique_ptr<Exchange>> exchanges_;
  std::unique_ptr<nghttp2_session, SessionFree> session_;
};

}  // namespace espalier::provider
