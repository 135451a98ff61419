// FakeGithub: FakeForge as GitHub serves it, with the parts that hurt: comments of at most 65,536
// characters, reviews that one line outside of the diff spoils, a thousand statuses of a context,
// descriptions of 140 characters, pages of at most a hundred, check runs for Apps only and with
// fifty annotations a request, 404 for what is hidden, limits of two kinds, fields that nobody
// documented refused.
#pragma once

#include <map>
#include <set>
#include <string>

#include "reconciler/forge/testing/fake_forge.h"

namespace espalier {

class FakeGithub final : public FakeForge {
 public:
  FakeGithub(Threads& threads, Clock& clock, Http* http = nullptr);
  ~FakeGithub() override { Stop(); }

  // Installs an App "espalier" in the project, with this id. Returns its private key in PEM. Its
  // tokens write as "espalier[bot]".
  std::string InstallApp(const std::string& app_id);
  // Ends all tokens of installations at once.
  void ExpireAppTokens();
  // With the App's id as `token`: its key and all of its tokens.
  void RevokeToken(const std::string& token) override;
  // Tokens that were made for the App so far.
  int app_tokens() const;

 protected:
  std::string prefix() const override { return "/api/v3"; }
  ServerAnswer Answer(const FakeRequest& request) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Refuse(int status, absl::string_view message) override;
  ServerAnswer RefuseForNow(absl::Duration wait, bool told) override;
  Webhook PullEvent(const FakePull& pull, absl::string_view action) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Webhook CommentEvent(const FakeComment& comment) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Webhook PushEvent(const std::string& branch, const std::string& before,
                    const std::string& after) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpHeaders Sign(absl::string_view body, const std::string& secret) override;
  bool has_etags() const override { return true; }

 private:
  // Who asks: found out from the token.
  struct Asker {
    std::string login;
    bool app = false;
    // The App itself, by its signature.
    bool signature = false;
  };
  std::optional<Asker> Authenticate(const FakeRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Route(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer RouteApp(const FakeRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Each answers its part of the API; 0 as status: not its part.
  ServerAnswer Pulls(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Reviews(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Issues(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Comments(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Statuses(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer CheckRuns(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Git(const FakeRequest& request, const Asker& asker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A whole pull request, or an entry of a list.
  std::string PullText(const FakePull& pull, bool whole) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::string app_id_ ABSL_GUARDED_BY(mu_);
  std::string app_public_key_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, absl::Time> app_tokens_ ABSL_GUARDED_BY(mu_);
  int tokens_made_ ABSL_GUARDED_BY(mu_) = 0;
  // When content was made, in Clock::Elapsed(), of the last minute.
  std::vector<absl::Duration> writes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
