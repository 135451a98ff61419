#include "engine/base/aead.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "engine/base/check.h"

namespace espalier {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
int Size(absl::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

std::string Encrypt(absl::string_view key, absl::string_view plain, absl::string_view context) {
  ESPALIER_CHECK(key.size() == kAeadKeyBytes);
  std::string nonce(kNonceBytes, '\0');
  ESPALIER_CHECK(RAND_bytes(Bytes(nonce), Size(nonce)) == 1);
  const Cipher cipher(EVP_CIPHER_CTX_new());
  ESPALIER_CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Bytes(key),
                                    Bytes(absl::string_view(nonce))) == 1);
  int size = 0;
  ESPALIER_CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &size, Bytes(context), Size(context)) ==
                 1);
  std::string hidden(plain.size(), '\0');
  ESPALIER_CHECK(EVP_EncryptUpdate(cipher.get(), Bytes(hidden), &size, Bytes(plain), Size(plain)) ==
                 1);
  // The mode has no last block; what this adds is nothing but the end of the tag's sum.
  unsigned char rest[kTagBytes];
  ESPALIER_CHECK(EVP_EncryptFinal_ex(cipher.get(), rest, &size) == 1);
  ESPALIER_CHECK(size == 0);
  std::string tag(kTagBytes, '\0');
  ESPALIER_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, Size(tag), Bytes(tag)) ==
                 1);
  return nonce + hidden + tag;
}

absl::StatusOr<std::string> Decrypt(absl::string_view key, absl::string_view encrypted,
                                    absl::string_view context) {
  ESPALIER_CHECK(key.size() == kAeadKeyBytes);
  const absl::Status damaged =
      absl::DataLossError("what was encrypted cannot be opened: other bytes or another key");
  if (encrypted.size() < kNonceBytes + kTagBytes) return damaged;
  const absl::string_view nonce = encrypted.substr(0, kNonceBytes);
  std::string tag(encrypted.substr(encrypted.size() - kTagBytes));
  const absl::string_view hidden =
      encrypted.substr(kNonceBytes, encrypted.size() - kNonceBytes - kTagBytes);
  const Cipher cipher(EVP_CIPHER_CTX_new());
  ESPALIER_CHECK(
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) == 1);
  int size = 0;
  ESPALIER_CHECK(EVP_DecryptUpdate(cipher.get(), nullptr, &size, Bytes(context), Size(context)) ==
                 1);
  std::string plain(hidden.size(), '\0');
  ESPALIER_CHECK(
      EVP_DecryptUpdate(cipher.get(), Bytes(plain), &size, Bytes(hidden), Size(hidden)) == 1);
  ESPALIER_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, Size(tag), Bytes(tag)) ==
                 1);
  unsigned char rest[kTagBytes];
  if (EVP_DecryptFinal_ex(cipher.get(), rest, &size) != 1) return damaged;
  return plain;
}

}  // namespace espalier
