#include "provider/channel.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier::provider {
namespace {

constexpr int kBacklog = 16;
// HTTP/2, as the list of protocols that TLS carries.
constexpr absl::string_view kProtocols("\x02h2", 3);

absl::Status Failed(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, ": ", std::strerror(errno)));
}

bool MakeNonBlocking(int fd) {
  return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

template <typename Address>
absl::StatusOr<Descriptor> Listen(int family, const Address& address) {
  Descriptor socket(::socket(family, SOCK_STREAM, 0));
  if (socket.fd() < 0 || !MakeNonBlocking(socket.fd())) return Failed("make a socket");
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed("bind a socket");
  }
  if (::listen(socket.fd(), kBacklog) != 0) return Failed("listen");
  return socket;
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  const auto* ours = reinterpret_cast<const unsigned char*>(kProtocols.data());
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, ours, kProtocols.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

int IntSize(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<Descriptor> ListenAt(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::UnavailableError(absl::StrCat(path, " is too long for a socket"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // No other thread makes files while we start.
  const mode_t before = ::umask(077);
  absl::StatusOr<Descriptor> listener = Listen(AF_UNIX, address);
  ::umask(before);
  return listener;
}

absl::StatusOr<Descriptor> ListenOnLoopback(int& port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ESPALIER_ASSIGN_OR_RETURN(Descriptor listener, Listen(AF_INET, address));
  socklen_t size = sizeof(address);
  if (::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Failed("learn the port");
  }
  port = ntohs(address.sin_port);
  return listener;
}

absl::StatusOr<std::pair<Descriptor, Descriptor>> MakePipe() {
  int ends[2];
  if (::pipe(ends) != 0) return Failed("make a pipe");
  std::pair<Descriptor, Descriptor> pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  if (!MakeNonBlocking(ends[0]) || !MakeNonBlocking(ends[1])) return Failed("make a pipe");
  return pipe;
}

Descriptor Accept(const Descriptor& listener) {
  Descriptor socket(::accept(listener.fd(), nullptr, nullptr));
  if (socket.fd() < 0 || !MakeNonBlocking(socket.fd())) return Descriptor();
  // Small answers are not to wait for each other. A socket that has a path knows no such option.
  const int on = 1;
  ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

absl::StatusOr<std::unique_ptr<TlsServer>> TlsServer::Make(const ServerIdentity& identity,
                                                           const std::string& client_pem) {
  OpenSslPtr<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return absl::InternalError("openssl could not prepare TLS");
  SSL_CTX* const raw = context.get();
  const OpenSslPtr<BIO, BIO_free_all> pem(
      BIO_new_mem_buf(client_pem.data(), IntSize(client_pem.size())));
  const OpenSslPtr<X509, X509_free> client(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
  if (client == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the client's certificate cannot be read");
  }
  X509_STORE* const trusted = SSL_CTX_get_cert_store(raw);
  if (SSL_CTX_use_certificate(raw, identity.certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(raw, identity.key.get()) != 1 ||
      SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) != 1 ||
      X509_STORE_add_cert(trusted, client.get()) != 1 ||
      // It is trusted itself: what has signed it does not matter.
      X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
      SSL_CTX_add_client_CA(raw, client.get()) != 1) {
    return absl::InternalError("openssl could not set up TLS");
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_alpn_select_cb(raw, SelectProtocol, nullptr);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION);
  // There is one connection from each core: nothing to resume.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One call of the kernel for what is there, not two for each record.
  SSL_CTX_set_read_ahead(raw, 1);
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(context)));
}

Channel::Channel(Descriptor socket, const TlsServer* tls) : socket_(std::move(socket)) {
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls->context_.get()));
  // Out of memory, which ends the process elsewhere as well: it is a connection that is never
  // admitted.
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.fd()) != 1) {
    ShutDown();
    return;
  }
  SSL_set_accept_state(ssl_.get());
}

Channel::Moved Channel::Read(absl::Span<char> into) {
  if (ssl_ == nullptr) {
    const ssize_t got = ::read(socket_.fd(), into.data(), into.size());
    if (got > 0) return {static_cast<std::size_t>(got), true};
    return {0, got < 0 && WouldBlock()};
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), into.data(), IntSize(into.size()));
  if (got > 0) return {static_cast<std::size_t>(got), true};
  const int why = SSL_get_error(ssl_.get(), got);
  return {0, why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE};
}

Channel::Moved Channel::Write(absl::string_view bytes) {
  if (ssl_ == nullptr) {
    const ssize_t put = ::write(socket_.fd(), bytes.data(), bytes.size());
    if (put > 0) return {static_cast<std::size_t>(put), true};
    return {0, put < 0 && WouldBlock()};
  }
  ERR_clear_error();
  const int put = SSL_write(ssl_.get(), bytes.data(), IntSize(bytes.size()));
  if (put > 0) return {static_cast<std::size_t>(put), true};
  const int why = SSL_get_error(ssl_.get(), put);
  return {0, why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE};
}

bool Channel::HoldsMore() const { return ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1; }

bool Channel::IsAdmitted() const {
  return ssl_ == nullptr || SSL_is_init_finished(ssl_.get()) == 1;
}

bool Channel::ReadNeedsWrite() const { return ssl_ != nullptr && SSL_want_write(ssl_.get()) == 1; }

void Channel::ShutDown() { ::shutdown(socket_.fd(), SHUT_RDWR); }

}  // namespace espalier::provider
