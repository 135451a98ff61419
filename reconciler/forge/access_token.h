// AccessToken: what proves to a forge, and to git over https, who we are. It may change from one
// call to the next: secrets are rotated, and Apps make short ones.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace espalier {

// Thread-safe.
class AccessToken {
 public:
  virtual ~AccessToken() = default;
  // The token to use now. May block on a request.
  virtual absl::StatusOr<std::string> Get() = 0;
  // The forge did not take `token`: it is not given again if there can be another.
  virtual void Refused(const std::string& token) {}
};

// One that is read anew for each request, so that a file may be exchanged under it.
class SecretToken final : public AccessToken {
 public:
  using Read = std::function<absl::StatusOr<std::string>()>;
  explicit SecretToken(Read read) : read_(std::move(read)) {}
  absl::StatusOr<std::string> Get() override { return read_(); }

 private:
  const Read read_;
};

}  // namespace espalier
