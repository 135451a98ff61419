// TestCertificates: an authority and what it signed, made by openssl in a test's own directory. Any
// thread.
#pragma once

#include <string>

#include "engine/base/io.h"

namespace espalier {

struct TestCertificates {
  // Paths of PEM files. The server's certificate is for 127.0.0.1 and localhost.
  std::string ca;
  std::string server_cert;
  std::string server_key;
  std::string client_cert;
  std::string client_key;
};

// Makes them in `dir`. Aborts the test program if openssl is missing.
TestCertificates MakeTestCertificates(Io& io, const std::string& dir);

}  // namespace espalier
