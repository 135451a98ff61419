#include "tests/support/proxy_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace espalier {
namespace {

// -1 if nobody listens there. Names are those of this machine.
int Connect(const std::string& host, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

// Moves what is there; false at the end.
bool Move(int from, int to, std::int64_t& moved) {
  char bytes[4096];
  const ssize_t got = recv(from, bytes, sizeof(bytes), 0);
  if (got <= 0) return false;
  moved += got;
  return SendAll(to, absl::string_view(bytes, got));
}

}  // namespace

ProxyServer::ProxyServer(Threads& threads, ProxyServerOptions options)
    : options_(std::move(options)) {
  server_ =
      std::make_unique<LoopbackServer>(threads, [this](int fd, int stop) { Serve(fd, stop); });
}

std::vector<std::string> ProxyServer::tunnels() const {
  MutexLock lock(mu_);
  return tunnels_;
}

std::string ProxyServer::heard() const {
  MutexLock lock(mu_);
  return heard_;
}

std::string ProxyServer::Hear(int fd, int stop, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size && WaitReadable(fd, stop)) {
    char byte = 0;
    if (recv(fd, &byte, 1, 0) != 1) break;
    bytes.push_back(byte);
  }
  MutexLock lock(mu_);
  heard_ += bytes;
  return bytes;
}

void ProxyServer::Serve(int fd, int stop) {
  if (!WaitReadable(fd, stop)) return;
  char first = 0;
  if (recv(fd, &first, 1, MSG_PEEK) != 1) return;
  if (first == 5) {
    ServeSocks(fd, stop);
  } else {
    ServeConnect(fd, stop);
  }
}

void ProxyServer::ServeConnect(int fd, int stop) {
  while (true) {
    std::string request;
    while (!absl::EndsWith(request, "\r\n\r\n")) {
      const std::string byte = Hear(fd, stop, 1);
      if (byte.empty()) return;
      request += byte;
    }
    const std::string expected = absl::StrCat(
        "Proxy-Authorization: Basic ",
        absl::Base64Escape(absl::StrCat(options_.username, ":", options_.password)), "\r\n");
    if (!options_.username.empty() && !absl::StrContains(request, expected)) {
      SendAll(fd,
              "HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\n"
              "Content-Length: 0\r\n\r\n");
      continue;
    }
    const std::vector<std::string> words = absl::StrSplit(request, ' ');
    const std::vector<std::string> target = absl::StrSplit(words[1], ':');
    int port = 0;
    if (words[0] != "CONNECT" || target.size() != 2 || !absl::SimpleAtoi(target[1], &port)) {
      SendAll(fd, "HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    return Tunnel("connect ", target[0], port, "HTTP/1.1 200 X\r\n\r\n", fd, stop);
  }
}

// RFC 1928 and 1929, with names and IPv4 addresses.
void ProxyServer::ServeSocks(int fd, int stop) {
  const std::string greeting = Hear(fd, stop, 2);
  if (greeting.size() != 2) return;
  const std::string methods = Hear(fd, stop, static_cast<unsigned char>(greeting[1]));
  const char method = options_.username.empty() ? 0 : 2;
  if (!absl::StrContains(methods, std::string(1, method))) {
    SendAll(fd, "\x05\xff");
    return;
  }
  SendAll(fd, std::string({5, method}));
  const auto hear_text = [&] {
    const std::string size = Hear(fd, stop, 1);
    return size.empty() ? "" : Hear(fd, stop, static_cast<unsigned char>(size[0]));
  };
  if (method == 2) {
    Hear(fd, stop, 1);
    const std::string username = hear_text();
    const std::string password = hear_text();
    const bool known = username == options_.username && password == options_.password;
    SendAll(fd, std::string({1, static_cast<char>(known ? 0 : 1)}));
    if (!known) return;
  }
  const std::string request = Hear(fd, stop, 4);
  if (request.size() != 4 || request[1] != 1) return;
  std::string host;
  if (request[3] == 3) {
    host = hear_text();
  } else {
    const std::string ip = Hear(fd, stop, 4);
    if (ip.size() != 4) return;
    char text[INET_ADDRSTRLEN];
    host = inet_ntop(AF_INET, ip.data(), text, sizeof(text));
  }
  const std::string port = Hear(fd, stop, 2);
  if (port.size() != 2) return;
  Tunnel("socks ", host,
         static_cast<unsigned char>(port[0]) * 256 + static_cast<unsigned char>(port[1]),
         absl::string_view("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10), fd, stop);
}

void ProxyServer::Tunnel(absl::string_view how, const std::string& host, int port,
                         absl::string_view agreed, int fd, int stop) {
  {
    MutexLock lock(mu_);
    tunnels_.push_back(absl::StrCat(how, host, ":", port));
  }
  const int server = Connect(host, port);
  if (server < 0) return;
  std::int64_t from_client = 0;
  std::int64_t from_server = 0;
  bool open = SendAll(fd, agreed);
  while (open && (options_.cut_after < 0 || from_server < options_.cut_after)) {
    pollfd polled[3] = {{fd, POLLIN, 0}, {server, POLLIN, 0}, {stop, POLLIN, 0}};
    if (poll(polled, 3, -1) < 0 || polled[2].revents != 0) break;
    if (polled[0].revents != 0) open = Move(fd, server, from_client);
    if (open && polled[1].revents != 0) open = Move(server, fd, from_server);
  }
  close(server);
}

}  // namespace espalier
