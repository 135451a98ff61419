#include "tests/support/drips.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/loopback_server.h"

namespace espalier {

Drips::Drips(Clock& clock, Threads& threads, std::uint16_t port, const std::string& path,
             absl::Duration patience) {
  const std::string post = absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: x\r\n");
  // What is sent at once, and what is sent byte by byte.
  const std::vector<std::pair<std::string, std::string>> drips = {
      {"", absl::StrCat("POST ", path)},
      {post, "X-Drip: aaaaaaaaaa"},
      {absl::StrCat(post, "Content-Length: 1000\r\n\r\n"), "{"},
      {absl::StrCat(post, "Transfer-Encoding: chunked\r\n\r\n"), "1\r\nx\r\n"},
  };
  const absl::Duration until = clock.Elapsed() + patience;
  senders_.reserve(drips.size());
  for (const auto& [start, drip] : drips) {
    senders_.push_back(
        threads.Start("drip", [this, &clock, port, until, start = start, drip = drip] {
          const int fd = ConnectToLoopback(port);
          bool open = SendAll(fd, start);
          for (std::size_t i = 0; open && clock.Elapsed() < until; ++i) {
            open = SendAll(fd, drip.substr(i % drip.size(), 1));
            // What ends the connection is an answer, or its end.
            if (open && WaitReadable(fd, -1, /*timeout_ms=*/50)) open = false;
          }
          if (!open) ++ended_;
          ::close(fd);
        }));
  }
}

void Drips::Join() {
  for (const std::unique_ptr<Thread>& sender : senders_) sender->Join();
}

}  // namespace espalier
