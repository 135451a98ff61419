#include "reconciler/review/command_call.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/hold.h"
#include "engine/model/ref.h"
#include "engine/render/safe_text.h"
#include "reconciler/apply_set.h"
#include "reconciler/conditions.h"

namespace espalier {
namespace {

// Shorter ones might mean something else tomorrow.
constexpr std::size_t kShortestCommit = 7;
constexpr std::size_t kShortestDigest = 8;
// A confirmation that is not used is not kept in store for another day.
constexpr std::int64_t kConfirmedSeconds = 24 * 3600;

std::string Short(const std::string& commit) { return commit.substr(0, kShortestCommit); }

// "4h" in seconds; nothing if it is no such time.
std::optional<std::int64_t> SecondsOf(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration()) {
    return std::nullopt;
  }
  return absl::ToInt64Seconds(duration);
}

class Call {
 public:
  Call(Resources& resources, const CallContext& call, const CommandContext& context)
      : resources_(resources), call_(call), context_(context) {}

  CommandAnswer CarryOut() {
    const GivenCommand& given = context_.given;
    if (given.command.verb == Command::Verb::kHelp) return {.text = CommandHelp()};
    if (given.role < ForgeRole::kWrite) {
      return {.text = "Only who may write to the project may do that."};
    }
    switch (given.command.verb) {
      case Command::Verb::kPlan:
        return Plan();
      case Command::Verb::kConfirm:
        return Confirm();
      case Command::Verb::kPause:
        return Pause();
      case Command::Verb::kResume:
        return Resume();
      case Command::Verb::kAdopt:
        return Adopt();
      case Command::Verb::kAcceptDrift:
        return AcceptDrift();
      default:
        return {.text = CommandHelp()};
    }
  }

 private:
  const std::vector<std::string>& words() const { return context_.given.command.words; }

  CommandAnswer Plan() {
    if (context_.given.on_issue) return {.text = "That is for pull requests."};
    if (context_.head.empty()) return {.text = "The pull request is not open any more."};
    if (words().empty()) {
      return {.text = absl::StrCat("Looking at `", Short(context_.head),
                                   "` again. One that comes from outside is planned only if the "
                                   "commit is named: `/espalier plan ",
                                   Short(context_.head), "`."),
              .plan_again = true};
    }
    // The commit that the person has seen, not the one that was pushed a moment ago.
    const std::string& commit = words().front();
    if (commit.size() < kShortestCommit || !absl::StartsWith(context_.head, commit)) {
      return {.text = absl::StrCat("The head is `", Short(context_.head), "`, not `",
                                   MarkdownText(commit), "`: look at it first.")};
    }
    return {.text = absl::StrCat("Planning `", Short(context_.head), "`."),
            .plan_head = true,
            .plan_again = true};
  }

  CommandAnswer Confirm() {
    if (words().empty()) return {.text = "Which plan? Its digest stands below it."};
    const std::string& given = words().front();
    for (const std::string& digest : context_.digests) {
      if (given.size() < kShortestDigest || !absl::StartsWith(digest, given)) continue;
      return Hold(kConfirmHold, digest, kConfirmedSeconds,
                  absl::StrCat("Confirmed: the plan `", digest.substr(0, 12),
                               "` may destroy what it says."));
    }
    return {.text = absl::StrCat("There is no plan `", MarkdownText(given),
                                 "` here any more: read the one that stands there now.")};
  }

  CommandAnswer Pause() {
    std::vector<std::string> reason = words();
    std::int64_t seconds = 0;
    if (!reason.empty()) {
      if (const std::optional<std::int64_t> given = SecondsOf(reason.front())) {
        seconds = *given;
        reason.erase(reason.begin());
      }
    }
    if (reason.empty()) return {.text = "Why? `/espalier pause 4h disk swap`."};
    return Hold(kSuspendHold, absl::StrCat(absl::StrJoin(reason, " "), " (", Asker(), ")"), seconds,
                seconds > 0 ? absl::StrCat("Nothing is applied for ",
                                           absl::FormatDuration(absl::Seconds(seconds)), ".")
                            : "Nothing is applied until `/espalier resume`.");
  }

  CommandAnswer Resume() {
    ApplyRequest request;
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(RefOf(context_.source));
    change.set_hold(kSuspendHold);
    change.set_clear(true);
    return Apply(std::move(request), "Changes are applied again.");
  }

  CommandAnswer Adopt() {
    if (words().empty()) return {.text = "What? `/espalier adopt vm/ci/build`."};
    if (context_.wanted == nullptr) return {.text = "Nothing was read from the branch yet."};
    ApplyRequest request;
    *request.mutable_owner() = OwnerOf(context_.source.metadata().name(), context_.wanted->commit);
    request.set_transfer(true);
    for (const std::string& word : words()) {
      const absl::StatusOr<Ref> ref = ParseRef(word);
      if (!ref.ok()) return {.text = MarkdownText(ref.status().message())};
      const auto found =
          std::find_if(context_.wanted->declared.begin(), context_.wanted->declared.end(),
                       [&](const LoadedObject& one) { return RefOf(one->resource()) == *ref; });
      if (found == context_.wanted->declared.end()) {
        return {.text = absl::StrCat("The branch does not declare ", MarkdownText(ToHuman(*ref)),
                                     ": only what is merged can be adopted.")};
      }
      *request.add_objects() = **found;
    }
    CommandAnswer answer = Apply(std::move(request), "Adopted.");
    answer.plan_again = true;
    return answer;
  }

  CommandAnswer AcceptDrift() {
    std::set<Ref> objects;
    for (const std::string& word : words()) {
      const absl::StatusOr<Ref> ref = ParseRef(word);
      if (!ref.ok()) return {.text = MarkdownText(ref.status().message())};
      objects.insert(*ref);
    }
    return {.accept = std::move(objects)};
  }

  CommandAnswer Hold(const char* hold, const std::string& why, std::int64_t seconds,
                     const std::string& done) {
    ApplyRequest request;
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(RefOf(context_.source));
    change.set_hold(hold);
    change.set_why(why);
    change.set_seconds(seconds);
    CommandAnswer answer = Apply(std::move(request), done);
    answer.plan_again = true;
    return answer;
  }

  CommandAnswer Apply(ApplyRequest request, const std::string& done) {
    if (!request.has_owner()) {
      *request.mutable_owner() = OwnerOf(context_.source.metadata().name(), "");
    }
    const absl::StatusOr<ApplyResult> result = resources_.Apply(call_, request);
    if (!result.ok()) {
      return {.text =
                  absl::StrCat("The engine refuses: ", MarkdownText(result.status().message()))};
    }
    const Verdict refused = RefusedBy(result->problems());
    if (!refused.message.empty()) {
      return {.text = absl::StrCat("The engine refuses: ", MarkdownText(refused.message))};
    }
    return {.text = done};
  }

  std::string Asker() const {
    return absl::StrCat(context_.given.author,
                        context_.given.on_issue ? " in issue " : " in pull request ",
                        context_.given.number);
  }

  Resources& resources_;
  const CallContext& call_;
  const CommandContext& context_;
};

}  // namespace

CommandAnswer CarryOutCommand(Resources& resources, const CallContext& call,
                              const CommandContext& context) {
  return Call(resources, call, context).CarryOut();
}

}  // namespace espalier
