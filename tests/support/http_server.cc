#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

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

// One client's connection, on its own thread.
class HttpServer::Connection {
 public:
  Connection(HttpServer& server, int fd) : server_(server), fd_(fd) {}

  void Run() {
    while (std::optional<ServerRequest> request = Read()) {
      {
        MutexLock lock(server_.mu_);
        server_.requests_.push_back(*request);
      }
      if (!Answer(*request, server_.handler_(*request))) return;
    }
  }

 private:
  // Waits for bytes; false when there will be none.
  bool Receive() {
    pollfd polled[2] = {{fd_, POLLIN, 0}, {server_.stop_read_, POLLIN, 0}};
    if (poll(polled, 2, -1) < 0 || polled[1].revents != 0) return false;
    char bytes[65536];
    const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
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
    while (!bytes.empty()) {
      const ssize_t put = send(fd_, bytes.data(), bytes.size(), kSendFlags);
      if (put <= 0) return false;
      bytes.remove_prefix(put);
    }
    return true;
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
      pollfd polled[2] = {{fd_, POLLIN, 0}, {server_.stop_read_, POLLIN, 0}};
      poll(polled, 2, -1);
      return false;
    }
    return Send(answer.body);
  }

  HttpServer& server_;
  const int fd_;
  std::string input_;
};

HttpServer::HttpServer(Threads& threads, Handler handler)
    : threads_(threads), handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  ESPALIER_CHECK(listener_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ESPALIER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  ESPALIER_CHECK(listen(listener_, 64) == 0);
  ESPALIER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  int ends[2];
  ESPALIER_CHECK(pipe(ends) == 0);
  stop_read_ = ends[0];
  stop_write_ = ends[1];
  acceptor_ = threads_.Start("http-accept", [this] { AcceptAll(); });
}

HttpServer::~HttpServer() {
  // The end of the pipe is seen by every thread, and stays.
  close(stop_write_);
  acceptor_->Join();
  std::vector<std::unique_ptr<Thread>> servers;
  {
    MutexLock lock(mu_);
    servers.swap(servers_);
  }
  for (const std::unique_ptr<Thread>& server : servers) server->Join();
  close(stop_read_);
  close(listener_);
}

std::string HttpServer::address() const { return absl::StrCat("127.0.0.1:", port_); }
std::string HttpServer::url() const { return absl::StrCat("http://", address()); }

std::vector<ServerRequest> HttpServer::requests() const {
  MutexLock lock(mu_);
  return requests_;
}

int HttpServer::connections() const {
  MutexLock lock(mu_);
  return static_cast<int>(servers_.size());
}

void HttpServer::AcceptAll() {
  while (true) {
    pollfd polled[2] = {{listener_, POLLIN, 0}, {stop_read_, POLLIN, 0}};
    if (poll(polled, 2, -1) < 0 || polled[1].revents != 0) return;
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    std::unique_ptr<Thread> thread = threads_.Start("http-serve", [this, fd] { Serve(fd); });
    MutexLock lock(mu_);
    servers_.push_back(std::move(thread));
  }
}

void HttpServer::Serve(int fd) {
  Connection(*this, fd).Run();
  close(fd);
}

}  // namespace espalier
