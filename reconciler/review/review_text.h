// What stands in a pull request, in words: from what was found out about it to the Surface that
// shall stand. Pure: the same findings give the same bytes, so that nothing is written that stands
// there already. Whatever comes from outside is made harmless by engine/render.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/model/problem.h"
#include "reconciler/forge/forge.h"
#include "reconciler/review/surface.h"

namespace espalier {

// How far the look at a pull request has come.
enum class ReviewStage {
  // It is being read.
  kReading,
  // It could not be read: `failure` says why.
  kUnread,
  // Nothing of it lies in the source's folder.
  kUnrelated,
  // Checked without a look at anything that exists: its author may not see that.
  kValidated,
  // Planned against what exists.
  kPlanned,
};

struct ReviewFindings {
  std::string source;
  PullRequest pull_request;
  ReviewStage stage = ReviewStage::kReading;
  std::string failure;
  // The engine's revision when it was found out.
  std::int64_t revision = 0;
  // Of the files, of the merge, and of the engine, in that order.
  std::vector<Problem> problems;
  std::size_t objects = 0;
  std::size_t files = 0;
  // Of kPlanned; valid if there are no errors, and made all the same where it can be.
  Plan plan;
  // Rows about objects that the pull request touches.
  DriftReport drift;
  // Why nothing is applied at present whatever is merged; empty: nothing stands in the way.
  std::string suspended;
  // Where the whole plan can be read; empty: nowhere.
  std::string plan_url;
  // The address of where an action's object is declared; null: not known.
  std::function<std::string(const v1::Action& action)> link;
  // Lines that may carry a note of a review, where notes must lie in the diff; null: all.
  std::function<bool(const std::string& path, int line)> in_diff;
};

// The key of the markers of a source's comments: "plan/fleet".
std::string ReviewKey(const std::string& source);
// "espalier/plan/fleet": under which statuses stand.
std::string PlanContext(const std::string& source);
std::string ApplyContext(const std::string& source);

// What the plan destroys, "vm ci/build", sorted.
std::vector<std::string> DestroyedBy(const Plan& plan);

Surface SurfaceOf(const ReviewFindings& findings, const ForgeTraits& traits);

// What people look for in a plan first.
struct ReadPlan {
  bool refused = false;
  // As DestroyedBy.
  std::vector<std::string> destroys;
};

// How the plan of `findings`, which comes to `now`, is worse than the one `before`: it destroys
// more, or is refused. Empty: it is not.
std::string WorseningText(const ReviewFindings& findings, const ReadPlan& before,
                          const ReadPlan& now);

// What became of a pull request that was merged.
struct MergeOutcome {
  std::string source;
  PullRequest pull_request;
  // What was shown before the merge.
  ShownPlan shown;
  enum class Stage { kWaiting, kStopped, kApplied };
  Stage stage = Stage::kWaiting;
  // For kWaiting and kStopped: why.
  std::string reason;
  // The engine's revision at which that is so.
  std::int64_t revision = 0;
  // The plan that was carried out, or that is stopped. Not known: it was carried out long ago.
  Plan plan;
  bool plan_known = true;
  // For kApplied: the commit that was applied, which contains the merge.
  std::string applied_commit;
};

Surface SurfaceOf(const MergeOutcome& result, const ForgeTraits& traits);

// What stands on one that was closed without a merge or, where it is open, goes into another
// branch.
Surface SurfaceOfClosed(const std::string& source, const PullRequest& pull_request);

// The issue about what drifted and is not put right; empty if nothing is.
std::string DriftIssueBody(const std::string& source, const DriftReport& report);

}  // namespace espalier
