// Tokens: who may call at all. A token is told once and stored as a hash, under keys of its own
// ("t/") in the same store as the objects. Owned by the daemon. Thread-safe.
//
// A token reads "esp_<id>_<secret>": the id finds the record, the secret (256 random bits) proves
// it. Plain SHA-256 is enough for secrets that nobody can guess.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/server/audit/audit_trail.h"
#include "engine/store/store.h"
#include "espalier/v1/agent_service.pb.h"

namespace espalier {

// What a presented token proves.
struct Identity {
  std::string token_id;
  Caller caller;
};

class Tokens {
 public:
  // All must outlive it.
  Tokens(Clock& clock, Random& random, Store& store, AuditTrail& audit);

  // Whose token this is. UNAUTHENTICATED for anything else than a token that stands, without
  // telling which part was wrong.
  absl::StatusOr<Identity> Authenticate(absl::string_view token) const;
  // Whether the token of this id still stands: long-lived streams ask now and then.
  bool Stands(const std::string& token_id) const;

  // Makes a token; admins only. INVALID_ARGUMENT for a role without what it needs (agents a host);
  // RESOURCE_EXHAUSTED above limits::kTokens.
  absl::StatusOr<v1::CreateTokenResponse> Create(const CallContext& context,
                                                 const v1::CreateTokenRequest& request);
  // Takes a token away; admins only. Calls under way end, streams end soon. NOT_FOUND.
  absl::Status Revoke(const CallContext& context, const std::string& id);
  // All tokens without their secrets, by id; admins only.
  absl::StatusOr<v1::ListTokensResponse> List(const CallContext& context) const;

  // If there is no token at all, makes one for an admin and writes it to `path`, readable by the
  // owner only. Whether it did.
  absl::StatusOr<bool> WriteFirstAdminToken(Io& io, const std::string& path);

 private:
  // `made`: written down with it, if given.
  absl::Status Save(const v1::TokenInfo& info, const std::string& secret,
                    const std::optional<StoreOp>& made);
  // OK for admins; of others it is written down that they tried to write token `id`.
  absl::Status AdminsWrite(const CallContext& context, const std::string& id);
  v1::TokenInfo WithIdAndTimes(v1::TokenInfo wanted, absl::Duration ttl);
  // How many stand; those that have expired are removed on the way.
  absl::StatusOr<std::size_t> CountAndSweep();

  Clock& clock_;
  Random& random_;
  Store& store_;
  AuditTrail& audit_;
};

}  // namespace espalier
