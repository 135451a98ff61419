// What every server needs to listen: where, and with which certificates. Pure, but for LoadTls.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/address.h"
#include "engine/base/io.h"

namespace espalier {

// The texts of PEM files. All empty: no TLS.
struct TlsFiles {
  std::string certificate;
  std::string key;
  // Given: clients must show a certificate that this authority signed.
  std::string client_ca;

  bool enabled() const { return !certificate.empty(); }
};

// Reads the files; empty paths stay empty. INVALID_ARGUMENT if a certificate comes without its key
// or the other way round, or client_ca without both; NOT_FOUND.
absl::StatusOr<TlsFiles> LoadTls(Io& io, const std::string& certificate, const std::string& key,
                                 const std::string& client_ca);

// The address to listen on. FAILED_PRECONDITION beyond loopback without TLS: tokens would travel in
// the clear.
absl::StatusOr<Address> CheckListen(const std::string& address, bool tls);

}  // namespace espalier
