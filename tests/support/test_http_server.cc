#include "tests/support/test_http_server.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

absl::string_view FindHeader(const HttpHeaders& headers, absl::string_view name) {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return {};
}

// Applies "bytes=a-[b]"; false if the range lies outside.
bool CutToRange(absl::string_view range, ServerAnswer& answer) {
  if (!absl::ConsumePrefix(&range, "bytes=")) return true;
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(range, absl::MaxSplits('-', 1));
  const std::int64_t size = answer.body.size();
  std::int64_t first = 0;
  std::int64_t last = size - 1;
  if (!absl::SimpleAtoi(ends.first, &first)) return true;
  if (!ends.second.empty() && !absl::SimpleAtoi(ends.second, &last)) return true;
  last = std::min(last, size - 1);
  if (first > last) return false;
  answer.status = 206;
  answer.headers.emplace_back("Content-Range", absl::StrCat("bytes ", first, "-", last, "/", size));
  answer.body = answer.body.substr(first, last - first + 1);
  return true;
}

}  // namespace

absl::string_view ServerRequest::Header(absl::string_view name) const {
  return FindHeader(headers, name);
}

struct TestHttpServer::TlsContext {
  explicit TlsContext(const ServerTls& tls) : context(SSL_CTX_new(TLS_server_method())) {
    X509* const certificate = ReadCertificate(tls.identity.certificate);
    BIO* const key_text = BIO_new_mem_buf(tls.identity.key.data(), tls.identity.key.size());
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
    ESPALIER_CHECK(SSL_CTX_use_certificate(context, certificate) == 1);
    ESPALIER_CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
    BIO_free_all(key_text);
    EVP_PKEY_free(key);
    X509_free(certificate);
    if (tls.client_authority.empty()) return;
    X509* const authority = ReadCertificate(tls.client_authority);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ~TlsContext() { SSL_CTX_free(context); }

  static X509* ReadCertificate(const std::string& pem) {
    BIO* const text = BIO_new_mem_buf(pem.data(), pem.size());
    X509* const certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
    BIO_free_all(text);
    ESPALIER_CHECK(certificate != nullptr);
    return certificate;
  }

  SSL_CTX* const context;
};

// One client's connection, on its own thread.
class TestHttpServer::Connection {
 public:
  Connection(TestHttpServer& server, int fd, int stop) : server_(server), fd_(fd), stop_(stop) {
    if (server.tls_ == nullptr) return;
    tls_ = SSL_new(server.tls_->context);
    SSL_set_fd(tls_, fd);
  }
  ~Connection() { SSL_free(tls_); }

  void Run() {
    if (tls_ != nullptr && !Greet()) return;
    while (std::optional<ServerRequest> request = Read()) {
      {
        MutexLock lock(server_.mu_);
        server_.requests_.push_back(*request);
      }
      if (!Answer(*request, server_.handler_(*request))) return;
    }
  }

 private:
  bool Greet() {
    if (!WaitReadable(fd_, stop_)) return false;
    const bool greeted = SSL_accept(tls_) == 1;
    ERR_clear_error();
    return greeted;
  }

  // Waits for bytes; false when there will be none.
  bool Receive() {
    if ((tls_ == nullptr || SSL_pending(tls_) == 0) && !WaitReadable(fd_, stop_)) return false;
    char bytes[65536];
    const ssize_t got =
        tls_ != nullptr ? SSL_read(tls_, bytes, sizeof(bytes)) : recv(fd_, bytes, sizeof(bytes), 0);
    ERR_clear_error();
    if (got <= 0) return false;
    input_.append(bytes, got);
    return true;
  }

  bool ReadLine(std::string& line) {
    std::size_t end = 0;
    while ((end = input_.find("\r\n")) == std::string::npos) {
      if (!Receive()) return false;
    }
    line = input_.substr(0, end);
    input_.erase(0, end + 2);
    return true;
  }

