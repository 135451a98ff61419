// ForgeWorker: all that one source has to do with its forge. It is the reconciler of a loop of its
// own, so that a forge that is slow, down or out of patience keeps nobody else waiting.
//
//   look            list the open pull requests; find those that ended
//   pull N          make the forge show what the outbox says about it
//   comments N      find commands in its comments
//   commit SHA      which pull request brought it
//   notice          the source's issue
//   issue           find commands in its comments, and answer them
//   propose         bring a change of ours to the forge
//
// Reconcile belongs to that loop's thread; all other methods are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/loop/loop.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/forge/forge.h"
#include "reconciler/git_metrics.h"
#include "reconciler/review/forges.h"
#include "reconciler/review/outbox.h"

namespace espalier {

class ForgeWorker final : public Reconciler {
 public:
  // Shared: a test keeps an eye on what it lends.
  using Make = std::function<absl::StatusOr<std::shared_ptr<Forge>>(const v1::GitSourceSpec&)>;
  // `add` puts a name into the worker's loop; `on_news` is called on its thread. Borrowed: clock
  // to metrics.
  ForgeWorker(Clock& clock, Io& io, Log& log, GitMetrics& metrics, std::string source,
              std::string outbox_dir, Make make, std::function<void(const Ref&)> add,
              std::function<void()> on_news);

  // As Forges has them.
  std::int64_t Look();
  void LookAt(std::int64_t number);
  void AskWhoBrought(const std::string& commit);
  void Post(const Surface& surface);
  void Reply(const GivenCommand& given, const std::string& text);
  void PostNotice(const Notice& notice);
  void Propose(const ProposedChange& change);
  std::optional<ForgeNews> Take();

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  struct Role {
    ForgeRole role = ForgeRole::kNone;
    absl::Duration until;
  };

  absl::StatusOr<Outcome> Do(const Ref& name, const v1::GitSourceSpec& spec);
  absl::Status UseForge(const v1::GitSourceSpec& spec);
  absl::StatusOr<Outcome> LookIfDue(const v1::GitSourceSpec& spec);
  absl::StatusOr<ForgeRole> RoleOf(const std::string& user);
  absl::Status FindEnded(const std::vector<PullRequest>& open);
  void LookAtCommentsIfNew(const PullRequest& facts);
  void TakeWhatWaits(std::int64_t number);
  // All that was to be said about it is said, unless there is more by now.
  void NoteSaid(std::int64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  void TellDepth() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Outcome> ReadComments(std::int64_t number);
  // The command of a comment, if it gives one.
  absl::StatusOr<std::optional<GivenCommand>> CommandIn(const ForgeComment& comment,
                                                        std::int64_t number, bool on_issue);
  void TellCommands(std::vector<GivenCommand> given);
  absl::Status Converge(std::int64_t number);
  absl::Status WhoBrought(const std::string& commit);
  absl::Status ConvergeNotice();
  absl::Status ConvergeIssue();
  absl::Status ConvergeProposal();
  Outcome AfterFailure(const Ref& name, const absl::Status& status);
  EndedPullRequest WithShown(const PullRequest& facts) const;
  std::string Key(const char* what) const;
  void Tell(const std::function<void(ForgeNews&)>& change);

  Clock& clock_;
  Log& log_;
  GitMetrics& metrics_;
  const std::string source_;
  const Make make_;
  const std::function<void(const Ref&)> add_;
  const std::function<void()> on_news_;

  // The loop's thread.
  Outbox outbox_;
  std::shared_ptr<Forge> forge_;
  // Of which spec `forge_` was made, and the branch that pull requests go into.
  std::string made_of_;
  std::string branch_;
  absl::Duration looked_ = -absl::InfiniteDuration();
  // Pull requests whose comments are to be read: when they changed, by the forge's clock, and when
  // that was heard first, by Elapsed().
  struct Changed {
    absl::Time at;
    absl::Duration heard;
  };
  std::map<std::int64_t, Changed> changed_;
  std::map<std::string, Role> roles_;
  // The issue that stands; 0: none, or not known yet.
  std::int64_t issue_ = 0;
  // Errors that stand, by what was done.
  std::map<Ref, absl::Status> failures_;

  mutable Mutex mu_;
  // Calls of Look so far, and up to which one there was a list.
  std::int64_t looks_ ABSL_GUARDED_BY(mu_) = 0;
  std::int64_t answered_looks_ ABSL_GUARDED_BY(mu_) = 0;
  // The newest of each pull request.
  std::map<std::int64_t, Surface> to_post_ ABSL_GUARDED_BY(mu_);
  // By pull request and comment.
  std::map<std::pair<std::int64_t, std::string>, std::string> to_reply_ ABSL_GUARDED_BY(mu_);
  // By comment of the issue: until they are given.
  std::map<std::string, std::string> to_reply_on_issue_ ABSL_GUARDED_BY(mu_);
  // Pull requests about which something is to be said, or could not be.
  std::set<std::int64_t> waiting_ ABSL_GUARDED_BY(mu_);
  v1::Forge::Type type_ ABSL_GUARDED_BY(mu_) = v1::Forge::TYPE_UNSPECIFIED;
  std::optional<Notice> notice_ ABSL_GUARDED_BY(mu_);
  std::optional<ProposedChange> to_propose_ ABSL_GUARDED_BY(mu_);
  std::optional<ForgeNews> news_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
