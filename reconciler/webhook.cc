#include "reconciler/webhook.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"
#include "engine/base/telemetry.h"

namespace espalier {

namespace {

// Whether forges of this type send the header; all do where no type is configured.
bool Sends(v1::Forge::Type type, v1::Forge::Type first, v1::Forge::Type second) {
  return type == v1::Forge::TYPE_UNSPECIFIED || type == first || type == second;
}

}  // namespace

bool IsFromForge(const HttpHeaders& headers, absl::string_view body, absl::string_view secret,
                 absl::Time now, v1::Forge::Type type) {
  ESPALIER_CHECK(!secret.empty());
  const std::string signature = HmacSha256Hex(secret, body);
  int present = 0;
  int right = 0;
  int of_type = 0;
  const auto check = [&](bool equal, v1::Forge::Type first, v1::Forge::Type second) {
    ++present;
    right += equal ? 1 : 0;
    of_type += Sends(type, first, second) ? 1 : 0;
  };
  if (const std::optional<SignedDelivery> delivery = FindSignedDelivery(headers)) {
    check(IsProven(*delivery, body, secret, now), v1::Forge::GITLAB, v1::Forge::GITLAB);
  }
  for (const auto& [name, value] : headers) {
    if (absl::EqualsIgnoreCase(name, "X-Hub-Signature-256")) {
      check(ConstantTimeEquals(value, absl::StrCat("sha256=", signature)), v1::Forge::GITHUB,
            v1::Forge::GITEA);
    } else if (absl::EqualsIgnoreCase(name, "X-Gitea-Signature") ||
               absl::EqualsIgnoreCase(name, "X-Forgejo-Signature") ||
               absl::EqualsIgnoreCase(name, "X-Gogs-Signature")) {
      check(ConstantTimeEquals(value, signature), v1::Forge::GITEA, v1::Forge::GITEA);
    } else if (absl::EqualsIgnoreCase(name, "X-Gitlab-Token") && !IsSigningToken(secret)) {
      // Digests have one length, so that the time does not tell the secret's.
      check(ConstantTimeEquals(Sha256Hex(value), Sha256Hex(secret)), v1::Forge::GITLAB,
            v1::Forge::GITLAB);
    }
  }
  return of_type > 0 && right == present;
}

Webhook::Webhook(Clock& clock, Io& io, Log& log, std::string secrets_dir, Environment env,
                 Reveal reveal, FindSource find, LookNow look_now)
    : clock_(clock),
      io_(io),
      log_(log),
      secrets_dir_(std::move(secrets_dir)),
      env_(std::move(env)),
      reveal_(std::move(reveal)),
      find_(std::move(find)),
      look_now_(std::move(look_now)) {}

int Webhook::Answer(const std::string& source, const HttpHeaders& headers, absl::string_view body) {
  const std::optional<v1::GitSourceSpec> spec = find_(source);
  if (!spec.has_value()) return 404;
  // Without a secret anybody could make the reconciler work: such a source is polled only.
  if (!spec->has_webhook_secret()) return 403;
  const absl::StatusOr<std::string> secret =
      ResolveSecret(spec->webhook_secret(), io_, secrets_dir_, env_, reveal_);
  if (!secret.ok()) {
    log_.Warn("webhook secret cannot be read",
              {{telemetry::kSource, source}, {telemetry::kError, secret.status().ToString()}});
    return 403;
  }
  const absl::Time now = clock_.Now();
  if (!IsFromForge(headers, body, *secret, now, spec->forge().type())) {
    log_.Warn("webhook refused: signature missing, wrong or old", {{telemetry::kSource, source}});
    return 401;
  }
  const std::optional<SignedDelivery> delivery = FindSignedDelivery(headers);
  if (delivery.has_value() && !taken_.Take(source, *delivery, now)) return 200;
  look_now_(source);
  return 202;
}

}  // namespace espalier
