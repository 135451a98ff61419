#include "engine/listen/accepted_connection.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace espalier {
namespace {

// What poll can be told, in milliseconds.
constexpr absl::Duration kLongestPoll = absl::Hours(1);

}  // namespace

AcceptedConnection::AcceptedConnection(Clock& clock, socket_t socket, const TlsAcceptor* tls,
                                       const ConnectionLimits& limits)
    : clock_(clock),
      socket_(socket),
      limits_(limits),
      tls_(tls == nullptr ? nullptr : tls->Open(socket), SSL_free),
      wants_tls_(tls != nullptr),
      request_until_(clock.Elapsed() + limits.request_time),
      answer_until_(request_until_ + limits.answer_time) {
  // Every wait is ours, with its deadline.
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
}

AcceptedConnection::~AcceptedConnection() {
  if (tls_ != nullptr && !broken_) SSL_shutdown(tls_.get());
  ERR_clear_error();
}

bool AcceptedConnection::Greet() {
  if (!wants_tls_) return true;
  broken_ =
      tls_ == nullptr || Insist([&] { return Told(SSL_accept(tls_.get())); }, request_until_) <= 0;
  return !broken_;
}

bool AcceptedConnection::AwaitRequest(absl::Duration patience) {
  if (broken_) return false;
  const bool there = begin_ < end_ || (tls_ != nullptr && SSL_pending(tls_.get()) > 0) ||
                     Wait(POLLIN, clock_.Elapsed() + patience);
  request_until_ = clock_.Elapsed() + limits_.request_time;
  answer_until_ = request_until_ + limits_.answer_time;
  received_ = end_ - begin_;
  return there;
}

bool AcceptedConnection::is_readable() const {
  return begin_ < end_ || (tls_ != nullptr && SSL_pending(tls_.get()) > 0) ||
         Wait(POLLIN, request_until_);
}

bool AcceptedConnection::is_writable() const {
  if (!Wait(POLLOUT, WriteUntil())) return false;
  char byte;
  const ssize_t got = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

ssize_t AcceptedConnection::read(char* out, std::size_t size) {
  if (begin_ == end_) {
    const ssize_t got = received_ > limits_.request_bytes
                            ? -1
                            : Insist([this] { return Receive(); }, request_until_);
    if (got <= 0) {
      broken_ = true;
      return got;
    }
    received_ += static_cast<std::size_t>(got);
    begin_ = 0;
    end_ = static_cast<std::size_t>(got);
  }
  const std::size_t count = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, count, out);
  begin_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t AcceptedConnection::write(const char* data, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    const ssize_t put = Insist([&] { return Send(data + sent, size - sent); }, WriteUntil());
    if (put <= 0) {
      broken_ = true;
      return -1;
    }
    sent += static_cast<std::size_t>(put);
  }
  return static_cast<ssize_t>(size);
}

AcceptedConnection::Attempt AcceptedConnection::Receive() {
  if (tls_ != nullptr) return Told(SSL_read(tls_.get(), buffer_.data(), kReadBuffer));
  const ssize_t got = ::recv(socket_, buffer_.data(), kReadBuffer, 0);
  const bool later = got < 0 && (errno == EAGAIN || errno == EINTR);
  return {.bytes = got, .wait_for = static_cast<short>(later ? POLLIN : 0)};
}

AcceptedConnection::Attempt AcceptedConnection::Send(const char* data, std::size_t size) {
  if (tls_ != nullptr) {
    // What one record takes: more is not sent at once.
    return Told(SSL_write(tls_.get(), data, static_cast<int>(std::min<std::size_t>(size, 16384))));
  }
  const ssize_t put = ::send(socket_, data, size, MSG_NOSIGNAL);
  const bool later = put < 0 && (errno == EAGAIN || errno == EINTR);
  return {.bytes = put, .wait_for = static_cast<short>(later ? POLLOUT : 0)};
}

// What a call of TLS answered: it may have to read in order to write, and the other way round.
AcceptedConnection::Attempt AcceptedConnection::Told(int result) const {
  Attempt attempt = {.bytes = result};
  if (result <= 0) {
    switch (SSL_get_error(tls_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        attempt = {.bytes = -1, .wait_for = POLLIN};
        break;
      case SSL_ERROR_WANT_WRITE:
        attempt = {.bytes = -1, .wait_for = POLLOUT};
        break;
      case SSL_ERROR_ZERO_RETURN:
        attempt.bytes = 0;
        break;
      default:
        attempt.bytes = -1;
    }
  }
  ERR_clear_error();
  return attempt;
}

// The time is asked before each attempt, so that who is always ready ends as well.
ssize_t AcceptedConnection::Insist(absl::FunctionRef<Attempt()> attempt,
                                   absl::Duration until) const {
  while (clock_.Elapsed() < until) {
    const Attempt made = attempt();
    if (made.wait_for == 0) return made.bytes;
    if (!Wait(made.wait_for, until)) return -1;
  }
  return -1;
}

bool AcceptedConnection::Wait(short events, absl::Duration until) const {
  for (;;) {
    const absl::Duration left = std::min(until - clock_.Elapsed(), kLongestPoll);
    if (left <= absl::ZeroDuration()) return false;
    pollfd waiting = {.fd = socket_, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

absl::Duration AcceptedConnection::WriteUntil() const {
  return std::min(answer_until_, clock_.Elapsed() + limits_.write_time);
}

}  // namespace espalier
