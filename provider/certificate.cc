#include "provider/certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>

#include "engine/base/status.h"

namespace espalier::provider {
namespace {

template <auto free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

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

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

absl::StatusOr<ServerIdentity> MakeServerIdentity() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  ESPALIER_ASSIGN_OR_RETURN(const CertificatePtr certificate, MakeCertificate(key.get()));
  const BioPtr key_pem(BIO_new(BIO_s_mem()));
  const BioPtr certificate_pem(BIO_new(BIO_s_mem()));
  const BioPtr certificate_der(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1 ||
      i2d_X509_bio(certificate_der.get(), certificate.get()) != 1) {
    return Failed("write key and certificate");
  }
  return ServerIdentity{Content(key_pem.get()), Content(certificate_pem.get()),
                        Content(certificate_der.get())};
}

}  // namespace espalier::provider
