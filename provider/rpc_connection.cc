#include "provider/rpc_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier::provider {
namespace {

// A record of TLS: what is read and written at once.
constexpr std::size_t kRecordBytes = 16 << 10;
// How much may come of one request, and of all, before we have read it: a state of usual size never
// waits for our word.
constexpr std::int32_t kCallWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 8 << 20;

std::uint8_t* Bytes(absl::string_view text) {
  // nghttp2 only reads what it is given.
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  return {Bytes(name), Bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// A status's text, as gRPC writes it in a header.
std::string PercentEncoded(absl::string_view text) {
  constexpr absl::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

std::size_t LengthIn(absl::string_view prefix) {
  std::size_t length = 0;
  for (const char c : prefix.substr(1, 4)) length = length << 8 | static_cast<unsigned char>(c);
  return length;
}

template <typename Object, auto free>
struct Freed {
  void operator()(Object* object) const { free(object); }
};

}  // namespace

std::string RpcCall::Prefix(std::size_t size) {
  const auto byte = [size](int shift) { return static_cast<char>(size >> shift & 0xff); };
  return {'\0', byte(24), byte(16), byte(8), byte(0)};
}

void RpcCall::Finish(const absl::Status& status) { connection_.Finish(*this, status); }

bool RpcCall::WriteBytes(std::string bytes) { return connection_.Write(*this, std::move(bytes)); }

void RpcCall::AnswerBytes(std::string bytes) {
  RpcAnswers::Answer answer{this, std::move(bytes)};
  connection_.Answer(absl::MakeSpan(&answer, 1));
}

RpcAnswers::~RpcAnswers() { ESPALIER_CHECK(answers_.empty()); }

void RpcAnswers::Send() {
  std::vector<Answer> answers = std::exchange(answers_, {});
  // Core has one connection; with several, each has its own part.
  auto part = answers.begin();
  while (part != answers.end()) {
    RpcConnection& connection = part->call->connection_;
    const auto end = std::stable_partition(part, answers.end(), [&](const Answer& answer) {
      return &answer.call->connection_ == &connection;
    });
    connection.Answer(absl::MakeSpan(&*part, static_cast<std::size_t>(end - part)));
    part = end;
  }
}

// What nghttp2 tells us. It calls only while one of ours calls it, under the lock.
struct RpcConnection::Callbacks {
  static RpcConnection& Connection(void* user) { return *static_cast<RpcConnection*>(user); }

  static RpcCall* CallOf(nghttp2_session* session, std::int32_t stream) {
    return static_cast<RpcCall*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                            void* user) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    RpcConnection& connection = Connection(user);
    const std::int32_t stream = frame->hd.stream_id;
    auto call = std::make_unique<RpcCall>(connection, stream);
    nghttp2_session_set_stream_user_data(session, stream, call.get());
    connection.calls_[stream] = std::move(call);
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t, void*) {
    RpcCall* const call = CallOf(session, frame->hd.stream_id);
    const absl::string_view key(reinterpret_cast<const char*>(name), name_size);
    if (call != nullptr && key == ":path") {
      call->method_.assign(reinterpret_cast<const char*>(value), value_size);
    }
    return 0;
  }

  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                    const std::uint8_t* data, std::size_t size, void* user) {
    RpcCall* const call = CallOf(session, stream);
    if (call == nullptr) return 0;
    const std::size_t most = Connection(user).limits_.message_bytes + RpcCall::kPrefixBytes;
    call->too_large_ = call->too_large_ || size > most - call->request_.size();
    if (call->too_large_) {
      call->request_.clear();
    } else {
      call->request_.append(reinterpret_cast<const char*>(data), size);
    }
    return 0;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame,
                     void* user) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const bool of_request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (!of_request || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    RpcCall* const call = CallOf(session, frame->hd.stream_id);
    if (call != nullptr) Connection(user).Complete(*call);
    return 0;
  }

  static int OnStreamClose(nghttp2_session* session, std::int32_t stream, std::uint32_t,
                           void* user) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    RpcCall* const call = CallOf(session, stream);
    if (call != nullptr) Connection(user).Abandon(*call);
    return 0;
  }

