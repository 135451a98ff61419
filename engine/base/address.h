// Address: "host:port" taken apart, and whether it stays on this machine. What may be sent without
// TLS depends on that. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

struct Address {
  // Without the brackets of IPv6.
  std::string host;
  std::uint16_t port = 0;

  // "127.0.0.1:80", "[::1]:80".
  std::string ToString() const;
};

// INVALID_ARGUMENT naming what is wrong; the host may not be empty and IPv6 stands in brackets.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// 127.0.0.0/8, ::1 and "localhost". No other name: what it resolves to may change.
bool IsLoopback(absl::string_view host);

}  // namespace espalier
