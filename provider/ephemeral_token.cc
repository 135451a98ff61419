// espalier_token: a token for what runs during an apply (an agent to enrol, a script to call the
// engine). It is revoked when the run is done; should nobody live to do that, it ends by its time.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/field.h"
#include "engine/model/utf8.h"
#include "espalier/v1/agent_service.pb.h"
#include "provider/call_schema.h"
#include "provider/ephemerals.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;

constexpr char kRole[] = "role";
constexpr char kHost[] = "host";
constexpr char kSource[] = "source";
constexpr char kSubject[] = "subject";
constexpr char kTtl[] = "ttl_seconds";
constexpr char kToken[] = "token";
constexpr char kExpires[] = "expires_at";

// A token cannot be renewed, so it lives as long as a long apply does.
constexpr std::int64_t kDefaultTtl = 4 * 3600;
constexpr std::int64_t kShortestTtl = 60;
constexpr std::int64_t kLongestTtl = 7 * 86400;

std::vector<std::string> Roles() { return EnumNames(*v1::TokenInfo::Role_descriptor()); }

Schema MakeSchema() {
  Schema schema;
  schema.type_name = "espalier_token";
  schema.description =
      "A token for the engine, for the time of one run: it is made when the run needs it, revoked "
      "when the run is done, and in neither state nor plan. Making one takes role admin.";
  Attribute ttl = NumberAttribute(
      kTtl, Use::kDefaulted,
      absl::StrCat("When it ends if it is not revoked, from ", kShortestTtl, " to ", kLongestTtl,
                   " seconds. It is not renewed, so it has to outlast the run. Default: ",
                   kDefaultTtl, "."));
  Attribute token = TextAttribute(kToken, Use::kComputed, "The token.");
  token.sensitive = true;
  schema.attributes = SortedByName({
      TextAttribute(
          kRole, Use::kRequired,
          absl::StrCat("What its holder may do. One of: ", absl::StrJoin(Roles(), ", "), ".")),
      TextAttribute(kHost, Use::kOptional, "For role agent, which needs it: the one host."),
      TextAttribute(kSource, Use::kOptional,
                    "For role reconciler: the one GitSource. Left out, it is any."),
      TextAttribute(kSubject, Use::kOptional, "Who the holder is, in reports of who changed what."),
      std::move(ttl),
      std::move(token),
      TextAttribute(kId, Use::kComputed, "Its public handle, as in `espalier token list`."),
      TextAttribute(kExpires, Use::kComputed, "When it ends, in RFC 3339."),
  });
  return schema;
}

void Validate(const Value& config, Diagnostics& diagnostics) {
  const Value& role = config.At(kRole);
  const std::vector<std::string> roles = Roles();
  if (role.is_known() && std::find(roles.begin(), roles.end(), role.text()) == roles.end()) {
    diagnostics.Error("Invalid role",
                      absl::StrCat("It must be one of ", absl::StrJoin(roles, ", "), "."),
                      {AttributeStep(kRole)});
  }
  CheckRange(config, kTtl, kShortestTtl, kLongestTtl, diagnostics);
}

Opened Open(const Value& config, const Value&, Engine& engine) {
  Opened opened;
  v1::CreateTokenRequest request;
  const std::vector<std::string> roles = Roles();
  // Names come in the order of their numbers, from 1.
  const auto role = std::find(roles.begin(), roles.end(), config.At(kRole).text());
  request.mutable_token()->set_role(static_cast<v1::TokenInfo::Role>(role - roles.begin() + 1));
  request.mutable_token()->set_host(std::string(config.At(kHost).text()));
  request.mutable_token()->set_source(std::string(config.At(kSource).text()));
  request.mutable_token()->set_subject(std::string(config.At(kSubject).text()));
  const std::int64_t ttl = WholeOf(config, kTtl, kDefaultTtl);
  request.set_ttl_seconds(ttl);
  const absl::StatusOr<v1::CreateTokenResponse> made = engine.CreateToken(request);
  if (!made.ok()) {
    opened.diagnostics.Failure("Cannot make a token", made.status());
    const bool may_be_there = IsUnsure(made.status()) || absl::IsUnavailable(made.status());
    if (may_be_there && !IsUnsent(made.status())) {
      opened.diagnostics.Warning(
          "A token may have been made that nobody knows",
          absl::StrCat("The engine did not say whether it made one. If it did, that ends by its "
                       "time, after ",
                       ttl, " seconds; `espalier token list` shows it."));
    }
    return opened;
  }
  opened.private_data = made->token().id();
  opened.result = config;
  opened.result.Set(kTtl, Value::Of(Number::Of(ttl)));
  opened.result.Set(kToken, Value::String(made->secret()));
  opened.result.Set(kId, Value::String(made->token().id()));
  opened.result.Set(
      kExpires, Value::String(absl::FormatTime(
                    absl::RFC3339_sec, absl::FromUnixSeconds(made->token().expires_at().seconds()),
                    absl::UTCTimeZone())));
  return opened;
}

Diagnostics Close(const std::string& id, Engine& engine) {
  Diagnostics diagnostics;
  if (FindInvalidUtf8(id) != absl::string_view::npos) {
    diagnostics.Error("Cannot revoke a token",
                      "Terraform did not say which, but sent other bytes.");
    return diagnostics;
  }
  const absl::Status revoked = engine.RevokeToken(id);
  if (!revoked.ok() && !absl::IsNotFound(revoked)) {
    diagnostics.Failure(absl::StrCat("Cannot revoke token ", id, ", which ends by its time only"),
                        revoked);
  }
  return diagnostics;
}

}  // namespace

EphemeralType TokenType() {
  return {.schema = MakeSchema(), .validate = &Validate, .open = &Open, .close = &Close};
}

}  // namespace espalier::provider