  // The next part of an answer.
  static ssize_t ReadAnswer(nghttp2_session* session, std::int32_t stream, std::uint8_t* into,
                            std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                            void*) {
    RpcCall& call = *static_cast<RpcCall*>(source->ptr);
    const std::size_t part = std::min(size, call.answer_.size() - call.answer_written_);
    std::copy_n(call.answer_.data() + call.answer_written_, part, into);
    call.answer_written_ += part;
    if (call.answer_written_ < call.answer_.size()) return static_cast<ssize_t>(part);
    if (!call.finished_) {
      call.written_.Notify();
      if (part == 0) return NGHTTP2_ERR_DEFERRED;
      return static_cast<ssize_t>(part);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const std::string code = absl::StrCat(static_cast<int>(call.status_.code()));
    const std::string why = PercentEncoded(call.status_.message());
    const std::array<nghttp2_nv, 2> fields = {Field("grpc-status", code),
                                              Field("grpc-message", why)};
    nghttp2_submit_trailer(session, stream, fields.data(), why.empty() ? 1 : 2);
    return static_cast<ssize_t>(part);
  }

  // A session that tells `connection`.
  static nghttp2_session* MakeSession(RpcConnection& connection) {
    nghttp2_session_callbacks* raw_callbacks = nullptr;
    nghttp2_option* raw_options = nullptr;
    ESPALIER_CHECK(nghttp2_session_callbacks_new(&raw_callbacks) == 0);
    ESPALIER_CHECK(nghttp2_option_new(&raw_options) == 0);
    const std::unique_ptr<nghttp2_session_callbacks,
                          Freed<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>
        callbacks(raw_callbacks);
    const std::unique_ptr<nghttp2_option, Freed<nghttp2_option, nghttp2_option_del>> options(
        raw_options);
    nghttp2_session_callbacks_set_on_begin_headers_callback(raw_callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(raw_callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw_callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(raw_callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(raw_callbacks, OnStreamClose);
    // Kept only for priorities, which nobody sets.
    nghttp2_option_set_no_closed_streams(raw_options, 1);
    nghttp2_session* session = nullptr;
    ESPALIER_CHECK(nghttp2_session_server_new2(&session, raw_callbacks, &connection, raw_options) ==
                   0);
    return session;
  }
};

void RpcConnection::SessionFree::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

RpcConnection::RpcConnection(Clock& clock, Channel channel, const RpcLimits& limits,
                             std::function<void()> wake)
    : clock_(clock),
      limits_(limits),
      wake_(std::move(wake)),
      input_(kRecordBytes, '\0'),
      channel_(std::move(channel)),
      session_(Callbacks::MakeSession(*this)) {
  MutexLock lock(mu_);
  const std::array<nghttp2_settings_entry, 2> settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.calls},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kCallWindow}};
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

RpcConnection::~RpcConnection() {
  MutexLock lock(mu_);
  ESPALIER_CHECK(calls_.empty());
}

pollfd RpcConnection::Awaited() const {
  MutexLock lock(mu_);
  if (closed_) return {-1, 0, 0};
  const bool needs_write = blocked_ || channel_.ReadNeedsWrite();
  return {channel_.fd(), static_cast<short>(needs_write ? POLLIN | POLLOUT : POLLIN), 0};
}

std::vector<RpcCall*> RpcConnection::Receive() {
  MutexLock lock(mu_);
  gathering_ = true;
  do {
    const Channel::Moved moved = channel_.Read(absl::MakeSpan(input_));
    if (!moved.open) Close();
    if (moved.bytes == 0) break;
    const ssize_t taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(input_.data()), moved.bytes);
    if (taken < 0) Close();
  } while (!closed_ && channel_.HoldsMore());
  return std::exchange(come_, {});
}

void RpcConnection::Flush() {
  MutexLock lock(mu_);
  gathering_ = false;
  WriteOut();
  // After a mistake of the other side that HTTP/2 does not survive.
  if (nghttp2_session_want_read(session_.get()) == 0 && output_.empty()) Close();
}

void RpcConnection::Retire() {
  MutexLock lock(mu_);
  retired_ = true;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  // Of what nobody has, the rest may never come: go-plugin opens a stream and says nothing on it.
  for (const auto& [stream, call] : calls_) {
    if (call->handled_ || call->finished_) continue;
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
  }
  WriteOut();
}

void RpcConnection::CancelCalls() {
  MutexLock lock(mu_);
  for (const auto& [stream, call] : calls_) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  }
  WriteOut();
}

bool RpcConnection::HasCalls() const {
  MutexLock lock(mu_);
  return !calls_.empty();
}

bool RpcConnection::IsOver() const {
  MutexLock lock(mu_);
  return closed_ && calls_.empty();
}

bool RpcConnection::Write(RpcCall& call, std::string bytes) {
  {
    MutexLock lock(mu_);
    if (call.gone_) return false;
    call.answer_ = std::move(bytes);
    call.answer_written_ = 0;
    Continue(call);
    WriteOutSoon();
  }
  while (true) {
    {
      MutexLock lock(mu_);
      if (call.gone_) return false;
      if (call.answer_written_ == call.answer_.size()) return true;
    }
    // It may still be raised from the message before.
    clock_.WaitUntil(call.written_, absl::InfiniteDuration());
  }
}

