#include "reconciler/git_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/field.h"
#include "engine/model/ref.h"
#include "reconciler/forge/pace.h"

namespace espalier {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Words = std::map<std::string, std::string>;

// Seconds; from a fetch that finds nothing new to the deadline of one that hangs, and a plan of a
// large set.
const Histogram::BucketBoundaries kWork = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                           1,    2.5,   5,    10,  30,   60};
// Seconds; from a push that is applied at once to one that waited for a window or for somebody.
const Histogram::BucketBoundaries kWaits = {0.25, 0.5, 1,   2.5,  5,    10,
                                            30,   60,  300, 1800, 7200, 86400};

constexpr const char* kVerbs[] = {"create", "update", "replace", "adopt", "delete"};
// The problems that keep something from being pruned.
constexpr const char* kPruneReasons[] = {"budget_exceeded", "empty_set", "incomplete_scope",
                                         "not_pruned"};
constexpr v1::Forge::Type kForges[] = {v1::Forge::GITHUB, v1::Forge::GITLAB, v1::Forge::GITEA};

// The series have known words only: whatever a newer engine may say besides is "none".
std::string WordOf(Owner::Manager manager) {
  const bool known = manager != Owner::MANAGER_UNSPECIFIED && Owner::Manager_IsValid(manager);
  return known ? EnumWord(manager) : "none";
}

std::string WordOf(v1::Forge::Type forge) {
  return forge == v1::Forge::TYPE_UNSPECIFIED ? "none" : EnumWord(forge);
}

std::vector<std::string> ManagerWords() {
  std::vector<std::string> words = EnumNames(*Owner::Manager_descriptor());
  words.push_back("none");
  return words;
}

std::vector<std::string> ClassWords() { return EnumNames(*v1::DriftRow::Class_descriptor()); }

// The codes that forges answer with; a server may make up a thousand others.
std::string CodeWord(const absl::StatusOr<HttpResponse>& answer) {
  constexpr int kCodes[] = {200, 201, 202, 204, 301, 302, 304, 307, 308, 400, 401,
                            403, 404, 405, 409, 410, 422, 429, 500, 502, 503, 504};
  if (!answer.ok()) return "none";
  const bool known =
      std::find(std::begin(kCodes), std::end(kCodes), answer->status) != std::end(kCodes);
  return known ? absl::StrCat(answer->status) : "other";
}

// One series, for as long as this lives.
template <typename T>
class Series {
 public:
  template <typename... Args>
  Series(Family<T>& family, const Words& labels, const Args&... args)
      : family_(family), series_(family.Add(labels, args...)) {}
  ~Series() { family_.Remove(&series_); }
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  T* operator->() { return &series_; }

 private:
  Family<T>& family_;
  T& series_;
};

// The series of one source that differ in one more label, by its words. All are there from the
// beginning: what never happened is 0 and not absent.
template <typename T>
class ByWord {
 public:
  template <typename List>
  ByWord(Family<T>& family, const std::string& source, const char* label, const List& words) {
    for (const auto& word : words) {
      series_.try_emplace(word, family, Words{{"source", source}, {label, word}});
    }
  }
  // REQUIRES: one of the words.
  T& operator[](const std::string& word) { return *series_.at(word).operator->(); }

 private:
  std::map<std::string, Series<T>> series_;
};

}  // namespace

struct GitMetrics::Families {
  Family<Counter>& NewCounter(const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry);
  }
  Family<Gauge>& NewGauge(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry);
  }
  Family<Histogram>& NewHistogram(const char* name, const char* help) {
    return BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prometheus::Registry registry;
  Family<Histogram>& fetch =
      NewHistogram("espalier_git_fetch_seconds", "How long fetches took, by their result.");
  Family<Gauge>& fetch_age = NewGauge("espalier_git_fetch_age_seconds",
                                      "Since the repository last said where the source's ref is.");
  Family<Gauge>& mirror_bytes =
      NewGauge("espalier_git_mirror_bytes", "Bytes of the packs of the source's mirror.");
  Family<Gauge>& mirror_packs =
      NewGauge("espalier_git_mirror_packs", "Packs of the source's mirror.");
  Family<Counter>& parsed =
      NewCounter("espalier_git_parse_objects_total",
                 "Objects in files that were parsed, by whether the whole set was valid.");
  Family<Histogram>& plan =
      NewHistogram("espalier_git_plan_seconds", "How long plans took, pull requests' as well.");
  Family<Gauge>& plan_actions =
      NewGauge("espalier_git_plan_actions",
               "What the last plan of the source's own commit has yet to do, by verb.");
  Family<Histogram>& apply = NewHistogram("espalier_git_apply_seconds", "How long applies took.");
  Family<Histogram>& push_to_applied =
      NewHistogram("espalier_git_push_to_applied_seconds",
                   "From the webhook of a push, or the poll that found it, to its being applied.");
  Family<Counter>& conflicts =
      NewCounter("espalier_git_conflicts_total",
                 "Objects that could not be applied because another manager owns them.");
  Family<Counter>& prune_blocked = NewCounter(
      "espalier_git_prune_blocked_total",
      "What was not pruned although it is not declared any more, by the problem's code.");
  Family<Gauge>& drift =
      NewGauge("espalier_git_drift_objects", "Rows of the source's drift report, by class.");
  Family<Counter>& fights =
      NewCounter("espalier_git_fights_total",
                 "Objects whose correction stopped because somebody changes them back.");
  Family<Gauge>& suspended =
      NewGauge("espalier_git_suspended", "1 while somebody has suspended the source, or all.");
  Family<Gauge>& outbox =
      NewGauge("espalier_git_report_outbox_depth",
               "Pull requests about which something waits to be said, by forge.");
  Family<Counter>& forge_requests =
      NewCounter("espalier_git_forge_requests_total", "Requests to forges, by status code.");
  Family<Gauge>& rate_limit = NewGauge("espalier_git_forge_ratelimit_remaining",
                                       "Requests that the forge's last answer still allowed.");
};

