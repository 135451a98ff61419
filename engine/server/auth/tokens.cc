#include "engine/server/auth/tokens.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/model/writer.h"
#include "engine/server/auth/access.h"
#include "engine/server/auth/token_record.h"

namespace espalier {
namespace {

constexpr char kPrefix[] = "t/";
constexpr char kPrefixEnd[] = "t0";
constexpr char kScheme[] = "esp";

absl::Status NotAToken() { return absl::UnauthenticatedError("no valid token was presented"); }

std::string Spell(const v1::TokenInfo& info, const std::string& secret) {
  return absl::StrCat(kScheme, "_", info.id(), "_", secret);
}

absl::Status AdminOnly(const Caller& caller) {
  if (access::SeesTokens(caller)) return absl::OkStatus();
  return absl::PermissionDeniedError("tokens are the admins' business: role admin is missing");
}

v1::Ref RefOfToken(const std::string& id) {
  v1::Ref ref;
  ref.set_kind(kTokenKind);
  ref.set_name(id);
  return ref;
}

AuditEntry EntryAbout(const v1::TokenInfo& info, v1::Action::Verb verb) {
  AuditEntry entry;
  entry.set_verb(verb);
  *entry.mutable_ref() = RefOfToken(info.id());
  const auto add = [&](const char* path, const std::string& value) {
    if (value.empty()) return;
    v1::FieldChange& change = *entry.add_changes();
    change.set_path(path);
    std::string& side =
        verb == v1::Action::CREATE ? *change.mutable_after() : *change.mutable_before();
    AppendJsonString(value, side);
  };
  add("role", RoleName(info.role()));
  add("subject", info.subject());
  add("host", info.host());
  add("source", info.source());
  return entry;
}

// What a role needs beside its name, and the subject when none is given.
absl::Status Complete(v1::TokenInfo& info) {
  switch (info.role()) {
    case v1::TokenInfo::ADMIN:
    case v1::TokenInfo::EDITOR:
    case v1::TokenInfo::VIEWER:
      if (!info.host().empty() || !info.source().empty()) {
        return absl::InvalidArgumentError("host and source belong to agents and reconcilers");
      }
      if (info.subject().empty()) info.set_subject(RoleName(info.role()));
      return absl::OkStatus();
    case v1::TokenInfo::AGENT:
      if (info.host().empty()) return absl::InvalidArgumentError("an agent's token needs its host");
      if (!info.source().empty()) return absl::InvalidArgumentError("an agent has no source");
      info.set_subject(absl::StrCat("host ", info.host()));
      return absl::OkStatus();
    case v1::TokenInfo::RECONCILER:
      if (!info.host().empty()) return absl::InvalidArgumentError("a reconciler has no host");
      if (info.subject().empty()) {
        info.set_subject(info.source().empty() ? "reconciler"
                                               : absl::StrCat("source ", info.source()));
      }
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(
          "role is missing: admin, editor, viewer, agent or reconciler");
  }
}

}  // namespace

Tokens::Tokens(Clock& clock, Random& random, Store& store, AuditTrail& audit)
    : clock_(clock), random_(random), store_(store), audit_(audit) {}

absl::StatusOr<Identity> Tokens::Authenticate(absl::string_view token) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '_');
  if (parts.size() != 3 || parts[0] != kScheme || parts[1].empty()) return NotAToken();
  const absl::StatusOr<KeyValue> stored = store_.Get(absl::StrCat(kPrefix, parts[1]));
  if (!stored.ok()) {
    return absl::IsNotFound(stored.status()) ? NotAToken() : stored.status();
  }
  const std::optional<TokenRecord> record = ParseTokenRecord(stored->value);
  if (!record.has_value()) return NotAToken();
  if (!ConstantTimeEquals(record->secret_hash, Sha256Hex(parts[2]))) return NotAToken();
  if (HasExpired(record->info, clock_.Now())) return NotAToken();
  return Identity{.token_id = record->info.id(), .caller = CallerOf(record->info)};
}

bool Tokens::Stands(const std::string& token_id) const {
  const absl::StatusOr<KeyValue> stored = store_.Get(absl::StrCat(kPrefix, token_id));
  if (!stored.ok()) return false;
  const std::optional<TokenRecord> record = ParseTokenRecord(stored->value);
  return record.has_value() && !HasExpired(record->info, clock_.Now());
}

absl::StatusOr<v1::CreateTokenResponse> Tokens::Create(const CallContext& context,
                                                       const v1::CreateTokenRequest& request) {
  ESPALIER_RETURN_IF_ERROR(AdminsWrite(context, ""));
  if (request.ttl_seconds() < 0) return absl::InvalidArgumentError("ttl_seconds is negative");
  v1::TokenInfo wanted;
  wanted.set_role(request.token().role());
  wanted.set_host(request.token().host());
  wanted.set_source(request.token().source());
  wanted.set_subject(request.token().subject());
  for (const std::string* name : {&wanted.host(), &wanted.source(), &wanted.subject()}) {
    if (name->size() > limits::kLabelBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a name has more than ", limits::kLabelBytes, " bytes"));
    }
  }
  ESPALIER_RETURN_IF_ERROR(Complete(wanted));
  ESPALIER_ASSIGN_OR_RETURN(const std::size_t standing, CountAndSweep());
  if (standing >= limits::kTokens) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", limits::kTokens, " tokens"));
  }
  v1::CreateTokenResponse made;
  *made.mutable_token() = WithIdAndTimes(wanted, absl::Seconds(request.ttl_seconds()));
  const std::string secret = SecureToken();
  ESPALIER_RETURN_IF_ERROR(
      Save(made.token(), secret,
           audit_.Append(context.caller, {EntryAbout(made.token(), v1::Action::CREATE)})));
  made.set_secret(Spell(made.token(), secret));
  return made;
}

