#include "provider/handshake.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace espalier::provider {
namespace {

// The protocol's word for "you are a plugin of Terraform", not a secret.
constexpr char kMagicCookie[] = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
// The shortest sun_path of the systems that we run on, without its NUL.
constexpr std::size_t kSocketPathBytes = 103;

}  // namespace

absl::Status CheckHandshake(const PluginEnvironment& environment) {
  if (environment.magic_cookie != kMagicCookie) {
    return absl::FailedPreconditionError(
        "This is a provider for Terraform and OpenTofu, which start it themselves. Put it where "
        "they "
        "look for providers, and declare:\n\n  terraform {\n    required_providers {\n      "
        "espalier = "
        "{ source = \"espalier/espalier\" }\n    }\n  }");
  }
  // A client that names no versions is older than the negotiation and takes what it gets.
  if (environment.protocol_versions.empty()) return absl::OkStatus();
  const std::vector<std::string> versions = absl::StrSplit(environment.protocol_versions, ',');
  if (std::find(versions.begin(), versions.end(), absl::StrCat(kProtocolVersion)) ==
      versions.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "This provider speaks plugin protocol ", kProtocolVersion, ", but was offered ",
        environment.protocol_versions, ": Terraform 1.0 or later is needed."));
  }
  return absl::OkStatus();
}

std::string HandshakeLine(const PluginEnvironment& environment, absl::string_view network,
                          absl::string_view address, absl::string_view certificate) {
  std::string encoded = absl::Base64Escape(certificate);
  // Go decodes with its unpadded alphabet.
  encoded.erase(std::find(encoded.begin(), encoded.end(), '='), encoded.end());
  std::string line =
      absl::StrCat("1|", kProtocolVersion, "|", network, "|", address, "|grpc|", encoded);
  // Older clients split into six fields only and would take a seventh for part of the certificate.
  if (!environment.multiplex.empty()) line += "|false";
  return line + "\n";
}

std::string SocketPath(const PluginEnvironment& environment, absl::string_view unique) {
  for (const std::string& dir :
       {environment.socket_dir, environment.temp_dir, std::string("/tmp")}) {
    if (dir.empty() || dir.find('|') != std::string::npos) continue;
    std::string path = absl::StrCat(dir, "/espalier-", unique, ".sock");
    if (path.size() <= kSocketPathBytes) return path;
  }
  return "";
}

}  // namespace espalier::provider
