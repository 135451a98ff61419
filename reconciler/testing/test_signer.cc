#include "reconciler/testing/test_signer.h"

#include <openssl/evp.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "reconciler/git/ssh_key.h"
#include "reconciler/git/ssh_wire.h"

namespace espalier {
namespace {

constexpr char kApplication[] = "ssh:";

}  // namespace

struct TestSigner::Impl {
  EVP_PKEY* key = nullptr;
  bool token = false;

  ~Impl() { EVP_PKEY_free(key); }
  std::string type() const { return token ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519"; }
};

TestSigner::TestSigner(char seed, bool token) : impl_(std::make_unique<Impl>()) {
  unsigned char bytes[32];
  std::memset(bytes, seed, sizeof bytes);
  impl_->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes, sizeof bytes);
  impl_->token = token;
  ESPALIER_CHECK(impl_->key != nullptr);
}

TestSigner::~TestSigner() = default;

std::string TestSigner::WireKey() const {
  unsigned char point[32];
  std::size_t size = sizeof point;
  ESPALIER_CHECK(EVP_PKEY_get_raw_public_key(impl_->key, point, &size) == 1);
  std::string key;
  AppendSshText(impl_->type(), key);
  AppendSshText(absl::string_view(reinterpret_cast<const char*>(point), size), key);
  if (impl_->token) AppendSshText(kApplication, key);
  return key;
}

std::string TestSigner::PublicKey() const {
  return absl::StrCat(impl_->type(), " ", absl::Base64Escape(WireKey()), " test");
}

std::string TestSigner::Sign(absl::string_view message, const TestSignature& how) const {
  const std::string hash = how.hash == "sha256" || how.hash == "sha512" ? how.hash : "sha512";
  std::string text = "SSHSIG";
  AppendSshText(how.purpose, text);
  AppendSshText("", text);
  AppendSshText(how.hash, text);
  AppendSshText(*SshHash(hash, message), text);
  std::string state;
  if (impl_->token) {
    state = absl::StrCat(absl::string_view(&how.flags, 1), absl::string_view("\0\0\0\7", 4));
    text = absl::StrCat(*SshHash("sha256", kApplication), state, *SshHash("sha256", text));
  }
  unsigned char bytes[64];
  std::size_t size = sizeof bytes;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ESPALIER_CHECK(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, impl_->key) == 1);
  ESPALIER_CHECK(EVP_DigestSign(context, bytes, &size,
                                reinterpret_cast<const unsigned char*>(text.data()),
                                text.size()) == 1);
  EVP_MD_CTX_free(context);
  std::string inner;
  AppendSshText(how.algorithm.empty() ? impl_->type() : how.algorithm, inner);
  AppendSshText(absl::string_view(reinterpret_cast<const char*>(bytes), size), inner);
  absl::StrAppend(&inner, state);
  std::string blob = "SSHSIG";
  blob.append("\0\0\0\1", 4);
  AppendSshText(WireKey(), blob);
  AppendSshText(how.purpose, blob);
  AppendSshText("", blob);
  AppendSshText(how.hash, blob);
  AppendSshText(inner, blob);
  return SshArmour(blob);
}

std::string SshArmour(absl::string_view bytes) {
  std::string armour = "-----BEGIN SSH SIGNATURE-----\n";
  const std::string base64 = absl::Base64Escape(bytes);
  for (std::size_t i = 0; i < base64.size(); i += 70) {
    absl::StrAppend(&armour, base64.substr(i, 70), "\n");
  }
  return absl::StrCat(armour, "-----END SSH SIGNATURE-----");
}

}  // namespace espalier
