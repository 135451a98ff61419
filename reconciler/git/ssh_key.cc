#include "reconciler/git/ssh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "reconciler/git/ssh_wire.h"

namespace espalier {
namespace {

template <typename T, void (*Free)(T*)>
struct OpensslFree {
  void operator()(T* handle) const { Free(handle); }
};
template <typename T, void (*Free)(T*)>
using OpensslHandle = std::unique_ptr<T, OpensslFree<T, Free>>;

using Key = OpensslHandle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = OpensslHandle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = OpensslHandle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Params = OpensslHandle<OSSL_PARAM, OSSL_PARAM_free>;
using ParamsBuilder = OpensslHandle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Number = OpensslHandle<BIGNUM, BN_free>;
using EcdsaPair = OpensslHandle<ECDSA_SIG, ECDSA_SIG_free>;

constexpr std::size_t kEd25519Bytes = 32;
constexpr int kRsaBits = 2048;
// Verification takes the square of it; ssh-keygen makes no larger ones.
constexpr int kMostRsaBits = 16384;
constexpr std::size_t kRsaExponentBytes = 8;
// The holder touched the token.
constexpr std::uint8_t kUserPresent = 0x01;

enum class Family { kEd25519, kEcdsa, kRsa };

// A kind of key, with everything that differs between them.
struct KeyType {
  const char* name;
  Family family;
  // In a token.
  bool sk = false;
  // Ecdsa: its curve as ssh and as OpenSSL name it, and the hash that goes with it.
  const char* curve = "";
  const char* group = "";
  const EVP_MD* (*digest)() = nullptr;
};

constexpr std::array<KeyType, 7> kKeyTypes = {{
    {"ssh-ed25519", Family::kEd25519},
    {"sk-ssh-ed25519@openssh.com", Family::kEd25519, true},
    {"ecdsa-sha2-nistp256", Family::kEcdsa, false, "nistp256", "P-256", EVP_sha256},
    {"ecdsa-sha2-nistp384", Family::kEcdsa, false, "nistp384", "P-384", EVP_sha384},
    {"ecdsa-sha2-nistp521", Family::kEcdsa, false, "nistp521", "P-521", EVP_sha512},
    {"sk-ecdsa-sha2-nistp256@openssh.com", Family::kEcdsa, true, "nistp256", "P-256", EVP_sha256},
    {"ssh-rsa", Family::kRsa},
}};

// A public key that was read.
struct PublicKey {
  const KeyType* type = nullptr;
  Key key;
  // Sk: what the token made the key for, which is part of what it signs.
  std::string application;
};

const unsigned char* BytesOf(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number NumberOf(absl::string_view digits) {
  return Number(BN_bin2bn(BytesOf(digits), static_cast<int>(digits.size()), nullptr));
}

Key FromParams(const char* algorithm, const Params& params) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* raw = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Key(raw);
}

Key EcdsaKey(const KeyType& type, SshReader& reader) {
  const absl::string_view curve = reader.Text();
  const absl::string_view point = reader.Text();
  // Uncompressed points only, as ssh writes them.
  if (!reader.ok() || curve != type.curve || point.empty() || point.front() != '\4') return nullptr;
  // A point beside the curve is refused where the key is made of it.
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, type.group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  return FromParams("EC", Params(OSSL_PARAM_BLD_to_param(builder.get())));
}

Key RsaKey(SshReader& reader) {
  const absl::string_view exponent = reader.Positive();
  const absl::string_view modulus = reader.Positive();
  if (!reader.ok() || exponent.size() > kRsaExponentBytes || modulus.size() > kMostRsaBits / 8) {
    return nullptr;
  }
  const Number e = NumberOf(exponent);
  const Number n = NumberOf(modulus);
  if (BN_num_bits(n.get()) < kRsaBits) return nullptr;
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  return FromParams("RSA", Params(OSSL_PARAM_BLD_to_param(builder.get())));
}

absl::StatusOr<PublicKey> ReadKey(absl::string_view bytes) {
  SshReader reader(bytes);
  const absl::string_view name = reader.Text();
  PublicKey key;
  for (const KeyType& type : kKeyTypes) {
    if (name == type.name) key.type = &type;
  }
  if (key.type == nullptr) {
    return absl::InvalidArgumentError("the key is of a type that does not count; ssh-ed25519 does");
  }
  switch (key.type->family) {
    case Family::kEd25519: {
      const absl::string_view point = reader.Text();
      if (point.size() == kEd25519Bytes) {
        key.key.reset(
            EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, BytesOf(point), point.size()));
      }
      break;
    }
    case Family::kEcdsa:
      key.key = EcdsaKey(*key.type, reader);
      break;
    case Family::kRsa:
      key.key = RsaKey(reader);
      break;
  }
  if (key.type->sk) key.application = std::string(reader.Text());
  if (key.key == nullptr || !reader.AtEnd()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a key of type ", name,
                     key.type->family == Family::kRsa ? " with 2048 bits or more" : ""));
  }
  return key;
}

