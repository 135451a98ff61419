#include "tests/support/tls_authority.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"

namespace espalier {
namespace {

constexpr long kDaySeconds = 24L * 60 * 60;

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* handle) const { Free(handle); }
};
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

Key MakeKey() {
  Key key(EVP_EC_gen("P-256"));
  ESPALIER_CHECK(key != nullptr);
  return key;
}

template <typename Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, Freed<BIO, BIO_free_all>> memory(BIO_new(BIO_s_mem()));
  ESPALIER_CHECK(write(memory.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, size);
}

std::string ToPem(X509* certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string ToPem(EVP_PKEY* key) {
  return ToPem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void Extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  ESPALIER_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// Two authorities of one name would be told apart by their signatures alone, with another error.
std::string NameOf(EVP_PKEY* key) {
  return absl::StrCat("Test ", Sha256Hex(ToPem(key)).substr(0, 16));
}

struct Subject {
  std::string name;
  int serial;
  bool is_authority;
  TlsCertificateOptions options;
};

// `issuer` null: signed by `key` itself.
Certificate Sign(const Subject& subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), subject.serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * kDaySeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                  subject.options.expired ? -kDaySeconds : kDaySeconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.name.c_str()), -1, -1,
                             0);
  X509* const signer = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  if (subject.is_authority) {
    Extend(certificate.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
    Extend(certificate.get(), signer, NID_key_usage, "critical,keyCertSign");
  } else {
    Extend(certificate.get(), signer, NID_subject_alt_name, subject.options.names);
  }
  ESPALIER_CHECK(
      X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key : key, EVP_sha256()) > 0);
  return certificate;
}

}  // namespace

struct TlsAuthority::Impl {
  Key key = MakeKey();
  Certificate certificate = Sign({NameOf(key.get()), 1, true, {}}, key.get(), nullptr, nullptr);
  std::string pem = ToPem(certificate.get());
};

TlsAuthority::TlsAuthority() : impl_(std::make_unique<Impl>()) {}
TlsAuthority::~TlsAuthority() = default;

const std::string& TlsAuthority::certificate() const { return impl_->pem; }

TlsIdentity TlsAuthority::Issue(const TlsCertificateOptions& options) const {
  const Key key = MakeKey();
  const Certificate certificate =
      Sign({"Test", 2, false, options}, key.get(), impl_->certificate.get(), impl_->key.get());
  return {.certificate = ToPem(certificate.get()), .key = ToPem(key.get())};
}

TlsIdentity TlsAuthority::SelfSigned() {
  const Key key = MakeKey();
  const Certificate certificate = Sign({"Test", 3, false, {}}, key.get(), nullptr, nullptr);
  return {.certificate = ToPem(certificate.get()), .key = ToPem(key.get())};
}

}  // namespace espalier
