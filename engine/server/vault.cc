#include "engine/server/vault.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/aead.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/server/auth/access.h"
#include "espalier/v1/records.pb.h"

namespace espalier {
namespace {

constexpr char kPrefix[] = "s/";
constexpr char kPrefixEnd[] = "s0";
// Half a SHA-256: nobody finds two of the same.
constexpr std::size_t kSealDigits = 32;
constexpr std::size_t kKeyIdDigits = 8;
constexpr std::size_t kKeyFileBytes = 4096;

std::string Derived(const std::string& key, absl::string_view purpose) {
  return absl::HexStringToBytes(HmacSha256Hex(key, purpose));
}

// Where a value was given: neither a name nor a path holds a zero.
std::string PlaceOf(absl::string_view ref, absl::string_view path) {
  return absl::StrCat(ref, absl::string_view("\0", 1), path);
}

bool IsHex(absl::string_view text, std::size_t digits) {
  if (text.size() != digits) return false;
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

absl::StatusOr<std::string> KeyIn(const std::string& text, const std::string& file) {
  absl::string_view digits = text;
  absl::ConsumeSuffix(&digits, "\n");
  if (!IsHex(digits, 2 * kAeadKeyBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, " holds no key: ", 2 * kAeadKeyBytes, " hex digits"));
  }
  return absl::HexStringToBytes(digits);
}

absl::StatusOr<bool> KeepsAny(const Store& store) {
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store.Range(kPrefix, kPrefixEnd, 1));
  return !range.items.empty();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(Io& io, Log& log, Store& store,
                                                   const std::string& key_file, bool forget) {
  absl::StatusOr<std::string> text = io.ReadFile(key_file, kKeyFileBytes);
  if (absl::IsNotFound(text.status())) {
    ESPALIER_ASSIGN_OR_RETURN(const bool keeps, KeepsAny(store));
    if (keeps && !forget) {
      return absl::FailedPreconditionError(
          absl::StrCat("the database keeps secrets, and ", key_file,
                       ", the key to them, is missing: bring it back from where the database came "
                       "from, or start "
                       "with --forget-secrets and give the values again"));
    }
    text = absl::StrCat(SecureToken(), "\n");
    ESPALIER_RETURN_IF_ERROR(
        Annotate(io.WriteFile(key_file, *text, 0600), "writing the key of secrets"));
  }
  if (!text.ok()) return Annotate(text.status(), "reading the key of secrets");
  ESPALIER_ASSIGN_OR_RETURN(std::string key, KeyIn(*text, key_file));
  std::unique_ptr<Vault> vault(new Vault(log, store, std::move(key)));
  if (!forget) ESPALIER_RETURN_IF_ERROR(vault->CheckKey(key_file));
  return vault;
}

Vault::Vault(Log& log, Store& store, std::string key)
    : log_(log),
      store_(store),
      encryption_key_(Derived(key, "espalier encryption 1")),
      sealing_key_(Derived(key, "espalier seal 1")),
      key_id_(HmacSha256Hex(key, "espalier key id 1").substr(0, kKeyIdDigits)) {}

absl::Status Vault::CheckKey(const std::string& key_file) const {
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store_.Range(kPrefix, kPrefixEnd, 1));
  v1::SecretRecord record;
  if (range.items.empty() || !record.ParseFromString(range.items[0].value) ||
      record.key() == key_id_) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the database keeps secrets under key ", record.key(), ", and ", key_file,
                   " holds key ", key_id_,
                   ": bring back the one from where the database came from, or start with "
                   "--forget-secrets and give the values again"));
}

std::string Vault::SealOf(const Ref& ref, const std::string& path, const std::string& value) const {
  // The digest has one length, so that no end of a place can be taken for the beginning of a value.
  return HmacSha256Hex(sealing_key_, absl::StrCat(Sha256Hex(PlaceOf(ToString(ref), path)), value))
      .substr(0, kSealDigits);
}

StoreOp Vault::Keep(const Ref& ref, const std::string& path, const std::string& value) const {
  v1::SecretRecord record;
  *record.mutable_ref() = ToProto(ref);
  record.set_path(path);
  record.set_encrypted(Encrypt(encryption_key_, value, PlaceOf(ToString(ref), path)));
  record.set_key(key_id_);
  return {.type = StoreOp::Type::kPut,
          .key = absl::StrCat(kPrefix, SealOf(ref, path, value)),
          .value = record.SerializeAsString()};
}

StoreOp Vault::Forget(const std::string& sealed) {
  return {.type = StoreOp::Type::kDelete, .key = absl::StrCat(kPrefix, sealed), .value = ""};
}

absl::Status Vault::ForgetAll() {
  for (;;) {
    ESPALIER_ASSIGN_OR_RETURN(const RangeResult range,
                              store_.Range(kPrefix, kPrefixEnd, limits::kTransactionOps));
    if (range.items.empty()) return absl::OkStatus();
    Transaction transaction;
    for (const KeyValue& item : range.items) {
      transaction.ops.push_back({StoreOp::Type::kDelete, item.key, ""});
    }
    ESPALIER_RETURN_IF_ERROR(Annotate(store_.Commit(transaction).status(), "forgetting secrets"));
  }
}

absl::StatusOr<std::string> Vault::Reveal(const CallContext& context, const std::string& sealed) {
  ESPALIER_RETURN_IF_ERROR(access::MayAskForSecrets(context.caller));
  const absl::Status nothing = absl::NotFoundError(
      "the engine keeps no value under this seal any more: it has to be given again");
  if (!IsHex(sealed, kSealDigits)) return nothing;
  const absl::StatusOr<KeyValue> stored = store_.Get(absl::StrCat(kPrefix, sealed));
  if (absl::IsNotFound(stored.status())) return nothing;
  if (!stored.ok()) return stored.status();
  v1::SecretRecord record;
  const bool readable = record.ParseFromString(stored->value);
  const absl::StatusOr<Ref> ref = FromProto(record.ref());
  if (!readable || !ref.ok()) return absl::DataLossError("a kept secret cannot be read");
  ESPALIER_RETURN_IF_ERROR(access::MayReveal(context.caller, *ref));
  if (record.key() != key_id_) {
    return absl::FailedPreconditionError(absl::StrCat("the secret is kept under key ", record.key(),
                                                      "; this engine has key ", key_id_));
  }
  absl::StatusOr<std::string> value =
      Decrypt(encryption_key_, record.encrypted(), PlaceOf(ToString(*ref), record.path()));
  if (!value.ok()) return Annotate(value.status(), "opening a kept secret");
  log_.Info("secret told", {{telemetry::kActor, context.caller.subject},
                            {telemetry::kRef, ToString(*ref)},
                            {telemetry::kPath, record.path()}});
  return value;
}

}  // namespace espalier
