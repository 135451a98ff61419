#include "reconciler/forge/github_app.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "reconciler/forge/github.h"
#include "reconciler/forge/json.h"

namespace espalier::forge {
namespace {

// GitHub's clock may be behind ours, and takes no more than ten minutes.
constexpr absl::Duration kSignedBefore = absl::Seconds(60);
constexpr absl::Duration kSignedFor = absl::Minutes(9);
// A token is renewed this long before its end: a fetch that begins with it shall not outlive it.
constexpr absl::Duration kMargin = absl::Minutes(5);

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;

Key ReadKey(absl::string_view pem) {
  BIO* const bytes = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  // No passphrase, and nobody to ask for one.
  char none[] = "";
  Key key(PEM_read_bio_PrivateKey(bytes, nullptr, nullptr, none));
  BIO_free(bytes);
  return key;
}

// Empty if it cannot be done with this key.
std::string Sign(EVP_PKEY* key, absl::string_view text) {
  const Digest digest(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, data, text.size()) != 1) {
    return "";
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                     text.size()) != 1) {
    return "";
  }
  signature.resize(size);
  return signature;
}

}  // namespace

absl::StatusOr<std::string> SignAppToken(const std::string& app_id, absl::string_view private_key,
                                         absl::Time now) {
  const Key key = ReadKey(private_key);
  if (key == nullptr || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
    return absl::InvalidArgumentError("the private key of the GitHub App is no RSA key in PEM");
  }
  const std::string head = R"({"alg":"RS256","typ":"JWT"})";
  const std::string claims =
      Object({{"iat", absl::StrCat(absl::ToUnixSeconds(now - kSignedBefore))},
              {"exp", absl::StrCat(absl::ToUnixSeconds(now + kSignedFor))},
              {"iss", Quoted(app_id)}});
  const std::string text =
      absl::StrCat(absl::WebSafeBase64Escape(head), ".", absl::WebSafeBase64Escape(claims));
  const std::string signature = Sign(key.get(), text);
  if (signature.empty()) {
    return absl::InvalidArgumentError("the private key of the GitHub App cannot sign");
  }
  return absl::StrCat(text, ".", absl::WebSafeBase64Escape(signature));
}

GithubApp::GithubApp(Clock& clock, Http& http, SecretToken::Read private_key,
                     GithubAppOptions options)
    : options_(std::move(options)),
      clock_(clock),
      signed_([this, read = std::move(private_key)]() -> absl::StatusOr<std::string> {
        ESPALIER_ASSIGN_OR_RETURN(const std::string key, read());
        return SignAppToken(options_.app_id, key, clock_.Now());
      }),
      api_(http, signed_, std::make_shared<Pace>(clock, kGithubPace),
           GithubApiOptions(options_.base, options_.owner, options_.name, options_.route)) {}

absl::StatusOr<std::string> GithubApp::Get() {
  const absl::Time now = clock_.Now();
  {
    MutexLock lock(mu_);
    if (!token_.empty() && now < expires_ - kMargin) return token_;
  }
  // Two threads may both make one: both are good.
  const std::string repository =
      absl::StrCat("/repos/", PathEscape(options_.owner), "/", PathEscape(options_.name));
  absl::StatusOr<Node> installation = api_.Get(repository + "/installation");
  if (!installation.ok()) {
    return Annotate(installation.status(), "looking for the GitHub App's installation");
  }
  const absl::StatusOr<Node> made = api_.SendUncounted(
      "POST", absl::StrCat("/app/installations/", NumberAt(*installation, "id"), "/access_tokens"),
      Object({{"repositories", List({Quoted(options_.name)})}}));
  if (!made.ok()) return Annotate(made.status(), "making a token of the GitHub App");
  std::string token = TextAt(*made, "token");
  absl::Time expires;
  std::string error;
  if (token.empty() ||
      !absl::ParseTime(absl::RFC3339_full, TextAt(*made, "expires_at"), &expires, &error)) {
    return absl::UnavailableError("GitHub made no token for the App");
  }
  MutexLock lock(mu_);
  token_ = token;
  expires_ = expires;
  return token;
}

void GithubApp::Refused(const std::string& token) {
  MutexLock lock(mu_);
  if (token_ == token) token_.clear();
}

absl::StatusOr<std::string> GithubApp::Login() {
  {
    MutexLock lock(mu_);
    if (!login_.empty()) return login_;
  }
  const absl::StatusOr<Node> app = api_.Get("/app");
  if (!app.ok()) return Annotate(app.status(), "asking GitHub about the App");
  const std::string slug = TextAt(*app, "slug");
  if (slug.empty()) return absl::UnavailableError("GitHub does not say what the App is called");
  MutexLock lock(mu_);
  login_ = absl::StrCat(slug, "[bot]");
  return login_;
}

}  // namespace espalier::forge
