#include "engine/model/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/model/diff.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Resource Vm(const std::map<std::string, std::string>& annotations = {}) {
  Resource resource;
  resource.mutable_metadata()->set_name("build");
  resource.mutable_metadata()->set_namespace_("ci");
  resource.mutable_metadata()->mutable_annotations()->insert(annotations.begin(),
                                                             annotations.end());
  resource.mutable_vm()->mutable_spec()->set_image("sonoma");
  ApplyDefaults(resource);
  return resource;
}

std::vector<std::string> Found(const Resource& resource) {
  Problems problems;
  Validate(resource, {}, problems);
  std::vector<std::string> texts;
  for (const Problem& problem : problems.list()) {
    texts.push_back(problem.path() + ": " + problem.message());
  }
  return texts;
}

TEST(PolicyTest, ReadsWhatTheAnnotationsSay) {
  const ObjectPolicies none = PoliciesOf(Vm().metadata().annotations());
  EXPECT_TRUE(none.prune && none.managed && none.recreate);
  EXPECT_FALSE(none.create_only || none.drift.has_value() || none.ready_timeout.has_value());
  const ObjectPolicies all = PoliciesOf(Vm({{"espalier/prune", "disabled"},
                                            {"espalier/managed", "disabled"},
                                            {"espalier/create-only", "true"},
                                            {"espalier/recreate", "disabled"},
                                            {"espalier/drift", "alert"},
                                            {"espalier/ready-timeout", "90m"},
                                            {"espalier/ignore", "spec.cpu, metadata.labels[team]"}})
                                            .metadata()
                                            .annotations());
  EXPECT_FALSE(all.prune || all.managed || all.recreate);
  EXPECT_TRUE(all.create_only);
  EXPECT_EQ(all.drift, v1::DriftPolicy::ALERT);
  EXPECT_EQ(all.ignore.size(), 2u);
  EXPECT_EQ(all.ready_timeout, absl::Minutes(90));
}

TEST(PolicyTest, NamesUnknownKeysValuesAndFieldsWithTheNearest) {
  struct Row {
    const char* key;
    const char* value;
    const char* message;
  };
  for (const Row& row : {
           Row{"espalier/prunes", "disabled", "did you mean espalier/prune?"},
           Row{"espalier/what-ever", "1", "is no policy"},
           Row{"espalier/prune", "disable", "did you mean disabled?"},
           Row{"espalier/create-only", "yes", "must be one of true, false; is \"yes\""},
           Row{"espalier/drift", "reprot", "did you mean report?"},
           Row{"espalier/ready-timeout", "soon", "is no duration; write 90s, 15m, 4h or 2d"},
           Row{"espalier/ready-timeout", "", "must be from 1s to 1d"},
           Row{"espalier/ready-timeout", "2d", "must be from 1s to 1d"},
           Row{"espalier/ignore", "spec.cpus", "did you mean cpu?"},
           Row{"espalier/ignore", "spec.cpu, ", "is no path of a field"},
           Row{"espalier/ignore", "spec.c*", "is no path of a field"},
           Row{"espalier/ignore", "status.phase", "must begin with spec."},
           Row{"espalier/ignore", "metadata.name", "only labels and annotations"},
           Row{"espalier/ignore", "spec.ports.http", "is a map: name an entry as [key]"},
           Row{"espalier/ignore", "spec.ports[http", "has a [ without its ]"},
           Row{"espalier/ignore", "spec.cpu.cores", "has no fields"},
       }) {
    SCOPED_TRACE(std::string(row.key) + "=" + row.value);
    const std::vector<std::string> found = Found(Vm({{row.key, row.value}}));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_THAT(found[0], HasSubstr(std::string("metadata.annotations[") + row.key + "]: "));
    EXPECT_THAT(found[0], HasSubstr(row.message));
  }
}

