// The handshake of go-plugin: who started us, in which terms we may talk, and the one line on
// standard output that says where we listen. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::provider {

// What core puts into our environment; empty where it is not set.
struct PluginEnvironment {
  std::string magic_cookie;
  // "5,6", in any order.
  std::string protocol_versions;
  // PEM of the certificate with which core will call. Given: TLS is a must.
  std::string client_cert;
  // Set by clients that know a seventh field.
  std::string multiplex;
  // Where the socket goes, if the client cares.
  std::string socket_dir;
  // TMPDIR.
  std::string temp_dir;
};

inline constexpr int kProtocolVersion = 6;

// OK if core started us and speaks our version. FAILED_PRECONDITION with a text for the person who
// started us by hand, or whose core is too old.
absl::Status CheckHandshake(const PluginEnvironment& environment);

// The line, with its newline. `certificate` is the server certificate in DER, or empty without TLS.
std::string HandshakeLine(const PluginEnvironment& environment, absl::string_view network,
                          absl::string_view address, absl::string_view certificate);

// Where to listen: a socket path in the client's, or a temporary, directory, or empty if none is
// short enough for a socket address. `unique` makes it ours.
std::string SocketPath(const PluginEnvironment& environment, absl::string_view unique);

}  // namespace espalier::provider