struct GitMetrics::OfSource {
  OfSource(Families& families, const std::string& source, absl::Duration now)
      : OfSource(families, Words{{"source", source}}, source, now) {}

  // Counts what is not known already; what is not found again may come back.
  static void CountNew(std::map<std::string, std::string> found,
                       std::map<std::string, std::string>& known, ByWord<Counter>& counters) {
    for (const auto& [what, word] : found) {
      if (!known.contains(what)) counters[word].Increment();
    }
    known = std::move(found);
  }

  absl::Duration heard;
  // What stood against the last plan.
  std::map<std::string, std::string> known_conflicts;
  std::map<std::string, std::string> known_kept;
  v1::Forge::Type forge = v1::Forge::TYPE_UNSPECIFIED;
  std::size_t outbox = 0;

  Series<Histogram> fetched;
  Series<Histogram> fetch_failed;
  Series<Gauge> fetch_age;
  Series<Gauge> mirror_bytes;
  Series<Gauge> mirror_packs;
  ByWord<Counter> parsed;
  Series<Histogram> plan;
  ByWord<Gauge> plan_actions;
  Series<Histogram> apply;
  Series<Histogram> push_to_applied;
  ByWord<Counter> conflicts;
  ByWord<Counter> prune_blocked;
  ByWord<Gauge> drift;
  Series<Counter> fights;
  Series<Gauge> suspended;

 private:
  OfSource(Families& families, const Words& own, const std::string& source, absl::Duration now)
      : heard(now),
        fetched(families.fetch, Words{{"source", source}, {"result", "ok"}}, kWork),
        fetch_failed(families.fetch, Words{{"source", source}, {"result", "failed"}}, kWork),
        fetch_age(families.fetch_age, own),
        mirror_bytes(families.mirror_bytes, own),
        mirror_packs(families.mirror_packs, own),
        parsed(families.parsed, source, "result", kResults),
        plan(families.plan, own, kWork),
        plan_actions(families.plan_actions, source, "verb", kVerbs),
        apply(families.apply, own, kWork),
        push_to_applied(families.push_to_applied, own, kWaits),
        conflicts(families.conflicts, source, "manager", ManagerWords()),
        prune_blocked(families.prune_blocked, source, "reason", kPruneReasons),
        drift(families.drift, source, "class", ClassWords()),
        fights(families.fights, own),
        suspended(families.suspended, own) {}

  static constexpr const char* kResults[] = {"valid", "invalid"};
};

GitMetrics::GitMetrics(Clock& clock) : clock_(clock), families_(std::make_unique<Families>()) {}
GitMetrics::~GitMetrics() = default;

GitMetrics::OfSource* GitMetrics::Find(const std::string& source) {
  const auto found = sources_.find(source);
  return found == sources_.end() ? nullptr : found->second.get();
}

void GitMetrics::Follow(const std::string& source) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  if (sources_.size() >= limits::kGitSources || sources_.contains(source)) return;
  sources_[source] = std::make_unique<OfSource>(*families_, source, now);
}

void GitMetrics::Leave(const std::string& source) {
  MutexLock lock(mu_);
  sources_.erase(source);
}

void GitMetrics::Fetched(const std::string& source, bool succeeded, absl::Duration took) {
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  (succeeded ? of->fetched : of->fetch_failed)->Observe(absl::ToDoubleSeconds(took));
}

