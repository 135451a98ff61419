#include "engine/server/testing/test_certificates.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

void OpenSsl(Io& io, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const absl::StatusOr<ProcessResult> result = io.Run({.argv = std::move(arguments)});
  ESPALIER_CHECK(result.ok() && result->exit_code == 0);
}

// A key and a certificate of the authority for `name`.
void Sign(Io& io, const std::string& dir, const std::string& name, const std::string& extensions) {
  const std::string at = absl::StrCat(dir, "/", name);
  ESPALIER_CHECK(io.WriteFile(at + ".ext", extensions, 0600).ok());
  OpenSsl(io, {"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
               at + ".key", "-out", at + ".csr", "-subj", "/CN=" + name});
  OpenSsl(io,
          {"x509", "-req", "-in", at + ".csr", "-CA", dir + "/ca.pem", "-CAkey", dir + "/ca.key",
           "-CAcreateserial", "-days", "2", "-extfile", at + ".ext", "-out", at + ".pem"});
}

}  // namespace

TestCertificates MakeTestCertificates(Io& io, const std::string& dir) {
  OpenSsl(io, {"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-keyout", dir + "/ca.key", "-out", dir + "/ca.pem", "-days", "2", "-subj",
               "/CN=test authority"});
  Sign(io, dir, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  Sign(io, dir, "client", "extendedKeyUsage=clientAuth\n");
  return {.ca = dir + "/ca.pem",
          .server_cert = dir + "/server.pem",
          .server_key = dir + "/server.key",
          .client_cert = dir + "/client.pem",
          .client_key = dir + "/client.key"};
}

}  // namespace espalier
