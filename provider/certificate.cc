#include "provider/certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>

#include "engine/base/status.h"

namespace espalier::provider {
namespace {

using CertificatePtr = OpenSslPtr<X509, X509_free>;
using ExtensionPtr = OpenSslPtr<X509_EXTENSION, X509_EXTENSION_free>;

// Core may run with a clock a little behind ours.
constexpr long kBackdateSeconds = 30;
// Longer than any run; the key dies with the process.
constexpr long kValidSeconds = 365L * 24 * 3600;

absl::Status Failed(const char* what) {
  return absl::InternalError(absl::StrCat("openssl could not ", what));
}

bool AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSerial(X509* certificate) {
  std::uint64_t serial = 0;
  return RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

bool SetNames(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, const char* value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
                                      reinterpret_cast<const unsigned char*>(value), -1, -1,
                                      0) == 1;
  };
  return add("O", "Espalier") && add("CN", "localhost") &&
         X509_set_issuer_name(certificate, name) == 1;
}

absl::StatusOr<CertificatePtr> MakeCertificate(EVP_PKEY* key) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr) return Failed("make a certificate");
  X509* const raw = certificate.get();
  const bool filled =
      X509_set_version(raw, X509_VERSION_3) == 1 && SetSerial(raw) && SetNames(raw) &&
      X509_gmtime_adj(X509_getm_notBefore(raw), -kBackdateSeconds) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(raw), kValidSeconds) != nullptr &&
      X509_set_pubkey(raw, key) == 1 &&
      AddExtension(raw, NID_basic_constraints, "critical,CA:TRUE") &&
      AddExtension(raw, NID_key_usage,
                   "critical,digitalSignature,keyEncipherment,keyAgreement,keyCertSign") &&
      AddExtension(raw, NID_ext_key_usage, "serverAuth,clientAuth") &&
      AddExtension(raw, NID_subject_alt_name, "DNS:localhost");
  if (!filled) return Failed("fill the certificate");
  if (X509_sign(raw, key, EVP_sha256()) == 0) return Failed("sign the certificate");
  return certificate;
}

// In DER; empty if OpenSSL fails.
std::string Encoded(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return "";
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

absl::StatusOr<ServerIdentity> MakeServerIdentity() {
  ServerIdentity identity;
  identity.key.reset(EVP_EC_gen("P-256"));
  if (identity.key == nullptr) return Failed("make a key");
  ESPALIER_ASSIGN_OR_RETURN(identity.certificate, MakeCertificate(identity.key.get()));
  identity.certificate_der = Encoded(identity.certificate.get());
  if (identity.certificate_der.empty()) return Failed("write the certificate");
  return identity;
}

}  // namespace espalier::provider
