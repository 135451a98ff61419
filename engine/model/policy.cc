#include "engine/model/policy.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/model/duration_text.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

constexpr absl::string_view kPrefix = "espalier/";

struct PolicyForm {
  enum class Says { kWord, kFields, kDuration };
  const char* key;
  Says says = Says::kWord;
  // The words that may be said.
  std::vector<std::string> words;
};

const std::vector<PolicyForm>& Forms() {
  static const auto& forms = *new std::vector<PolicyForm>{
      {.key = kPrunePolicy, .words = {"enabled", "disabled"}},
      {.key = kManagedPolicy, .words = {"enabled", "disabled"}},
      {.key = kCreateOnlyPolicy, .words = {"true", "false"}},
      {.key = kIgnorePolicy, .says = PolicyForm::Says::kFields, .words = {}},
      {.key = kRecreatePolicy, .words = {"allowed", "disabled"}},
      {.key = kDriftPolicy, .words = {"report", "alert", "correct"}},
      {.key = kReadyTimeoutPolicy, .says = PolicyForm::Says::kDuration, .words = {}},
  };
  return forms;
}

const PolicyForm* FormOf(absl::string_view key) {
  for (const PolicyForm& form : Forms()) {
    if (key == form.key) return &form;
  }
  return nullptr;
}

std::vector<absl::string_view> FieldsIn(absl::string_view text) {
  std::vector<absl::string_view> fields;
  for (absl::string_view field : absl::StrSplit(text, ',')) {
    fields.push_back(absl::StripAsciiWhitespace(field));
  }
  return fields;
}

// "; did you mean x?", or nothing.
std::string Hint(absl::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

void CheckKey(const std::string& key, const std::string& path, Problems& problems) {
  std::vector<std::string> known;
  for (const PolicyForm& form : Forms()) known.push_back(form.key);
  const std::string hint = Hint(key, known);
  problems.Error("unknown_policy", path,
                 absl::StrCat("is no policy; annotations that begin with espalier/ are ",
                              absl::StrJoin(known, ", "), hint));
}

void CheckFields(absl::string_view text, const KindInfo& kind, const std::string& path,
                 Problems& problems) {
  for (absl::string_view field : FieldsIn(text)) {
    const absl::StatusOr<FieldGlob> glob = ParseFieldGlob(field);
    const std::string why =
        glob.ok() ? WhyNoSuchField(*glob, kind) : std::string(glob.status().message());
    if (!why.empty()) problems.Error("invalid_value", path, why);
  }
}

void CheckWord(const std::string& word, const PolicyForm& form, const std::string& path,
               Problems& problems) {
  if (std::find(form.words.begin(), form.words.end(), word) != form.words.end()) return;
  problems.Error("invalid_value", path,
                 absl::StrCat("must be one of ", absl::StrJoin(form.words, ", "), "; is \"", word,
                              "\"", Hint(word, form.words)));
}

// As that of a GitSource.
constexpr std::int64_t kLongestTimeoutSeconds = 86400;

absl::StatusOr<std::int64_t> TimeoutFrom(absl::string_view text) {
  const absl::StatusOr<std::int64_t> seconds = SecondsFromText(text);
  if (seconds.ok() && (*seconds < 1 || *seconds > kLongestTimeoutSeconds)) {
    return absl::InvalidArgumentError(absl::StrCat("must be from 1s to 1d; is \"", text, "\""));
  }
  return seconds;
}

void CheckTimeout(absl::string_view text, const std::string& path, Problems& problems) {
  const absl::Status status = TimeoutFrom(text).status();
  if (!status.ok()) problems.Error("invalid_value", path, status.message());
}

// In "ci/build-*" the part before the slash is the namespace; without one every namespace is meant.
bool NamesObject(absl::string_view glob, const Ref& ref) {
  if (absl::StrContains(glob, "/")) return MatchesGlob(glob, absl::StrCat(ref.ns, "/", ref.name));
  return MatchesGlob(glob, ref.name);
}

// Of all the kinds that a rule is about one at least has to have the field.
std::string WhyNoneHas(const FieldGlob& glob, const v1::IgnoreRule& rule) {
  std::string why;
  for (const KindInfo& kind : AllKinds()) {
    const bool meant = rule.kinds().empty() || std::any_of(rule.kinds().begin(), rule.kinds().end(),
                                                           [&](const std::string& name) {
                                                             return FindKind(name) == &kind;
                                                           });
    if (!meant) continue;
    why = WhyNoSuchField(glob, kind);
    if (why.empty()) return "";
  }
  return rule.kinds_size() == 1 ? why : "none of the kinds has such a field";
}

}  // namespace

bool IsEngineNote(absl::string_view key) { return key == kCreatedByNote || key == kTemplateNote; }

bool IsPolicy(absl::string_view key) { return FormOf(key) != nullptr; }