  bool ReadBytes(std::size_t size, std::string& bytes) {
    while (input_.size() < size) {
      if (!Receive()) return false;
    }
    bytes += input_.substr(0, size);
    input_.erase(0, size);
    return true;
  }

  bool ReadChunks(std::string& body) {
    while (true) {
      std::string line;
      std::uint64_t size = 0;
      if (!ReadLine(line) || !absl::SimpleHexAtoi(line, &size)) return false;
      if (!ReadBytes(size, body) || !ReadLine(line)) return false;
      if (size == 0) return true;
    }
  }

  std::optional<ServerRequest> Read() {
    ServerRequest request;
    std::string line;
    if (!ReadLine(line)) return std::nullopt;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() != 3) return std::nullopt;
    request.method = words[0];
    const std::pair<std::string, std::string> target =
        absl::StrSplit(words[1], absl::MaxSplits('?', 1));
    request.path = target.first;
    request.query = target.second;
    while (ReadLine(line) && !line.empty()) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(line, absl::MaxSplits(':', 1));
      request.headers.emplace_back(std::string(parts.first),
                                   std::string(absl::StripAsciiWhitespace(parts.second)));
    }
    std::size_t size = 0;
    if (absl::EqualsIgnoreCase(request.Header("Transfer-Encoding"), "chunked")) {
      if (!ReadChunks(request.body)) return std::nullopt;
    } else if (absl::SimpleAtoi(request.Header("Content-Length"), &size)) {
      if (!ReadBytes(size, request.body)) return std::nullopt;
    }
    return request;
  }

  bool Send(absl::string_view bytes) {
    if (tls_ == nullptr) return SendAll(fd_, bytes);
    const bool sent = bytes.empty() || SSL_write(tls_, bytes.data(), bytes.size()) > 0;
    ERR_clear_error();
    return sent;
  }

  // False when the connection is at its end.
  bool Answer(const ServerRequest& request, ServerAnswer answer) {
    if (!answer.raw.empty()) {
      Send(answer.raw);
      return false;
    }
    if (answer.honour_range && !CutToRange(request.Header("Range"), answer)) {
      answer.status = 416;
      answer.body.clear();
    }
    std::string head = absl::StrCat("HTTP/1.1 ", answer.status, " X\r\n");
    for (const auto& [name, value] : answer.headers) {
      absl::StrAppend(&head, name, ": ", value, "\r\n");
    }
    if (FindHeader(answer.headers, "Content-Length").empty() && answer.status != 204) {
      absl::StrAppend(&head, "Content-Length: ", answer.body.size(), "\r\n");
    }
    if (!Send(absl::StrCat(head, "\r\n"))) return false;
    if (request.method == "HEAD") return true;
    if (answer.cut_after >= 0) {
      Send(absl::string_view(answer.body).substr(0, answer.cut_after));
      return false;
    }
    if (answer.stall_after >= 0) {
      Send(absl::string_view(answer.body).substr(0, answer.stall_after));
      WaitReadable(fd_, stop_);
      return false;
    }
    return Send(answer.body);
  }

  TestHttpServer& server_;
  const int fd_;
  const int stop_;
  SSL* tls_ = nullptr;
  std::string input_;
};

TestHttpServer::TestHttpServer(Threads& threads, Handler handler,
                               const std::optional<ServerTls>& tls)
    : handler_(std::move(handler)),
      tls_(tls.has_value() ? std::make_unique<TlsContext>(*tls) : nullptr) {
  // OpenSSL writes to connections that are gone, and has no way to do so quietly.
  if (tls_ != nullptr) std::signal(SIGPIPE, SIG_IGN);
  server_ = std::make_unique<LoopbackServer>(
      threads, [this](int fd, int stop) { Connection(*this, fd, stop).Run(); });
}

TestHttpServer::~TestHttpServer() = default;

std::string TestHttpServer::url() const {
  return absl::StrCat(tls_ != nullptr ? "https://" : "http://", address());
}

std::vector<ServerRequest> TestHttpServer::requests() const {
  MutexLock lock(mu_);
  return requests_;
}

}  // namespace espalier
