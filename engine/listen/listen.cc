#include "engine/listen/listen.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier {

absl::StatusOr<TlsFiles> LoadTls(Io& io, const std::string& certificate, const std::string& key,
                                 const std::string& client_ca) {
  if (certificate.empty() != key.empty()) {
    return absl::InvalidArgumentError("a TLS certificate and its key come together");
  }
  if (!client_ca.empty() && certificate.empty()) {
    return absl::InvalidArgumentError("a client CA needs a TLS certificate and key");
  }
  TlsFiles files;
  const std::pair<const std::string&, std::string&> wanted[] = {
      {certificate, files.certificate}, {key, files.key}, {client_ca, files.client_ca}};
  for (const auto& [path, text] : wanted) {
    if (path.empty()) continue;
    absl::StatusOr<std::string> read = io.ReadFile(path, limits::kFileBytes);
    if (!read.ok()) return Annotate(read.status(), absl::StrCat("reading ", path));
    if (read->empty()) return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
    text = *std::move(read);
  }
  return files;
}

absl::StatusOr<Address> CheckListen(const std::string& address, bool tls) {
  ESPALIER_ASSIGN_OR_RETURN(Address parsed, ParseAddress(address));
  if (tls || IsLoopback(parsed.host)) return parsed;
  return absl::FailedPreconditionError(
      absl::StrCat("refusing to listen on ", address,
                   " without TLS: give --tls-cert and --tls-key, or a loopback address"));
}

}  // namespace espalier
