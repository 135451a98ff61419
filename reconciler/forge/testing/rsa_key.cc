#include "reconciler/forge/testing/rsa_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "engine/base/check.h"

namespace espalier {
namespace {

std::string Drain(BIO* bytes) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bytes, &data);
  std::string text(data, size);
  BIO_free(bytes);
  return text;
}

RsaKey MakeRsaKey() {
  EVP_PKEY* const key = EVP_RSA_gen(2048);
  ESPALIER_CHECK(key != nullptr);
  BIO* const secret = BIO_new(BIO_s_mem());
  BIO* const open = BIO_new(BIO_s_mem());
  ESPALIER_CHECK(PEM_write_bio_PrivateKey(secret, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  ESPALIER_CHECK(PEM_write_bio_PUBKEY(open, key) == 1);
  EVP_PKEY_free(key);
  return {Drain(secret), Drain(open)};
}

}  // namespace

const RsaKey& TestRsaKey() {
  static const auto& key = *new RsaKey(MakeRsaKey());
  return key;
}

bool IsSignedBy(const std::string& public_key, absl::string_view text,
                absl::string_view signature) {
  BIO* const bytes = BIO_new_mem_buf(public_key.data(), static_cast<int>(public_key.size()));
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(bytes, nullptr, nullptr, nullptr);
  BIO_free(bytes);
  if (key == nullptr) return false;
  EVP_MD_CTX* const digest = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(digest, nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(digest, reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) == 1;
  EVP_MD_CTX_free(digest);
  EVP_PKEY_free(key);
  return good;
}

}  // namespace espalier
