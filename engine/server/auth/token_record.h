// The stored form of a token, and what a token makes of its holder. Pure values.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "espalier/v1/agent_service.pb.h"

namespace espalier {

struct TokenRecord {
  // SHA-256 of the secret, 64 hex digits.
  std::string secret_hash;
  v1::TokenInfo info;
};

// The hash, then the message.
std::string FormatTokenRecord(const TokenRecord& record);
// Nothing if the bytes are no record.
std::optional<TokenRecord> ParseTokenRecord(absl::string_view bytes);

bool HasExpired(const v1::TokenInfo& info, absl::Time now);
Caller CallerOf(const v1::TokenInfo& info);
// "admin", "reconciler".
std::string RoleName(v1::TokenInfo::Role role);

}  // namespace espalier
