// DockerRegistry: a real registry (Debian's docker-registry) on a free loopback port, with its
// content in a directory of the test. Ends with its owner. One thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"

namespace espalier {

class DockerRegistry {
 public:
  // Starts it and waits until it answers. NOT_FOUND where it is not installed. Borrows both.
  static absl::StatusOr<std::unique_ptr<DockerRegistry>> Start(Clock& clock, Io& io,
                                                               const std::string& dir);
  ~DockerRegistry();

  // "127.0.0.1:port".
  const std::string& address() const { return address_; }
  const std::string& log_file() const { return log_file_; }

 private:
  DockerRegistry(Clock& clock, Io& io) : clock_(clock), io_(io) {}

  Clock& clock_;
  Io& io_;
  pid_t pid_ = 0;
  std::string address_;
  std::string log_file_;
};

// A TCP port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one.
int FreePort();

}  // namespace espalier