TEST(PolicyTest, TakesTheEnginesNotesAndEverybodyElsesAnnotations) {
  EXPECT_THAT(Found(Vm({{"espalier/created-by", "ana"},
                        {"espalier/template", "0"},
                        {"team/espalier", "x"},
                        {"espalier/ignore", "spec.ports[*].guest, spec.*, spec.host_labels"}})),
              IsEmpty());
}

std::vector<FieldGlob> Globs(const std::vector<std::string>& texts) {
  std::vector<FieldGlob> globs;
  for (const std::string& text : texts) {
    const absl::StatusOr<FieldGlob> glob = ParseFieldGlob(text);
    EXPECT_TRUE(glob.ok()) << glob.status();
    globs.push_back(*glob);
  }
  return globs;
}

TEST(FieldGlobTest, KeepsWholeFieldsEntriesAndWhatLiesBelow) {
  Resource live = Vm();
  v1::VmSpec& had = *live.mutable_vm()->mutable_spec();
  had.set_cpu(8);
  (*had.mutable_ports())["http"].set_guest(80);
  (*had.mutable_ports())["old"].set_guest(1);
  (*live.mutable_metadata()->mutable_labels())["a.b]c"] = "live";
  Resource declared = Vm();
  v1::VmSpec& wanted = *declared.mutable_vm()->mutable_spec();
  wanted.set_cpu(2);
  (*wanted.mutable_ports())["http"].set_guest(8080);
  (*wanted.mutable_ports())["new"].set_guest(2);
  (*declared.mutable_metadata()->mutable_labels())["a.b]c"] = "declared";

  Resource kept = declared;
  KeepFields(Globs({"spec.cpu", "metadata.labels[a.b]c]"}), live, kept);
  EXPECT_EQ(kept.vm().spec().cpu(), 8u);
  EXPECT_EQ(kept.metadata().labels().at("a.b]c"), "live");
  EXPECT_EQ(kept.vm().spec().ports().at("http").guest(), 8080u);

  kept = declared;
  KeepFields(Globs({"spec.ports[*].guest"}), live, kept);
  EXPECT_EQ(kept.vm().spec().ports().at("http").guest(), 80u);
  EXPECT_EQ(kept.vm().spec().ports().at("new").guest(), 2u) << "made as declared";
  EXPECT_FALSE(kept.vm().spec().ports().contains("old")) << "goes as declared";

  kept = declared;
  KeepFields(Globs({"spec.ports[*]"}), live, kept);
  EXPECT_EQ(kept.vm().spec().ports_size(), 2);
  EXPECT_TRUE(kept.vm().spec().ports().contains("old"));

  kept = declared;
  KeepFields(Globs({"spec.*", "metadata.labels"}), live, kept);
  EXPECT_THAT(Diff(live, kept), IsEmpty());
}

TEST(FieldGlobTest, KeepsThatAFieldIsNotThere) {
  Resource live = Vm();
  Resource declared = Vm();
  declared.mutable_vm()->mutable_spec()->set_host("mac-01");
  KeepFields(Globs({"spec.host"}), live, declared);
  EXPECT_FALSE(declared.vm().spec().has_host());
}

std::vector<FieldGlob> IgnoredBy(const IgnoreRules& rules, const Resource& resource) {
  std::vector<FieldGlob> globs;
  IgnoreBook(rules).AddFields(RefOf(resource), globs);
  return globs;
}

TEST(IgnoreRuleTest, ConcernsObjectsByKindAndName) {
  IgnoreRules rules;
  v1::IgnoreRule& rule = rules["cpu"];
  rule.add_fields("spec.cpu");
  EXPECT_EQ(IgnoredBy(rules, Vm()).size(), 1u);
  rule.add_kinds("VmPool");
  EXPECT_THAT(IgnoredBy(rules, Vm()), IsEmpty());
  rule.add_kinds("vm");
  rule.add_names("ci/bu*");
  EXPECT_EQ(IgnoredBy(rules, Vm()).size(), 1u);
  rule.set_names(0, "default/*");
  EXPECT_THAT(IgnoredBy(rules, Vm()), IsEmpty());
  rule.set_names(0, "*ld");
  EXPECT_EQ(IgnoredBy(rules, Vm()).size(), 1u);
}