void RpcConnection::Answer(absl::Span<RpcAnswers::Answer> answers) {
  MutexLock lock(mu_);
  for (auto& [call, bytes] : answers) {
    call->finished_ = true;
    if (call->gone_) {
      Erase(*call);
      continue;
    }
    call->answer_ = std::move(bytes);
    call->answer_written_ = 0;
    Continue(*call);
  }
  WriteOutSoon();
}

void RpcConnection::Finish(RpcCall& call, const absl::Status& status) {
  MutexLock lock(mu_);
  call.finished_ = true;
  if (call.gone_) {
    Erase(call);
    return;
  }
  call.status_ = status;
  if (call.begun_) {
    Continue(call);
  } else {
    Refuse(call, status);
  }
  WriteOutSoon();
}

void RpcConnection::Complete(RpcCall& call) {
  const bool has_prefix = call.request_.size() >= RpcCall::kPrefixBytes;
  if (call.too_large_) {
    Refuse(call, absl::ResourceExhaustedError(
                     absl::StrCat("the request has more than ", limits_.message_bytes, " bytes")));
  } else if (!has_prefix ||
             LengthIn(call.request_) != call.request_.size() - RpcCall::kPrefixBytes) {
    Refuse(call, absl::InternalError("the call has no request, or more than one"));
  } else if (call.request_.front() != '\0') {
    Refuse(call, absl::UnimplementedError("the request is compressed"));
  } else {
    call.handled_ = true;
    come_.push_back(&call);
  }
}

void RpcConnection::Continue(RpcCall& call) {
  if (call.begun_) {
    nghttp2_session_resume_data(session_.get(), call.stream_);
    return;
  }
  call.begun_ = true;
  const std::array<nghttp2_nv, 2> fields = {Field(":status", "200"),
                                            Field("content-type", "application/grpc")};
  nghttp2_data_provider provider = {};
  provider.source.ptr = &call;
  provider.read_callback = Callbacks::ReadAnswer;
  nghttp2_submit_response(session_.get(), call.stream_, fields.data(), fields.size(), &provider);
}

void RpcConnection::Refuse(RpcCall& call, const absl::Status& status) {
  call.finished_ = true;
  call.begun_ = true;
  const std::string code = absl::StrCat(static_cast<int>(status.code()));
  const std::string why = PercentEncoded(status.message());
  const std::array<nghttp2_nv, 4> fields = {Field(":status", "200"),
                                            Field("content-type", "application/grpc"),
                                            Field("grpc-status", code), Field("grpc-message", why)};
  nghttp2_submit_response(session_.get(), call.stream_, fields.data(), fields.size(), nullptr);
}

void RpcConnection::WriteOut() {
  if (closed_ || !channel_.IsAdmitted()) return;
  blocked_ = false;
  while (true) {
    while (output_.size() < kRecordBytes) {
      const std::uint8_t* data = nullptr;
      const ssize_t made = nghttp2_session_mem_send(session_.get(), &data);
      if (made <= 0) break;
      output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(made));
    }
    if (output_.empty()) return;
    const Channel::Moved moved = channel_.Write(absl::string_view(output_).substr(output_written_));
    if (!moved.open) {
      // The server's thread finds out when it reads.
      channel_.ShutDown();
      return;
    }
    if (moved.bytes == 0) {
      blocked_ = true;
      return;
    }
    output_written_ += moved.bytes;
    if (output_written_ == output_.size()) {
      output_.clear();
      output_written_ = 0;
    }
  }
}

void RpcConnection::WriteOutSoon() {
  if (gathering_) return;
  WriteOut();
  if (blocked_ || (retired_ && calls_.empty())) wake_();
}

void RpcConnection::Close() {
  if (closed_) return;
  closed_ = true;
  channel_.ShutDown();
  std::vector<RpcCall*> left;
  left.reserve(calls_.size());
  for (const auto& [stream, call] : calls_) left.push_back(call.get());
  for (RpcCall* call : left) Abandon(*call);
}

void RpcConnection::Abandon(RpcCall& call) {
  call.gone_ = true;
  call.written_.Notify();
  if (call.finished_ || !call.handled_) Erase(call);
}

void RpcConnection::Erase(RpcCall& call) {
  calls_.erase(call.stream_);
  if (calls_.empty() && (closed_ || retired_)) wake_();
}

}  // namespace espalier::provider
