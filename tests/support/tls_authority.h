// TlsAuthority: a certificate authority of a test's own, with certificates that are right or wrong
// in one way. Makes keys as fast as they come (P-256). For tests; any thread.
#pragma once

#include <memory>
#include <string>

namespace espalier {

// In PEM.
struct TlsIdentity {
  std::string certificate;
  std::string key;
};

struct TlsCertificateOptions {
  // As OpenSSL writes alternative names: "IP:127.0.0.1", "DNS:forge.example".
  std::string names = "IP:127.0.0.1,DNS:localhost";
  // Its last second was before now.
  bool expired = false;
};

class TlsAuthority {
 public:
  TlsAuthority();
  ~TlsAuthority();

  // The authority's own certificate, in PEM.
  const std::string& certificate() const;
  TlsIdentity Issue(const TlsCertificateOptions& options = {}) const;
  // Signed by its own key.
  static TlsIdentity SelfSigned();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
