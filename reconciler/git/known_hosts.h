// KnownHosts: by which keys a host is known, as OpenSSH's known_hosts files say it. It is read
// here, and not only by OpenSSH, so that ssh is never started towards a host that has no key in it,
// and is given nothing but the keys of that host: no patterns, and none of OpenSSH's ways to widen
// a match. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

class KnownHosts {
 public:
  // Lines "[@marker] names key-type key [comment]". Names are patterns between commas, with "*",
  // "?", "!" and "[host]:port", or one hashed name ("|1|salt|hash"). INVALID_ARGUMENT naming the
  // first line that is none, or that there is no line.
  static absl::StatusOr<KnownHosts> Parse(absl::string_view text);

  // What is known of one host.
  struct Host {
    // Lines of a known_hosts file that name this host, and revoked keys, alone.
    std::string lines;
    // Algorithms of host keys that may be agreed upon, the best first: for OpenSSH's
    // HostKeyAlgorithms.
    std::vector<std::string> algorithms;
  };
  // FAILED_PRECONDITION: it has no key here that is not revoked. A port other than 22 is part of
  // the name: "[host]:port".
  absl::StatusOr<Host> Find(absl::string_view host, std::uint16_t port) const;

 private:
  enum class Marker { kNone, kAuthority, kRevoked };
  struct Line {
    Marker marker = Marker::kNone;
    std::string names;
    std::string type;
    std::string key;
  };

  static absl::StatusOr<Line> ParseLine(absl::string_view text);

  std::vector<Line> lines_;
};

}  // namespace espalier
