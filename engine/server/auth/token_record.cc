#include "engine/server/auth/token_record.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace espalier {
namespace {

constexpr std::size_t kHashDigits = 64;

Caller::Role RoleOf(v1::TokenInfo::Role role) {
  switch (role) {
    case v1::TokenInfo::ADMIN:
      return Caller::Role::kAdmin;
    case v1::TokenInfo::EDITOR:
      return Caller::Role::kEditor;
    case v1::TokenInfo::AGENT:
      return Caller::Role::kAgent;
    case v1::TokenInfo::RECONCILER:
      return Caller::Role::kReconciler;
    default:
      // A role of a later version may at most read.
      return Caller::Role::kViewer;
  }
}

}  // namespace

std::string FormatTokenRecord(const TokenRecord& record) {
  return absl::StrCat(record.secret_hash, record.info.SerializeAsString());
}

std::optional<TokenRecord> ParseTokenRecord(absl::string_view bytes) {
  if (bytes.size() < kHashDigits) return std::nullopt;
  TokenRecord record;
  record.secret_hash = std::string(bytes.substr(0, kHashDigits));
  const absl::string_view message = bytes.substr(kHashDigits);
  if (!record.info.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return std::nullopt;
  }
  return record;
}

bool HasExpired(const v1::TokenInfo& info, absl::Time now) {
  return info.has_expires_at() && absl::FromUnixSeconds(info.expires_at().seconds()) <= now;
}

Caller CallerOf(const v1::TokenInfo& info) {
  return Caller{.role = RoleOf(info.role()),
                .subject = info.subject(),
                .host = info.host(),
                .source = info.source()};
}

std::string RoleName(v1::TokenInfo::Role role) {
  return absl::AsciiStrToLower(v1::TokenInfo::Role_Name(role));
}

}  // namespace espalier