TEST(IgnoreRuleTest, MatchesTextWithStars) {
  struct Row {
    const char* glob;
    const char* text;
    bool matches;
  };
  for (const Row& row :
       {Row{"a", "a", true}, Row{"a", "ab", false}, Row{"*", "", true}, Row{"a*", "abc", true},
        Row{"*c", "abc", true}, Row{"a*c", "ac", true}, Row{"ab*bc", "abc", false},
        Row{"*b*", "abc", true}, Row{"*b*b*", "abc", false}, Row{"a**c", "abbc", true}}) {
    EXPECT_EQ(MatchesGlob(row.glob, row.text), row.matches) << row.glob << " " << row.text;
  }
}

// Backtracking would take longer than the test's limit.
TEST(IgnoreRuleTest, B15StarsNeverBacktrack) {
  std::string glob;
  for (int i = 0; i < 2000; ++i) glob += "a*";
  EXPECT_FALSE(MatchesGlob(glob + "b", std::string(100'000, 'a')));
}

TEST(SourceRulesTest, NamesTheComparisonThatIsNone) {
  Resource source;
  source.mutable_metadata()->set_name("apps");
  v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
  spec.set_repository("/srv/fleet.git");
  ApplyDefaults(source);
  spec.mutable_tags()->set_range("^1.2 !=1.3");
  EXPECT_THAT(Found(source), ::testing::ElementsAre(HasSubstr(
                                 "spec.tags.range: \"!=1.3\" is no comparison with a version")));
  spec.mutable_tags()->set_range(",");
  EXPECT_THAT(Found(source), ::testing::ElementsAre(
                                 HasSubstr("spec.tags.range: the range compares with no version")));
  spec.mutable_tags()->set_range(">= 1.2, <3.x || 4");
  EXPECT_THAT(Found(source), ::testing::SizeIs(1));
  spec.mutable_tags()->set_range(">=1.2.0-rc.1 <3");
  EXPECT_THAT(Found(source), IsEmpty());
}

TEST(SourceRulesTest, NamesDaysTimeZonesFieldsAndItself) {
  Resource source;
  source.mutable_metadata()->set_name("apps");
  v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
  spec.set_repository("/srv/fleet.git");
  v1::Window& made = (*spec.mutable_windows())["night"];
  made.set_effect(v1::Window::ALLOW);
  made.set_start("22:30");
  made.set_minutes(60);
  made.set_time_zone("Europe/Berlin");
  made.add_days("mon");
  (*spec.mutable_ignore())["cpu"].add_fields("spec.cpu");
  ApplyDefaults(source);
  EXPECT_THAT(Found(source), IsEmpty());
  // Defaults make maps anew.
  v1::Window& window = (*spec.mutable_windows())["night"];
  v1::IgnoreRule& rule = (*spec.mutable_ignore())["cpu"];
  window.add_days("tuesday");
  window.set_time_zone("Europe/Berlni");
  rule.add_fields("spec.cpus");
  rule.add_kinds("vm");
  rule.add_kinds("wm");
  spec.add_after("apps");
  EXPECT_THAT(Found(source), ::testing::ElementsAre(
                                 HasSubstr("spec.windows[night].days[1]: is \"tuesday\""),
                                 HasSubstr("spec.windows[night].time_zone"),
                                 HasSubstr("spec.ignore[cpu].kinds[1]: there is no kind \"wm\""),
                                 HasSubstr("spec.after[0]: a source cannot wait for itself")));
  rule.mutable_kinds()->RemoveLast();
  EXPECT_THAT(Found(source), ::testing::Contains(HasSubstr("did you mean cpu?")));
}

}  // namespace
}  // namespace espalier