// The signature as OpenSSL takes it, and the hash to check it with; false if it is none.
bool ForOpenssl(const KeyType& type, const SshSignature& signature, std::string& bytes,
                const EVP_MD*& digest) {
  switch (type.family) {
    case Family::kEd25519:
      bytes = signature.bytes;
      digest = nullptr;  // part of the algorithm
      return signature.algorithm == type.name && bytes.size() == 2 * kEd25519Bytes;
    case Family::kRsa:
      bytes = signature.bytes;
      digest = signature.algorithm == "rsa-sha2-512" ? EVP_sha512() : EVP_sha256();
      // Not "ssh-rsa", which is SHA-1.
      return signature.algorithm == "rsa-sha2-512" || signature.algorithm == "rsa-sha2-256";
    case Family::kEcdsa:
      break;
  }
  if (signature.algorithm != type.name) return false;
  digest = type.digest();
  SshReader reader(signature.bytes);
  Number r = NumberOf(reader.Positive());
  Number s = NumberOf(reader.Positive());
  const EcdsaPair pair(ECDSA_SIG_new());
  if (!reader.AtEnd() || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return false;
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return false;
  bytes.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return true;
}

}  // namespace

absl::Status CheckSshKey(absl::string_view public_key) { return ReadKey(public_key).status(); }

absl::StatusOr<std::string> SshHash(absl::string_view name, absl::string_view message) {
  if (name != "sha256" && name != "sha512") {
    return absl::PermissionDeniedError("its signature uses a hash that does not count");
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(message.data(), message.size(), digest.data(), &size,
                 name == "sha256" ? EVP_sha256() : EVP_sha512(), nullptr) != 1) {
    return absl::InternalError("hashing failed");
  }
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

absl::Status VerifyWithSshKey(const SshSignature& signature, absl::string_view text) {
  const absl::StatusOr<PublicKey> key = ReadKey(signature.public_key);
  if (!key.ok()) return absl::PermissionDeniedError(key.status().message());
  std::string signed_text(text);
  if (key->type->sk) {
    if ((signature.flags & kUserPresent) == 0) {
      return absl::PermissionDeniedError("nobody touched the token that signed it");
    }
    // A token signs hashes, with its own state between them.
    ESPALIER_ASSIGN_OR_RETURN(signed_text, SshHash("sha256", key->application));
    signed_text.push_back(static_cast<char>(signature.flags));
    for (const int shift : {24, 16, 8, 0}) {
      signed_text.push_back(static_cast<char>(signature.counter >> shift));
    }
    ESPALIER_ASSIGN_OR_RETURN(const std::string hash, SshHash("sha256", text));
    signed_text += hash;
  }
  std::string bytes;
  const EVP_MD* digest = nullptr;
  const absl::Status wrong = absl::PermissionDeniedError("its signature is not one of this commit");
  if (!ForOpenssl(*key->type, signature, bytes, digest)) return wrong;
  const DigestContext context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key->key.get()) != 1) {
    return absl::InternalError("checking a signature failed");
  }
  const int verdict = EVP_DigestVerify(context.get(), BytesOf(bytes), bytes.size(),
                                       BytesOf(signed_text), signed_text.size());
  return verdict == 1 ? absl::OkStatus() : wrong;
}

}  // namespace espalier
