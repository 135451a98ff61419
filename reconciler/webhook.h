// Webhook: a forge says that something was pushed. Nothing that it sends is used but the name in
// the path and the proof that the sender knows the source's secret; it means "look now" and no
// more, so a repeated or lost one does no harm. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/http.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/model/secret.h"
#include "espalier/v1/forge.pb.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/signed_delivery.h"

namespace espalier {

// Whether the headers prove that the sender of `body` knows `secret`. At least one of these must be
// there, and every one that is there must be right: X-Hub-Signature-256 ("sha256=" and hex, GitHub
// and others), X-Gitea-Signature, X-Forgejo-Signature, X-Gogs-Signature (hex), all HMAC-SHA-256
// over the body's bytes; webhook-signature (signed_delivery.h), not older than minutes;
// X-Gitlab-Token (the secret itself), unless the secret is a signing token: that one is never sent,
// so what stands there is something else. Where the source has a forge of a `type`, one of those
// that such a forge sends must be among them: a signature is not replaced by the secret itself.
// Takes the same time whatever was right of them. REQUIRES: the secret is not empty.
bool IsFromForge(const HttpHeaders& headers, absl::string_view body, absl::string_view secret,
                 absl::Time now, v1::Forge::Type type = v1::Forge::TYPE_UNSPECIFIED);

class Webhook {
 public:
  // The spec of a source, as known now.
  using FindSource = std::function<std::optional<v1::GitSourceSpec>(const std::string& name)>;
  using LookNow = std::function<void(const std::string& name)>;

  // Borrowed: clock, io and log.
  Webhook(Clock& clock, Io& io, Log& log, std::string secrets_dir, Environment env, Reveal reveal,
          FindSource find, LookNow look_now);

  // The status that answers POST /hooks/<source>: 202 it is looked at, 200 this delivery was taken
  // before, 401 not proven, 403 the source takes no webhooks (or its secret cannot be read, which
  // is logged), 404 no such source.
  int Answer(const std::string& source, const HttpHeaders& headers, absl::string_view body);

 private:
  Clock& clock_;
  Io& io_;
  Log& log_;
  const std::string secrets_dir_;
  const Environment env_;
  const Reveal reveal_;
  const FindSource find_;
  const LookNow look_now_;
  TakenDeliveries taken_;
};

}  // namespace espalier