v1::TokenInfo Tokens::WithIdAndTimes(v1::TokenInfo wanted, absl::Duration ttl) {
  wanted.set_id(random_.Uid().substr(0, 12));
  const absl::Time now = clock_.Now();
  wanted.mutable_created_at()->set_seconds(absl::ToUnixSeconds(now));
  if (ttl > absl::ZeroDuration()) {
    wanted.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(now + ttl));
  }
  return wanted;
}

absl::Status Tokens::AdminsWrite(const CallContext& context, const std::string& id) {
  absl::Status may = AdminOnly(context.caller);
  if (!may.ok()) {
    audit_.Refused(
        context.caller, v1::Owner(),
        {{.ref = RefOfToken(id), .code = "not_permitted", .message = std::string(may.message())}});
  }
  return may;
}

absl::Status Tokens::Save(const v1::TokenInfo& info, const std::string& secret,
                          const std::optional<StoreOp>& made) {
  const std::string key = absl::StrCat(kPrefix, info.id());
  Transaction transaction;
  transaction.compares.push_back({.key = key, .mod_revision = 0});
  transaction.ops.push_back({StoreOp::Type::kPut, key,
                             FormatTokenRecord({.secret_hash = Sha256Hex(secret), .info = info})});
  if (made.has_value()) transaction.ops.push_back(*made);
  return Annotate(store_.Commit(transaction).status(), "storing a token");
}

absl::Status Tokens::Revoke(const CallContext& context, const std::string& id) {
  ESPALIER_RETURN_IF_ERROR(AdminsWrite(context, id));
  const std::string key = absl::StrCat(kPrefix, id);
  const absl::StatusOr<KeyValue> stored = store_.Get(key);
  if (!stored.ok()) {
    if (!absl::IsNotFound(stored.status())) return stored.status();
    return absl::NotFoundError(absl::StrCat("there is no token ", id));
  }
  const std::optional<TokenRecord> record = ParseTokenRecord(stored->value);
  v1::TokenInfo info = record.has_value() ? record->info : v1::TokenInfo();
  info.set_id(id);
  Transaction transaction;
  // Two who revoke it at once are one revocation.
  transaction.compares.push_back({.key = key, .mod_revision = stored->mod_revision});
  transaction.ops.push_back({StoreOp::Type::kDelete, key, ""});
  transaction.ops.push_back(audit_.Append(context.caller, {EntryAbout(info, v1::Action::DELETE)}));
  const absl::Status committed = store_.Commit(transaction).status();
  if (absl::IsAborted(committed)) {
    return absl::NotFoundError(absl::StrCat("token ", id, " was revoked a moment ago"));
  }
  return Annotate(committed, "revoking a token");
}

absl::StatusOr<v1::ListTokensResponse> Tokens::List(const CallContext& context) const {
  ESPALIER_RETURN_IF_ERROR(AdminOnly(context.caller));
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store_.Range(kPrefix, kPrefixEnd, 0));
  v1::ListTokensResponse list;
  for (const KeyValue& item : range.items) {
    const std::optional<TokenRecord> record = ParseTokenRecord(item.value);
    if (record.has_value()) *list.add_tokens() = record->info;
  }
  return list;
}

absl::StatusOr<bool> Tokens::WriteFirstAdminToken(Io& io, const std::string& path) {
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store_.Range(kPrefix, kPrefixEnd, 1));
  if (!range.items.empty()) return false;
  v1::TokenInfo wanted;
  wanted.set_role(v1::TokenInfo::ADMIN);
  wanted.set_subject("admin");
  const v1::TokenInfo info = WithIdAndTimes(wanted, absl::ZeroDuration());
  const std::string secret = SecureToken();
  // Told before it is stored: a crash in between leaves a file that proves nothing, and the next
  // start makes another. The other way round would leave a token that nobody knows.
  ESPALIER_RETURN_IF_ERROR(
      Annotate(io.WriteFile(path, absl::StrCat(Spell(info, secret), "\n"), 0600),
               "writing the first admin token"));
  ESPALIER_RETURN_IF_ERROR(Save(info, secret, std::nullopt));
  return true;
}

absl::StatusOr<std::size_t> Tokens::CountAndSweep() {
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range, store_.Range(kPrefix, kPrefixEnd, 0));
  const absl::Time now = clock_.Now();
  std::size_t standing = 0;
  Transaction sweep;
  for (const KeyValue& item : range.items) {
    const std::optional<TokenRecord> record = ParseTokenRecord(item.value);
    if (record.has_value() && !HasExpired(record->info, now)) {
      ++standing;
    } else if (sweep.ops.size() < limits::kTransactionOps) {
      sweep.ops.push_back({StoreOp::Type::kDelete, item.key, ""});
    }
  }
  if (!sweep.ops.empty()) {
    ESPALIER_RETURN_IF_ERROR(
        Annotate(store_.Commit(sweep).status(), "removing tokens that have expired"));
  }
  return standing;
}

}  // namespace espalier