void GitMetrics::MirrorIs(const std::string& source, std::int64_t bytes, std::int64_t packs) {
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  of->mirror_bytes->Set(static_cast<double>(bytes));
  of->mirror_packs->Set(static_cast<double>(packs));
}

void GitMetrics::Heard(const std::string& source) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) of->heard = now;
}

void GitMetrics::Parsed(const std::string& source, const LoadedSet& set) {
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  of->parsed[set.valid() ? "valid" : "invalid"].Increment(static_cast<double>(set.parsed_objects));
}

void GitMetrics::PlanTook(const std::string& source, absl::Duration took) {
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) of->plan->Observe(absl::ToDoubleSeconds(took));
}

void GitMetrics::PlanIs(const std::string& source, const ApplyResult& plan, FindObject find) {
  // What stands in the way, and the word that it is counted under.
  std::map<std::string, std::string> conflicts;
  std::map<std::string, std::string> kept;
  for (const v1::Problem& problem : plan.problems()) {
    const absl::StatusOr<Ref> ref = FromProto(problem.ref());
    const std::string what =
        absl::StrCat(problem.code(), " ", ref.ok() ? ToString(*ref) : std::string());
    if (problem.code() == "owner_conflict" || problem.code() == "controller_owned") {
      const Resource* object = ref.ok() ? find(*ref) : nullptr;
      conflicts[what] = WordOf(object == nullptr ? Owner::MANAGER_UNSPECIFIED
                                                 : object->metadata().owner().manager());
    } else if (std::find(std::begin(kPruneReasons), std::end(kPruneReasons), problem.code()) !=
               std::end(kPruneReasons)) {
      kept[what] = problem.code();
    }
  }
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  of->plan_actions["create"].Set(plan.plan().creates());
  of->plan_actions["update"].Set(plan.plan().updates());
  of->plan_actions["replace"].Set(plan.plan().replaces());
  of->plan_actions["adopt"].Set(plan.plan().adopts());
  of->plan_actions["delete"].Set(plan.plan().deletes());
  OfSource::CountNew(std::move(conflicts), of->known_conflicts, of->conflicts);
  OfSource::CountNew(std::move(kept), of->known_kept, of->prune_blocked);
}

void GitMetrics::NothingLeft(const std::string& source) {
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  for (const char* verb : kVerbs) of->plan_actions[verb].Set(0);
}

void GitMetrics::Applied(const std::string& source, absl::Duration took) {
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) of->apply->Observe(absl::ToDoubleSeconds(took));
}

void GitMetrics::PushApplied(const std::string& source, absl::Duration since_push) {
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) {
    of->push_to_applied->Observe(absl::ToDoubleSeconds(since_push));
  }
}

void GitMetrics::DriftIs(const std::string& source, const DriftReport& report) {
  std::map<std::string, int> counts;
  for (const v1::DriftRow& row : report.rows()) {
    // What was healed is listed for an hour, and is no drift any more.
    if (!row.has_healed_at()) ++counts[EnumWord(row.class_())];
  }
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  for (const std::string& word : ClassWords()) of->drift[word].Set(counts[word]);
}

void GitMetrics::FightBegan(const std::string& source) {
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) of->fights->Increment();
}

void GitMetrics::SuspendedIs(const std::string& source, bool suspended) {
  MutexLock lock(mu_);
  if (OfSource* of = Find(source)) of->suspended->Set(suspended ? 1 : 0);
}

void GitMetrics::OutboxIs(const std::string& source, v1::Forge::Type forge, std::size_t depth) {
  MutexLock lock(mu_);
  OfSource* of = Find(source);
  if (of == nullptr) return;
  of->forge = forge;
  of->outbox = depth;
}

void GitMetrics::ForgeAnswered(v1::Forge::Type forge, const absl::StatusOr<HttpResponse>& answer) {
  const std::string word = WordOf(forge);
  families_->forge_requests.Add({{"forge", word}, {"code", CodeWord(answer)}}).Increment();
  if (!answer.ok()) return;
  if (const std::optional<std::int64_t> left = forge::RemainingRequests(*answer)) {
    families_->rate_limit.Add({{"forge", word}}).Set(static_cast<double>(*left));
  }
}

std::string GitMetrics::Text() {
  const absl::Duration now = clock_.Elapsed();
  {
    MutexLock lock(mu_);
    std::map<v1::Forge::Type, std::size_t> depths;
    for (const auto& [name, of] : sources_) {
      of->fetch_age->Set(absl::ToDoubleSeconds(now - of->heard));
      depths[of->forge] += of->outbox;
    }
    for (const v1::Forge::Type forge : kForges) {
      families_->outbox.Add({{"forge", WordOf(forge)}}).Set(static_cast<double>(depths[forge]));
    }
  }
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace espalier
