// FakeGitlab: FakeForge as GitLab serves it, with the parts that hurt: states of a status that do
// not follow each other, statuses that want their pipeline, diffs that are still computed, notes of
// the forge itself among the comments, newest first unless asked otherwise.
#pragma once

#include <atomic>
#include <map>
#include <string>

#include "reconciler/forge/testing/fake_forge.h"

namespace espalier {

class FakeGitlab final : public FakeForge {
 public:
  FakeGitlab(Threads& threads, Clock& clock, Http* http = nullptr);
  ~FakeGitlab() override { Stop(); }

  std::int64_t IssueKey(std::int64_t number) const override { return -number; }

 protected:
  std::string prefix() const override { return "/api/v4"; }
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
  // Each answers its part of the API; 0 as status: not its part.
  ServerAnswer Pulls(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Notes(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Discussions(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Statuses(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Issues(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ServerAnswer Repository(const FakeRequest& request, const std::string& login)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string PullText(const FakePull& pull) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Pipelines by commit, made with the first status.
  std::map<std::string, std::int64_t> pipelines_ ABSL_GUARDED_BY(mu_);
  std::atomic<int> deliveries_ = 0;
};

}  // namespace espalier
