// RpcCall: one call of gRPC as its handler sees it. Made by its connection, which owns it; handlers
// finish it. See rpc_server.h for who calls what when.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/clock.h"

namespace espalier::provider {

class RpcConnection;

// A call whose request has come. Lives until it is finished.
class RpcCall {
 public:
  RpcCall(RpcConnection& connection, std::int32_t stream)
      : connection_(connection), stream_(stream) {}
  RpcCall(const RpcCall&) = delete;
  RpcCall& operator=(const RpcCall&) = delete;

  // "/package.Service/Method".
  const std::string& method() const { return method_; }

  // False, and the call is finished, if the request is none of this type. Takes the bytes.
  template <typename Request>
  bool Parse(Request& request) {
    const bool parsed = request.ParseFromArray(request_.data() + kPrefixBytes,
                                               static_cast<int>(request_.size() - kPrefixBytes));
    request_ = std::string();
    if (parsed) return true;
    Finish(absl::InternalError("the request cannot be read"));
    return false;
  }
  // Writes one message of a stream and blocks until it is on its way: false if nobody listens any
  // more. Not from the server's thread.
  template <typename Message>
  bool Write(const Message& message) {
    return WriteBytes(Framed(message));
  }
  // Each ends the call, once; it is not to be touched any more.
  template <typename Message>
  void Answer(const Message& message) {
    AnswerBytes(Framed(message));
  }
  void Finish(const absl::Status& status);

 private:
  friend class RpcAnswers;
  friend class RpcConnection;

  // How gRPC frames a message: whether it is compressed, its length, itself.
  static constexpr std::size_t kPrefixBytes = 5;
  static std::string Prefix(std::size_t size);
  template <typename Message>
  static std::string Framed(const Message& message) {
    const std::size_t size = message.ByteSizeLong();
    std::string bytes = Prefix(size);
    bytes.reserve(kPrefixBytes + size);
    message.AppendToString(&bytes);
    return bytes;
  }

  bool WriteBytes(std::string bytes);
  void AnswerBytes(std::string bytes);

  RpcConnection& connection_;
  const std::int32_t stream_;
  std::string method_;
  // As it comes, framed.
  std::string request_;
  // Raised when what was to be written is on its way, or when nobody listens any more.
  Wakeup written_;

  // Guarded by the connection's lock.
  // Whether a handler has it, who has to finish it.
  bool handled_ = false;
  bool too_large_ = false;
  // Whether the answer's header has been submitted.
  bool begun_ = false;
  bool finished_ = false;
  // Whether there is nobody any more who could be answered.
  bool gone_ = false;
  std::string answer_;
  std::size_t answer_written_ = 0;
  absl::Status status_;
};

// Answers of several calls, which are written at once: one record and one call of the system
// instead of one for each. Of one thread.
class RpcAnswers {
 public:
  RpcAnswers() = default;
  RpcAnswers(const RpcAnswers&) = delete;
  RpcAnswers& operator=(const RpcAnswers&) = delete;
  // REQUIRES: what was added is sent.
  ~RpcAnswers();

  template <typename Message>
  void Add(RpcCall& call, const Message& message) {
    answers_.push_back({&call, RpcCall::Framed(message)});
  }
  // Ends the calls; they are not to be touched any more.
  void Send();

 private:
  friend class RpcCall;
  friend class RpcConnection;
  struct Answer {
    RpcCall* call;
    std::string bytes;
  };

  std::vector<Answer> answers_;
};

}  // namespace espalier::provider
