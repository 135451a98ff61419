#include "engine/client/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/api/call_metadata.h"
#include "engine/base/address.h"
#include "engine/base/limits.h"
#include "engine/base/retry_after.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// gRPC takes no infinite deadline that it can add to.
constexpr absl::Duration kLongestTimeout = absl::Hours(24);
// A cancellation is a flag without a voice; it is looked at this often.
constexpr absl::Duration kCancellationPoll = absl::Milliseconds(50);

absl::StatusOr<std::string> ReadPem(Io& io, const std::string& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> text = io.ReadFile(path, limits::kFileBytes);
  if (!text.ok()) return Annotate(text.status(), absl::StrCat("reading ", path));
  return text;
}

absl::StatusOr<std::string> TokenOf(Io& io, const RemoteOptions& options) {
  if (!options.token.empty() || options.token_file.empty()) return options.token;
  ESPALIER_ASSIGN_OR_RETURN(const std::string text, ReadPem(io, options.token_file));
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    Io& io, const RemoteOptions& options, const Address& address) {
  if (options.ca_file.empty()) {
    if (!options.cert_file.empty() || !options.key_file.empty()) {
      return absl::InvalidArgumentError("a client certificate needs a CA file for the engine");
    }
    if (!IsLoopback(address.host)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "engine ", options.engine,
          " is not on this machine: give a CA file, the token would travel in the clear"));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (options.cert_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError("a client certificate and its key come together");
  }
  grpc::SslCredentialsOptions tls;
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadPem(io, options.ca_file));
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadPem(io, options.cert_file));
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_private_key, ReadPem(io, options.key_file));
  return grpc::SslCredentials(tls);
}

grpc::ChannelArguments ArgumentsFor(const Address& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kMessageBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(limits::kMessageBytes));
  // An engine that comes back is noticed soon: gRPC's own pause grows to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Also how long an attempt may take: a handshake over a slow link or on a busy machine.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // A peer that vanished without a word ends the streams that wait for it.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  // Each Remote has a connection of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (IsLoopback(address.host)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// What the engine that refused a call says about the next one.
absl::Duration RetryAfterOf(const grpc::ClientContext& call) {
  const auto& metadata = call.GetServerTrailingMetadata();
  const auto found = metadata.find(kRetryAfterMetadata);
  std::int64_t milliseconds = 0;
  if (found == metadata.end() ||
      !absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()),
                        &milliseconds)) {
    return absl::ZeroDuration();
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Make(Clock& clock, Io& io,
                                                             const RemoteOptions& options) {
  ESPALIER_ASSIGN_OR_RETURN(const Address address, ParseAddress(options.engine));
  ESPALIER_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                            CredentialsOf(io, options, address));
  ESPALIER_ASSIGN_OR_RETURN(const std::string token, TokenOf(io, options));
  if (token.find_first_of("\r\n") != std::string::npos) {
    return absl::InvalidArgumentError("the token has more than one line");
  }
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address.ToString(), credentials, ArgumentsFor(address));
  return std::unique_ptr<Connection>(
      new Connection(clock, options.engine, token, std::move(channel)));
}

Connection::Connection(Clock& clock, std::string engine, const std::string& token,
                       std::shared_ptr<grpc::Channel> channel)
    : clock_(clock),
      engine_(std::move(engine)),
      authorization_(token.empty() ? "" : absl::StrCat("Bearer ", token)),
      channel_(std::move(channel)) {}

void Connection::Prepare(const CallContext& context, grpc::ClientContext& call) const {
  if (!authorization_.empty()) call.AddMetadata("authorization", authorization_);
  if (!context.operation_id.empty()) {
    call.AddMetadata(kOperationIdMetadata, context.operation_id);
  }
  if (context.min_revision > 0) {
    call.AddMetadata(kMinRevisionMetadata, absl::StrCat(context.min_revision));
  }
}

absl::Status Connection::FromUnary(const grpc::Status& status,
                                   const grpc::ClientContext& call) const {
  absl::Status result = FromGrpc(status);
  if (result.ok()) return result;
  const absl::Duration wait = RetryAfterOf(call);
  return wait > absl::ZeroDuration() ? WithRetryAfter(std::move(result), wait) : result;
}

absl::Status Connection::FromGrpc(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code != absl::StatusCode::kUnavailable) return absl::Status(code, status.error_message());
  // gRPC tells how it tried; what people need stands last: "Connection refused".
  std::string why = status.error_message();
  const std::size_t last = why.rfind(": ");
  const bool unsent = absl::StartsWith(why, "failed to connect");
  if (unsent && last != std::string::npos) why.erase(0, last + 2);
  absl::Status away = absl::UnavailableError(absl::StrCat("engine ", engine_, ": ", why));
  return unsent ? Unsent(std::move(away)) : away;
}

void Connection::SetUp(const CallContext& context, grpc::ClientContext& call) const {
  Prepare(context, call);
  call.set_deadline(absl::ToChronoTime(clock_.Now() + std::min(context.timeout, kLongestTimeout)));
}

absl::Status Connection::Wait(
    const CallContext& context,
    absl::FunctionRef<void(grpc::ClientContext*, grpc::CompletionQueue*, grpc::Status*)> start)
    const {
  if (context.cancelled()) return absl::CancelledError("cancelled before it began");
  grpc::ClientContext call;
  SetUp(context, call);
  grpc::CompletionQueue queue;
  grpc::Status result;
  start(&call, &queue, &result);
  void* tag = nullptr;
  bool ok = false;
  // The deadline is gRPC's to keep; the end comes in any case.
  const auto wait = [&] {
    const absl::Time look =
        context.cancellation == nullptr ? absl::InfiniteFuture() : clock_.Now() + kCancellationPoll;
    return queue.AsyncNext(&tag, &ok, absl::ToChronoTime(look));
  };
  while (wait() == grpc::CompletionQueue::TIMEOUT) {
    if (context.cancelled()) call.TryCancel();
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return FromUnary(result, call);
}

absl::Status Connection::Unary(
    const CallContext& context,
    const std::function<void(grpc::ClientContext*, std::function<void(grpc::Status)>)>& start)
    const {
  if (context.cancelled()) return absl::CancelledError("cancelled before it began");
  grpc::ClientContext call;
  SetUp(context, call);
  Wakeup done;
  grpc::Status result;
  start(&call, [&](grpc::Status status) {
    result = std::move(status);
    done.Notify();
  });
  // The deadline is gRPC's to keep; the answer comes in any case and what it writes to is here.
  while (
      !clock_.WaitUntil(done, NextLook(clock_, context.cancellation, absl::InfiniteDuration()))) {
    if (context.cancelled()) call.TryCancel();
  }
  return FromUnary(result, call);
}

absl::Duration NextLook(Clock& clock, const Cancellation* cancellation, absl::Duration deadline) {
  if (cancellation == nullptr) return deadline;
  return std::min(deadline, clock.Elapsed() + kCancellationPoll);
}

}  // namespace espalier
