// FakeGitea: FakeForge as Gitea and Forgejo serve it, with the parts that hurt: pages of at most 50
// whatever one asks for, a list of comments without pages, statuses whose field has another name in
// answers, labels by number, roles that only administrators may ask for, no ETags.
#pragma once

#include <map>
#include <string>

#include "reconciler/forge/testing/fake_forge.h"

namespace espalier {

class FakeGitea final : public FakeForge {
 public:
  FakeGitea(Threads& threads, Clock& clock, Http* http = nullptr);
  ~FakeGitea() override { Stop(); }

  // It takes what its database takes.
  bool bounds_comments() const override { return false; }
  // The base cannot be merged into the branch of a pull request from now on.
  void ConflictUpdates();

 protected:
  std::string prefix() const override { return "/api/v1"; }
  ServerAnswer Answer(const FakeRequest& request) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Refuse(int status, absl::string_view message) override;
  ServerAnswer RefuseForNow(absl::Duration wait, bool told) override;
  Webhook PullEvent(const FakePull& pull, absl::string_view action) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Webhook CommentEvent(const FakeComment& comment) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Webhook PushEvent(const std::string& branch, const std::string& before,
                    const std::string& after) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpHeaders Sign(absl::string_view body, const std::string& secret) override;
  bool has_etags() const override { return false; }

 private:
  // Each answers its part of the API; 0 as status: not its part.
  ServerAnswer Pulls(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Reviews(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Comments(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Statuses(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Issues(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Repository(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string PullText(const FakePull& pull) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpHeaders EventHeaders(const std::string& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::string RootOf(const std::string& sha) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::map<std::int64_t, std::string> labels_ ABSL_GUARDED_BY(mu_);
  bool update_conflicts_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace espalier
