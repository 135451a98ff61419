// FakeForge: a forge with one project in memory behind a real server on a free loopback port, for
// tests of everything that talks to forges. It is as awkward as the real ones where that has hurt
// people. Thread-safe; stops in its destructor.
//
// Control() takes what happens there as JSON, so that a test in another process can do the same
// through the program fake_forge (POST /_control): see fake_control.cc for the commands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "reconciler/forge/testing/fake_project.h"
#include "tests/support/test_http_server.h"

namespace espalier {

struct FakeRequest;

// What was asked so far.
struct FakeCalls {
  int reads = 0;
  int writes = 0;
  // Reads that were answered with "not changed".
  int unchanged = 0;
  // Answers that said "later".
  int limited = 0;
  // Writes that came less than a second after another.
  int hurried = 0;
};

class FakeForge {
 public:
  // Borrowed: threads and clock; http (may be null) delivers webhooks.
  FakeForge(Threads& threads, Clock& clock, Http* http);
  virtual ~FakeForge();

  std::string url() const { return url_; }
  // Where its API begins, as GitSources say it.
  std::string api_url() const;
  std::string project() const;

  // "acme/fleet" unless it is told otherwise, before anything else happens.
  void SetProject(const std::string& project);
  // Makes the user, or changes the role. Returns the user's token.
  std::string SetUser(const std::string& login, ForgeRole role, bool bot = false);
  virtual void RevokeToken(const std::string& token);
  // `pull` without number and with a head. Returns its number.
  std::int64_t Open(FakePull pull);
  void PushHead(std::int64_t number, const std::string& sha);
  void Merge(std::int64_t number, const std::string& sha);
  void SetState(std::int64_t number, PullRequest::State state);
  // Any other change, with the webhook's word for it. Nothing happens if there is none.
  void Change(std::int64_t number, absl::string_view action,
              absl::FunctionRef<void(FakePull&)> change);
  std::string Comment(std::int64_t number, const std::string& author, const std::string& body,
                      bool system = false);
  // The same about an issue.
  std::string CommentOnIssue(std::int64_t number, const std::string& author,
                             const std::string& body) {
    return Comment(IssueKey(number), author, body);
  }
  void ChangeComment(const std::string& id, const std::string& body);
  void RemoveComment(const std::string& id);
  // A branch was pushed.
  void Push(const std::string& branch, const std::string& before, const std::string& after);
  // A file that is on the base branch.
  void SetFile(const std::string& path, const std::string& bytes);
  // Nobody may make the branch or push to it.
  void Protect(const std::string& branch);
  // Contents may not be written from now on, whatever else may.
  void DenyContents(bool denied);
  // From now on the project is called so, and the old name answers with where it is.
  void Rename(const std::string& name);

  // The next requests (or of them those that write) whose path holds `path` are answered so.
  void FailNext(int count, int status, const std::string& path = "", bool writes_only = false);
  // The next request is answered with "later"; `told` says for how long.
  void Limit(absl::Duration wait, bool told = true);
  // Requests left until the hour is over.
  void SetRemaining(int requests);
  // While held, requests are not answered. Released by the destructor.
  void Hold(bool held);
  // Webhooks go there from now on, proven by `secret`.
  void SetWebhook(const std::string& url, const std::string& secret);

  // By which FakeComment::number what is said about an issue is kept: pull requests may have the
  // same numbers.
  virtual std::int64_t IssueKey(std::int64_t number) const { return number; }
  // Whether a comment can be too long there.
  virtual bool bounds_comments() const { return true; }
  FakeCalls calls() const;
  FakeProject snapshot() const;
  std::vector<ServerRequest> requests() const { return server_->requests(); }
  // Everything, as JSON.
  std::string Dump() const;
  // A command and its answer, both JSON. `ok` in the answer is false for what cannot be done.
  std::string Control(absl::string_view command);

 protected:
  struct Webhook {
    HttpHeaders headers;
    std::string body;
  };

  // Begins to serve; a subclass calls it last in its constructor, and Stop first in its destructor.
  void Start();
  void Stop();

  // Path of the API on the server: "/api/v4".
  virtual std::string prefix() const = 0;
  // Called with mu_ held.
  virtual ServerAnswer Answer(const FakeRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  // The refusal of a request in this forge's words.
  virtual ServerAnswer Refuse(int status, absl::string_view message) = 0;
  // "later", in this forge's headers.
  virtual ServerAnswer RefuseForNow(absl::Duration wait, bool told) = 0;
  virtual Webhook PullEvent(const FakePull& pull, absl::string_view action)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  virtual Webhook CommentEvent(const FakeComment& comment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  virtual Webhook PushEvent(const std::string& branch, const std::string& before,
                            const std::string& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;
  // The headers that prove it.
  virtual HttpHeaders Sign(absl::string_view body, const std::string& secret) = 0;
  // Whether answers have ETags.
  virtual bool has_etags() const = 0;

  std::int64_t NewId() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ++project_.last_id; }
  // Something about the pull request changed, if it is one.
  void Touch(std::int64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The pull request of a number in a path; null: there is none.
  FakePull* FindPull(const std::string& number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  FakeComment& AddComment(std::int64_t number, const std::string& author, const std::string& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Rewrite(FakeComment& comment, const std::string& body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The branch points there from now on, and so does the pull request that comes from it.
  void MoveBranch(const std::string& branch, const std::string& sha)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // With it goes the pull request.
  void RemoveBranch(const std::string& branch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // An open pull request of the project's own from there; null: there is none.
  FakePull* OpenPullFrom(const std::string& branch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the project takes a write of `login` (a stranger reads only).
  bool MayWrite(const std::string& login) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock& clock_;
  mutable Mutex mu_;
  FakeProject project_ ABSL_GUARDED_BY(mu_);
  // Requests left, and when they are filled up again.
  int remaining_ ABSL_GUARDED_BY(mu_) = 5000;
  absl::Time reset_ ABSL_GUARDED_BY(mu_);
  std::string renamed_from_ ABSL_GUARDED_BY(mu_);

 private:
  struct Failure {
    int count;
    int status;
    std::string path;
    bool writes_only;
  };

  ServerAnswer Handle(const ServerRequest& request);
  void WaitWhileHeld();
  void Count(const ServerRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // An answer that a knob asks for.
  std::optional<ServerAnswer> Trouble(const ServerRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sends it, if there is somewhere to; what was answered stands in the control command's answer.
  void Deliver(const std::optional<Webhook>& event);

  Threads& threads_;
  Http* const http_;
  const std::unique_ptr<Clock> real_clock_ = MakeRealClock();
  FakeCalls calls_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_write_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  std::vector<Failure> failures_ ABSL_GUARDED_BY(mu_);
  std::optional<std::pair<absl::Duration, bool>> limit_ ABSL_GUARDED_BY(mu_);
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  // One for each request that waits.
  std::vector<Wakeup*> waiting_ ABSL_GUARDED_BY(mu_);
  std::string webhook_url_ ABSL_GUARDED_BY(mu_);
  std::string webhook_secret_ ABSL_GUARDED_BY(mu_);
  int delivered_ ABSL_GUARDED_BY(mu_) = 0;
  // Answers that are under way while the server ends still say it.
  std::string url_;
  std::unique_ptr<TestHttpServer> server_;
};

}  // namespace espalier