ObjectPolicies PoliciesOf(const Annotations& annotations) {
  ObjectPolicies policies;
  const auto says = [&](const char* key, absl::string_view value) {
    const auto found = annotations.find(key);
    return found != annotations.end() && found->second == value;
  };
  policies.prune = !says(kPrunePolicy, "disabled");
  policies.managed = !says(kManagedPolicy, "disabled");
  policies.create_only = says(kCreateOnlyPolicy, "true");
  policies.recreate = !says(kRecreatePolicy, "disabled");
  if (says(kDriftPolicy, "report")) policies.drift = v1::DriftPolicy::REPORT;
  if (says(kDriftPolicy, "alert")) policies.drift = v1::DriftPolicy::ALERT;
  if (says(kDriftPolicy, "correct")) policies.drift = v1::DriftPolicy::CORRECT;
  if (const auto ignore = annotations.find(kIgnorePolicy); ignore != annotations.end()) {
    for (absl::string_view field : FieldsIn(ignore->second)) {
      if (absl::StatusOr<FieldGlob> glob = ParseFieldGlob(field); glob.ok()) {
        policies.ignore.push_back(*std::move(glob));
      }
    }
  }
  if (const auto timeout = annotations.find(kReadyTimeoutPolicy); timeout != annotations.end()) {
    const absl::StatusOr<std::int64_t> seconds = TimeoutFrom(timeout->second);
    if (seconds.ok()) policies.ready_timeout = absl::Seconds(*seconds);
  }
  return policies;
}

void CheckPolicies(const Resource& resource, Problems& problems) {
  // Maps have no order; problems shall have one.
  std::map<std::string, std::string> said;
  for (const auto& [key, value] : resource.metadata().annotations()) {
    // The engine's notes come back in what `get -o yaml` printed; they are dropped, as a uid is.
    if (absl::StartsWith(key, kPrefix) && !IsEngineNote(key)) said.emplace(key, value);
  }
  for (const auto& [key, value] : said) {
    const std::string path = absl::StrCat("metadata.annotations[", key, "]");
    const PolicyForm* form = FormOf(key);
    if (form == nullptr) {
      CheckKey(key, path, problems);
      continue;
    }
    switch (form->says) {
      case PolicyForm::Says::kWord:
        CheckWord(value, *form, path, problems);
        break;
      case PolicyForm::Says::kFields:
        CheckFields(value, InfoOf(resource.body_case()), path, problems);
        break;
      case PolicyForm::Says::kDuration:
        CheckTimeout(value, path, problems);
        break;
    }
  }
}

IgnoreBook::IgnoreBook(const IgnoreRules& rules) {
  for (const auto& [name, rule] : rules) {
    Page page{.kinds = {}, .names = {rule.names().begin(), rule.names().end()}, .fields = {}};
    for (const std::string& kind : rule.kinds()) {
      const KindInfo* info = FindKind(kind);
      page.kinds.push_back(info == nullptr ? kNoKind : info->kind);
    }
    for (const std::string& field : rule.fields()) {
      if (absl::StatusOr<FieldGlob> glob = ParseFieldGlob(field); glob.ok()) {
        page.fields.push_back(*std::move(glob));
      }
    }
    pages_.push_back(std::move(page));
  }
}

void IgnoreBook::AddFields(const Ref& ref, std::vector<FieldGlob>& out) const {
  for (const Page& page : pages_) {
    const bool of_kind = page.kinds.empty() || std::find(page.kinds.begin(), page.kinds.end(),
                                                         ref.kind) != page.kinds.end();
    const bool named = page.names.empty() ||
                       std::any_of(page.names.begin(), page.names.end(),
                                   [&](const std::string& glob) { return NamesObject(glob, ref); });
    if (of_kind && named) out.insert(out.end(), page.fields.begin(), page.fields.end());
  }
}

void CheckIgnoreRules(const IgnoreRules& rules, const std::string& path, Problems& problems) {
  const std::map<std::string, v1::IgnoreRule> sorted(rules.begin(), rules.end());
  std::vector<std::string> kinds;
  for (const KindInfo& kind : AllKinds()) kinds.push_back(kind.name);
  for (const auto& [name, rule] : sorted) {
    const std::string at = absl::StrCat(path, "[", name, "]");
    bool known = true;
    for (int i = 0; i < rule.kinds_size(); ++i) {
      if (FindKind(rule.kinds(i)) != nullptr) continue;
      known = false;
      problems.Error(
          "invalid_value", absl::StrCat(at, ".kinds[", i, "]"),
          absl::StrCat("there is no kind \"", rule.kinds(i), "\"", Hint(rule.kinds(i), kinds)));
    }
    for (int i = 0; i < rule.fields_size(); ++i) {
      const absl::StatusOr<FieldGlob> glob = ParseFieldGlob(rule.fields(i));
      std::string why(glob.status().message());
      if (glob.ok() && known) why = WhyNoneHas(*glob, rule);
      if (!why.empty()) {
        problems.Error("invalid_value", absl::StrCat(at, ".fields[", i, "]"), why);
      }
    }
  }
}

bool MatchesGlob(absl::string_view glob, absl::string_view text) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(glob, '*');
  if (pieces.size() == 1) return glob == text;
  if (!absl::StartsWith(text, pieces.front())) return false;
  text.remove_prefix(pieces.front().size());
  if (!absl::EndsWith(text, pieces.back())) return false;
  text.remove_suffix(pieces.back().size());
  // Between the two ends the first place of each piece is as good as any other.
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const std::size_t at = text.find(pieces[i]);
    if (at == absl::string_view::npos) return false;
    text.remove_prefix(at + pieces[i].size());
  }
  return true;
}

}  // namespace espalier
