#include "engine/oci/authorizer.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/oci/documents.h"
#include "engine/oci/url.h"

namespace espalier::oci {
namespace {

// A token is renewed this long before its end, so that it does not expire on the way.
constexpr absl::Duration kMargin = absl::Seconds(10);

std::string Basic(const Credential& credential) {
  return absl::StrCat(
      "Basic ", absl::Base64Escape(absl::StrCat(credential.username, ":", credential.password)));
}

std::string ParameterOf(const Challenge& challenge, const char* name) {
  const auto found = challenge.parameters.find(name);
  return found == challenge.parameters.end() ? "" : found->second;
}

}  // namespace

Authorizer::Authorizer(Clock& clock, Http& http, CredentialSource credentials)
    : clock_(clock), http_(http), credentials_(std::move(credentials)) {}

std::string Authorizer::HeaderFor(const std::string& registry, const std::string& scope) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  const auto found = known_.find({registry, scope});
  return found == known_.end() || found->second.until <= now ? "" : found->second.header;
}

absl::Status Authorizer::LogIn(const std::string& registry, const std::string& scope,
                               const HttpResponse& refusal) {
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : refusal.headers) {
    if (!absl::EqualsIgnoreCase(name, "WWW-Authenticate")) continue;
    ESPALIER_ASSIGN_OR_RETURN(std::vector<Challenge> more, ParseChallenges(value));
    std::move(more.begin(), more.end(), std::back_inserter(challenges));
  }
  Known known;
  for (const Challenge& challenge : challenges) {
    if (challenge.scheme == "bearer") {
      ESPALIER_ASSIGN_OR_RETURN(known, FetchToken(registry, scope, challenge));
      break;
    }
    if (challenge.scheme == "basic" && known.header.empty()) {
      const Credential credential = credentials_ ? credentials_(registry) : Credential{};
      if (credential.username.empty()) continue;
      known = {Basic(credential), absl::InfiniteDuration()};
    }
  }
  if (known.header.empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat("registry ", registry, " asks for a login and there is no credential for it"));
  }
  MutexLock lock(mu_);
  if (known_.size() >= limits::kRegistryTokens) known_.clear();
  known_[{registry, scope}] = std::move(known);
  return absl::OkStatus();
}

absl::StatusOr<Authorizer::Known> Authorizer::FetchToken(const std::string& registry,
                                                         const std::string& scope,
                                                         const Challenge& challenge) {
  const Url home = RegistryUrl(registry);
  ESPALIER_ASSIGN_OR_RETURN(Url realm, ParseUrl(ParameterOf(challenge, "realm")));
  // The realm gets the password: only the registry's word, over TLS, can name it.
  if (!MayFollow(home, realm)) {
    return absl::UnauthenticatedError(absl::StrCat("registry ", registry, " sends logins to ",
                                                   realm.scheme, "://", realm.authority,
                                                   ", which is refused"));
  }
  const std::string asked = ParameterOf(challenge, "scope");
  absl::StrAppend(&realm.target, absl::StrContains(realm.target, '?') ? "&" : "?",
                  "scope=", QueryEscape(asked.empty() ? scope : asked));
  const std::string service = ParameterOf(challenge, "service");
  if (!service.empty()) absl::StrAppend(&realm.target, "&service=", QueryEscape(service));

  HttpRequest request{.url = realm.ToString()};
  const Credential credential = credentials_ ? credentials_(registry) : Credential{};
  if (!credential.username.empty()) {
    request.headers.emplace_back("Authorization", Basic(credential));
  }
  request.max_answer_bytes = limits::kRegistryAnswerBytes;
  const absl::Duration asked_at = clock_.Elapsed();
  ESPALIER_ASSIGN_OR_RETURN(const HttpResponse response, http_.Fetch(std::move(request)));
  if (response.status >= 500 || response.status == 429) {
    return absl::UnavailableError(
        absl::StrCat("token service of ", registry, " answers ", response.status));
  }
  if (response.status != 200) {
    return absl::UnauthenticatedError(
        absl::StrCat("registry ", registry, " refuses the login with ", response.status));
  }
  ESPALIER_ASSIGN_OR_RETURN(const Token token, ParseToken(response.body));
  const absl::Duration life = absl::Seconds(token.expires_in_seconds);
  // Half of a very short life is better than none.
  return Known{absl::StrCat("Bearer ", token.value), asked_at + std::max(life - kMargin, life / 2)};
}

}  // namespace espalier::oci
