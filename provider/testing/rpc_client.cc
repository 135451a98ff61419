#include "provider/testing/rpc_client.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/string_view.h"
#include "engine/base/check.h"

namespace espalier::provider {
namespace {

// Whether a message is compressed, and its length.
constexpr std::size_t kPrefixBytes = 5;
// A server that says nothing for so long has failed.
constexpr timeval kPatience = {.tv_sec = 30, .tv_usec = 0};

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  // nghttp2 only reads what it is given.
  const auto bytes = [](absl::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string Framed(const std::string& message) {
  std::string bytes(1, '\0');
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<char>(message.size() >> shift & 0xff));
  }
  return bytes + message;
}

// Takes the first message off, if it is there.
bool TakeMessage(std::string& bytes, std::string& message) {
  if (bytes.size() < kPrefixBytes) return false;
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) {
    size = size << 8 | static_cast<unsigned char>(bytes[i]);
  }
  if (bytes.size() < kPrefixBytes + size) return false;
  message = bytes.substr(kPrefixBytes, size);
  bytes.erase(0, kPrefixBytes + size);
  return true;
}

Descriptor ConnectTo(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  EXPECT_EQ(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  return socket;
}

}  // namespace

struct RpcClient::Callbacks {
  static Exchange* Find(void* user, std::int32_t stream) {
    auto& exchanges = static_cast<RpcClient*>(user)->exchanges_;
    const auto found = exchanges.find(stream);
    return found != exchanges.end() ? found->second.get() : nullptr;
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
    const absl::string_view key(reinterpret_cast<const char*>(name), name_size);
    Exchange* const exchange = Find(user, frame->hd.stream_id);
    if (exchange != nullptr && key == "grpc-status") {
      exchange->answer.code =
          std::atoi(std::string(reinterpret_cast<const char*>(value), value_size).c_str());
    }
    return 0;
  }

  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                    std::size_t size, void* user) {
    Exchange* const exchange = Find(user, stream);
    if (exchange == nullptr) return 0;
    exchange->partial.append(reinterpret_cast<const char*>(data), size);
    std::string message;
    while (TakeMessage(exchange->partial, message)) {
      exchange->answer.messages.push_back(std::move(message));
    }
    return 0;
  }

  static int OnStreamClose(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user) {
    if (Exchange* const exchange = Find(user, stream)) exchange->answer.ended = true;
    return 0;
  }

  static ssize_t ReadRequest(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
    Exchange& exchange = *static_cast<Exchange*>(source->ptr);
    const std::size_t part = std::min(size, exchange.request.size() - exchange.sent);
    std::copy_n(exchange.request.data() + exchange.sent, part, into);
    exchange.sent += part;
    if (exchange.sent == exchange.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(part);
  }
};

void RpcClient::SessionFree::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

RpcClient::RpcClient(const std::string& socket_path) : socket_(ConnectTo(socket_path)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  ESPALIER_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnStreamClose);
  nghttp2_session* session = nullptr;
  ESPALIER_CHECK(nghttp2_session_client_new(&session, callbacks, this) == 0);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
}

RpcClient::~RpcClient() = default;

std::int32_t RpcClient::Start(const std::string& method, const std::string& message) {
  auto exchange = std::make_unique<Exchange>();
  exchange->request = Framed(message);
  const std::array<nghttp2_nv, 6> fields = {
      Field(":method", "POST"), Field(":scheme", "http"),
      Field(":path", method),   Field(":authority", "localhost"),
      Field("te", "trailers"),  Field("content-type", "application/grpc")};
  nghttp2_data_provider provider = {};
  provider.source.ptr = exchange.get();
  provider.read_callback = Callbacks::ReadRequest;
  const std::int32_t stream = nghttp2_submit_request(session_.get(), nullptr, fields.data(),
                                                     fields.size(), &provider, nullptr);
  ESPALIER_CHECK(stream > 0);
  exchanges_[stream] = std::move(exchange);
  open_ = open_ && Write();
  return stream;
}

void RpcClient::Cancel(std::int32_t call) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call, NGHTTP2_CANCEL);
  open_ = open_ && Write();
}

const RpcClient::Answer& RpcClient::Await(std::int32_t call, std::size_t messages) {
  const Answer& answer = exchanges_.at(call)->answer;
  while (open_ && !answer.ended && answer.messages.size() < messages) open_ = Read() && Write();
  return answer;
}

bool RpcClient::Write() {
  const std::uint8_t* data = nullptr;
  while (true) {
    const ssize_t made = nghttp2_session_mem_send(session_.get(), &data);
    if (made <= 0) return made == 0;
    for (ssize_t written = 0; written < made;) {
      const ssize_t part =
          ::write(socket_.fd(), data + written, static_cast<std::size_t>(made - written));
      if (part <= 0) return false;
      written += part;
    }
  }
}

bool RpcClient::Read() {
  std::array<std::uint8_t, 16 << 10> bytes = {};
  const ssize_t size = ::read(socket_.fd(), bytes.data(), bytes.size());
  // A server that ends with something of ours unread resets the connection.
  EXPECT_TRUE(size >= 0 || errno == ECONNRESET) << "nothing came for too long: " << errno;
  return size > 0 && nghttp2_session_mem_recv(session_.get(), bytes.data(),
                                              static_cast<std::size_t>(size)) == size;
}

}  // namespace espalier::provider
