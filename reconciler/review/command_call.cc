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
#include "engine/render/words.h"
#include "reconciler/apply_set.h"
#include "reconciler/conditions.h"
#include "reconciler/review/review_text.h"

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

  // Only what git declares now, within the source's scope, and nothing that is destroyed by it: who
  // adopts reads no plan.
  CommandAnswer Adopt() {
    if (words().empty()) return {.text = "What? `/espalier adopt vm/ci/build`."};
    if (context_.wanted == nullptr) return {.text = "Nothing was read from the branch yet."};
    if (context_.wanted->commit != context_.target) {
      return {.text = "What the branch declares now is not valid: that comes first."};
    }
    if (!context_.pace.may_apply) {
      return {.text = absl::StrCat("Not now: ", MarkdownText(context_.pace.message), ".")};
    }
    std::set<Ref> objects;
    for (const std::string& word : words()) {
      const absl::StatusOr<Ref> ref = ParseRef(word);
      if (!ref.ok()) return {.text = MarkdownText(ref.status().message())};
      if (!IsDeclared(*ref)) {
        return {.text = absl::StrCat("The branch does not declare ", MarkdownText(ToHuman(*ref)),
                                     ": only what is merged can be adopted.")};
      }
      objects.insert(*ref);
    }
    const std::string& source = context_.source.metadata().name();
    ApplyRequest request =
        CorrectionOf(source, context_.source.git_source().spec(), *context_.wanted, objects);
    request.set_transfer(true);
    request.set_dry_run(true);
    const absl::StatusOr<ApplyResult> planned = resources_.Apply(call_, request);
    if (std::string refused = WhyRefused(planned); !refused.empty()) return {.text = refused};
    const std::vector<std::string> destroyed = DestroyedBy(planned->plan());
    if (!destroyed.empty()) {
      return {.text = absl::StrCat(
                  "As it is declared that would destroy ",
                  MarkdownText(absl::StrJoin(destroyed, ", ")),
                  ". Declare it as it is, adopt it, and change it in a pull request with a plan.")};
    }
    request.set_dry_run(false);
    request.set_expected_digest(planned->plan().digest());
    CommandAnswer answer = Apply(std::move(request), AdoptedText(planned->plan()));
    answer.plan_again = true;
    return answer;
  }

  bool IsDeclared(const Ref& ref) const {
    const auto& declared = context_.wanted->declared;
    return std::any_of(declared.begin(), declared.end(),
                       [&](const LoadedObject& one) { return RefOf(one->resource()) == ref; });
  }

  // What became of each.
  static std::string AdoptedText(const v1::Plan& plan) {
    std::vector<std::string> lines;
    lines.reserve(plan.actions_size());
    for (const v1::Action& action : plan.actions()) {
      const bool adopted = action.verb() == v1::Action::ADOPT;
      lines.push_back(absl::StrCat(
          "- ", adopted ? "Adopted " : "Not adopted: ", MarkdownText(ObjectText(action.ref())),
          ": ", MarkdownText(action.reason())));
    }
    return absl::StrJoin(lines, "\n");
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
    const std::string refused = WhyRefused(resources_.Apply(call_, request));
    if (!refused.empty()) return {.text = refused};
    return {.text = done};
  }

  // Empty: the engine does not refuse.
  static std::string WhyRefused(const absl::StatusOr<ApplyResult>& result) {
    const std::string why = result.ok() ? RefusedBy(result->problems()).message
                                        : std::string(result.status().message());
    return why.empty() ? "" : absl::StrCat("The engine refuses: ", MarkdownText(why));
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
