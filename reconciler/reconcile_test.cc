// Sources over a real engine, real repositories and virtual time; only the threads are left out.
#include "reconciler/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Pulls at once, on the caller's thread.
class InlinePulls final : public Pulls {
 public:
  using Make = std::function<std::unique_ptr<SourcePull>(const std::string&)>;
  InlinePulls(Make make, std::function<void(const std::string&)> done)
      : make_(std::move(make)), done_(std::move(done)) {}

  absl::Status Start(const std::string& source, PullRequest request) override {
    ++started;
    std::unique_ptr<SourcePull>& pull = pulls_[source];
    if (pull == nullptr) pull = make_(source);
    results_[source] = pull->Pull(request);
    done_(source);
    return absl::OkStatus();
  }
  std::optional<PullResult> Take(const std::string& source) override {
    auto found = results_.extract(source);
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
  }
  void Forget(const std::string& source) override {
    if (auto pull = pulls_.extract(source); !pull.empty()) pull.mapped()->RemoveFiles();
    results_.erase(source);
  }

  int started = 0;

 private:
  const Make make_;
  const std::function<void(const std::string&)> done_;
  std::map<std::string, std::unique_ptr<SourcePull>> pulls_;
  std::map<std::string, PullResult> results_;
};

std::string ImageYaml(const std::string& name, const std::string& tag = "1") {
  return absl::StrCat("apiVersion: espalier/v1\nkind: Image\nmetadata:\n  name: ", name,
                      "\nspec:\n  reference: registry.example/", name, ":", tag, "\n");
}

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }
Ref ImageRef(const std::string& name) { return {Kind::kImage, "", name}; }

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    auto opened = LocalResources::Open(clock_, random_, *log_, *store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
    Restart();
  }

  // A new reconciler over the same cache, as after a restart.
  void Restart() {
    loop_.reset();
    reconciler_ =
        std::make_unique<SourceReconciler>(clock_, random_, *log_, *engine_, pulls_, reports_);
    loop_ = std::make_unique<Loop>(clock_, *threads_, random_, *log_, *engine_, *reconciler_,
                                   LoopOptions{.name = "git"});
  }

  CallContext As(const std::string& subject) {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = subject;
    return context;
  }

  ApplyResult Apply(const Resource& resource, Owner::Manager manager = Owner::CLI,
                    const std::string& override_reason = "", int hold_seconds = 0) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(manager);
    *request.add_objects()->mutable_resource() = resource;
    if (!override_reason.empty()) {
      request.mutable_override()->set_reason(override_reason);
      request.mutable_override()->set_hold_seconds(hold_seconds);
    }
    absl::StatusOr<ApplyResult> result = engine_->Apply(As("ana"), request);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  // Declares the source `name` over the repository.
  void PutSource(const std::string& name = "fleet",
                 const std::function<void(v1::GitSourceSpec&)>& change = {}) {
    Resource source;
    source.mutable_metadata()->set_name(name);
    v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
    spec.set_repository(repository_.path());
    if (change) change(spec);
    const ApplyResult result = Apply(source);
    EXPECT_TRUE(result.applied()) << result.DebugString();
  }

  void Step() { loop_->Step(); }
  void StepAfter(absl::Duration delay) {
    clock_.Advance(delay);
    Step();
  }

  v1::GitSourceStatus Status(const std::string& name = "fleet") {
    const absl::StatusOr<Resource> source = engine_->Get(As("ana"), SourceRef(name));
    EXPECT_TRUE(source.ok()) << source.status();
    return source->git_source().status();
  }
  v1::Condition Condition(const std::string& type) {
    const v1::GitSourceStatus status = Status();
    const auto found = status.conditions().find(type);
    return found == status.conditions().end() ? v1::Condition() : found->second;
  }
  std::optional<Resource> Get(const Ref& ref) {
    absl::StatusOr<Resource> resource = engine_->Get(As("ana"), ref);
    if (!resource.ok()) return std::nullopt;
    return *std::move(resource);
  }
  std::string Report(const std::string& name) {
    const absl::StatusOr<std::string> bytes =
        io_->ReadFile(absl::StrCat(dir_.path(), "/cache/fleet/reports/", name), 1 << 20);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or("");
  }
  std::string TagOf(const std::string& image) {
    const std::optional<Resource> resource = Get(ImageRef(image));
    if (!resource.has_value()) return "(none)";
    const std::string& reference = resource->image().spec().reference();
    return reference.substr(reference.rfind(':') + 1);
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/fleet.git")};
  std::unique_ptr<Io> io_ = MakeRealIo();
  FakeClock clock_;
  Random random_{1};
  std::unique_ptr<Log> log_ = MakeNullLog();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<Store> store_ = MakeMemoryStore("e1");
  std::unique_ptr<LocalResources> engine_;
  ReportFiles reports_{clock_, *io_, *log_, absl::StrCat(dir_.path(), "/cache")};
  InlinePulls pulls_{
      [this](const std::string& source) {
        return std::make_unique<SourcePull>(
            library_, *io_,
            [this](const FetchRequest& request) { return FetchIntoMirror(library_, request); },
            absl::StrCat(dir_.path(), "/cache/", source), "", Environment());
      },
      [this](const std::string& source) { loop_->Add(SourceRef(source)); }};
  std::unique_ptr<SourceReconciler> reconciler_;
  std::unique_ptr<Loop> loop_;
};

TEST_F(ReconcileTest, AppliesWhatTheRepositoryDeclares) {
  const std::string commit =
      repository_.CommitText({{"images.yaml", ImageYaml("a") + "---\n" + ImageYaml("b")}});
  PutSource();
  Step();
  const std::optional<Resource> b = Get(ImageRef("b"));
  ASSERT_TRUE(b.has_value());
  EXPECT_EQ(b->metadata().owner().manager(), Owner::GIT);
  EXPECT_EQ(b->metadata().owner().instance(), "fleet");
  EXPECT_EQ(b->metadata().owner().source(), "images.yaml:8");
  EXPECT_EQ(b->metadata().owner().commit(), commit);
  const v1::GitSourceStatus status = Status();
  EXPECT_EQ(status.applied_commit(), commit);
  EXPECT_EQ(status.seen_commit(), commit);
  EXPECT_EQ(status.declared(), 2u);
  EXPECT_EQ(status.state(), "InSync");
  for (const char* type : {kFetched, kValid, kPlanned, kApplied, kInSync}) {
    EXPECT_EQ(Condition(type).state(), v1::Condition::TRUE) << type;
    EXPECT_NE(Condition(type).reason(), "") << type;
    EXPECT_TRUE(Condition(type).has_since()) << type;
  }
}

TEST_F(ReconcileTest, FollowsTheBranchByPollAndByWebhook) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "2");
  repository_.CommitText({{"a.yaml", ImageYaml("a", "3")}});
  StepAfter(absl::Seconds(2));
  EXPECT_EQ(TagOf("a"), "2") << "the poll is not due yet";
  reconciler_->LookNow("fleet");
  loop_->Add(SourceRef("fleet"));
  Step();
  EXPECT_EQ(TagOf("a"), "3");
}

TEST_F(ReconcileTest, PullsOnceASecondHoweverManyWebhooksCome) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  EXPECT_EQ(pulls_.started, 1);
  for (int i = 0; i < 1000; ++i) {
    reconciler_->LookNow("fleet");
    loop_->Add(SourceRef("fleet"));
    Step();
  }
  EXPECT_EQ(pulls_.started, 1);
  StepAfter(absl::Seconds(1));
  EXPECT_EQ(pulls_.started, 2);
}

TEST_F(ReconcileTest, WritesNothingWhileNothingIsNew) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  StepAfter(absl::Seconds(5));
  const std::int64_t revision = store_->revision();
  for (int i = 0; i < 10; ++i) StepAfter(absl::Seconds(40));
  EXPECT_GT(pulls_.started, 5);
  EXPECT_EQ(store_->revision(), revision);
}

TEST_F(ReconcileTest, KeepsTheLastGoodRevisionWhenANewOneIsInvalid) {
  const std::string good = repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  const std::string bad = repository_.CommitText(
      {{"a.yaml", ImageYaml("a", "2")}, {"b.yaml", "kind: Image\nkind: Image\n"}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_EQ(Status().applied_commit(), good);
  EXPECT_EQ(Status().seen_commit(), bad);
  EXPECT_EQ(Status().state(), "Invalid");
  EXPECT_EQ(Condition(kValid).reason(), "Invalid");
  EXPECT_THAT(Condition(kValid).message(), HasSubstr("b.yaml:2"));
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::TRUE);

  // Also after a restart, and what drifts from it is still told.
  Restart();
  Step();
  EXPECT_EQ(Status().applied_commit(), good);
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "trying").applied());
  Step();
  StepAfter(absl::Seconds(5));
  EXPECT_EQ(Condition(kInSync).state(), v1::Condition::FALSE);

  repository_.CommitText({{"a.yaml", ImageYaml("a", "3")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "3");
  EXPECT_EQ(Status().state(), "InSync");
}

struct BadCommit {
  std::string name;
  std::map<std::string, TestFile> files;
  std::string message;
};

TEST_F(ReconcileTest, DeletesNothingForACommitThatCannotBeReadWhole) {
  repository_.CommitText({{"prod/a.yaml", ImageYaml("a")}, {"prod/b.yaml", ImageYaml("b")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) {
    spec.set_path("prod");
    spec.mutable_destruction_budget()->set_percent(100);
  });
  Step();
  ASSERT_TRUE(Get(ImageRef("b")).has_value());
  const BadCommit cases[] = {
      {"NoFolder", {{"a.yaml", {ImageYaml("a")}}}, "no folder prod"},
      {"OneFileBroken", {{"prod/a.yaml", {"a: [\n"}}}, "prod/a.yaml"},
      {"DeclaredTwice",
       {{"prod/a.yaml", {ImageYaml("a")}}, {"prod/c.yaml", {ImageYaml("a")}}},
       "prod/a.yaml:1"},
      {"Symlink",
       {{"prod/a.yaml", {ImageYaml("a")}}, {"prod/b.yaml", {"a", TestFile::Mode::kSymlink}}},
       "prod/b.yaml: error: is a symbolic link"},
      {"Alias", {{"prod/a.yaml", {"a: &x 1\nb: *x\n"}}}, "prod/a.yaml"},
      {"UnknownField", {{"prod/a.yaml", {ImageYaml("a") + "  tagg: 1\n"}}}, "prod/a.yaml:7"},
  };
  for (const BadCommit& bad : cases) {
    SCOPED_TRACE(bad.name);
    repository_.Commit(bad.files);
    StepAfter(absl::Seconds(40));
    EXPECT_TRUE(Get(ImageRef("a")).has_value());
    EXPECT_TRUE(Get(ImageRef("b")).has_value());
    EXPECT_EQ(Status().state(), "Invalid");
    EXPECT_THAT(Condition(kValid).message(), HasSubstr(bad.message));
  }
}

TEST_F(ReconcileTest, PrunesWithinTheBudgetOnly) {
  std::map<std::string, std::string> files;
  for (int i = 0; i < 10; ++i) {
    files[absl::StrCat("i", i, ".yaml")] = ImageYaml(absl::StrCat("i", i));
  }
  const std::string full = repository_.CommitText(files);
  PutSource();
  Step();
  files.erase("i0.yaml");
  repository_.CommitText(files);
  StepAfter(absl::Seconds(40));
  EXPECT_FALSE(Get(ImageRef("i0")).has_value());

  const std::string empty = repository_.CommitText({});
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("i1")).has_value());
  EXPECT_EQ(Condition(kPlanned).state(), v1::Condition::FALSE);
  EXPECT_EQ(Condition(kPlanned).reason(), "BudgetExceeded");
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::FALSE);
  EXPECT_EQ(Status().state(), "Refused");
  EXPECT_NE(Status().applied_commit(), empty);

  // A person raises it: no commit is needed.
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.mutable_destruction_budget()->set_percent(100); });
  Step();
  EXPECT_FALSE(Get(ImageRef("i1")).has_value());
  EXPECT_EQ(Status().applied_commit(), empty);
  EXPECT_EQ(Status().declared(), 0u);
  EXPECT_EQ(Status().state(), "InSync");
}

TEST_F(ReconcileTest, KeepsWhatIsGoneFromTheRepositoryWithoutPrune) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}, {"b.yaml", ImageYaml("b")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_prune(false); });
  Step();
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("b")).has_value());
}

TEST_F(ReconcileTest, SaysThatHistoryWasRewrittenAndFollowsIt) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  repository_.DeleteBranch();
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "2");
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryRewritten");
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryRewritten") << "it stays until a newer commit";
}

TEST_F(ReconcileTest, KeepsEverythingWhenTheBranchIsGone) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  repository_.DeleteBranch();
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("a")).has_value());
  EXPECT_EQ(Condition(kFetched).reason(), "NotFound");
  EXPECT_EQ(Condition(kInSync).state(), v1::Condition::TRUE);
}

TEST_F(ReconcileTest, RefusesTheWholeSetWhenAnotherOwnsOneObject) {
  Resource image;
  image.mutable_metadata()->set_name("a");
  image.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(image).applied());
  repository_.CommitText({{"a.yaml", ImageYaml("a")}, {"b.yaml", ImageYaml("b")}});
  PutSource();
  Step();
  EXPECT_FALSE(Get(ImageRef("b")).has_value());
  EXPECT_EQ(Condition(kPlanned).reason(), "OwnerConflict");
  EXPECT_THAT(Condition(kPlanned).message(), HasSubstr("a.yaml:1"));
  EXPECT_EQ(Status().state(), "Refused");
}

TEST_F(ReconcileTest, WritesOnlyWhatTheSourceMayWrite) {
  const std::string source_yaml =
      "apiVersion: espalier/v1\nkind: GitSource\nmetadata:\n  name: other\nspec:\n"
      "  repository: /srv/git\n";
  const std::string credential_yaml =
      "apiVersion: espalier/v1\nkind: RegistryCredential\nmetadata:\n  name: evil\nspec:\n"
      "  registry: registry.example\n  username: u\n  password:\n    env: TOKEN\n";
  repository_.CommitText({{"a.yaml", source_yaml}});
  PutSource();
  Step();
  EXPECT_EQ(Status().state(), "Refused");
  repository_.CommitText({{"a.yaml", credential_yaml}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Status().state(), "Invalid");
  EXPECT_THAT(Condition(kValid).message(), HasSubstr("credentials"));
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.add_kinds("registry_credential"); });
  Step();
  EXPECT_TRUE(Get({Kind::kRegistryCredential, "", "evil"}).has_value());
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kPlanned).reason(), "NotAllowed");
}

TEST_F(ReconcileTest, TellsDriftWithinSecondsAndLeavesItByDefault) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b")}});
  PutSource();
  Step();
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "INC-91").applied());
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Status().state(), "Drifted");
  EXPECT_EQ(Status().drifted(), 1u);
  EXPECT_EQ(Condition(kInSync).reason(), "Drifted");
  EXPECT_EQ(TagOf("a"), "9");
  for (const char* form : {"drift.json", "drift.md"}) {
    const std::string report = Report(form);
    EXPECT_THAT(report, HasSubstr("INC-91")) << form;
    EXPECT_THAT(report, HasSubstr("ana")) << form;
  }
  EXPECT_THAT(Report("drift.md"), HasSubstr("Drift of fleet at "));
  StepAfter(absl::Minutes(5));
  EXPECT_EQ(TagOf("a"), "9");
}

TEST_F(ReconcileTest, CorrectsDriftWhenThePolicySaysSo) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::CORRECT); });
  Step();
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "trying").applied());
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_FALSE(Get(ImageRef("a"))->metadata().has_edited());

  DeleteRequest request;
  *request.mutable_ref() = ToProto(ImageRef("b"));
  request.mutable_owner()->set_manager(Owner::CLI);
  request.mutable_override()->set_reason("by mistake");
  ASSERT_TRUE(engine_->Delete(As("ana"), request).ok());
  ASSERT_FALSE(Get(ImageRef("b")).has_value());
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_TRUE(Get(ImageRef("b")).has_value());
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Status().state(), "InSync");
}

TEST_F(ReconcileTest, TakesThePolicyOfTheClusterWhereTheSourceSaysNothing) {
  Resource cluster;
  cluster.mutable_metadata()->set_name("default");
  cluster.mutable_cluster()->mutable_spec()->set_drift_policy(v1::DriftPolicy::CORRECT);
  EXPECT_TRUE(Apply(cluster).applied());
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "trying").applied());
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(TagOf("a"), "1");
}

TEST_F(ReconcileTest, WaitsForAHoldBeforeItCorrects) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::CORRECT); });
  Step();
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "INC-91", 3600).applied());
  Step();
  for (int i = 0; i < 50; ++i) StepAfter(absl::Minutes(1));
  EXPECT_EQ(TagOf("a"), "9");
  EXPECT_EQ(Status().state(), "Drifted");
  StepAfter(absl::Minutes(11));
  Step();
  EXPECT_EQ(TagOf("a"), "1");
}

TEST_F(ReconcileTest, StopsCorrectingWhenSomebodyFightsBack) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::CORRECT); });
  Step();
  int corrected = 0;
  for (int i = 0; i < 20; ++i) {
    if (TagOf("a") == "1") {
      Resource edited = *Get(ImageRef("a"));
      edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
      EXPECT_TRUE(Apply(edited, Owner::CLI, "no").applied());
      ++corrected;
    }
    Step();
    StepAfter(absl::Seconds(2));
  }
  EXPECT_LE(corrected, 7);
  EXPECT_EQ(Condition(kInSync).reason(), "Fighting");
  StepAfter(absl::Minutes(2));
  EXPECT_EQ(TagOf("a"), "1");
}

TEST_F(ReconcileTest, GivesItsObjectsUpWhenTheSourceIsDeleted) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  DeleteRequest request;
  *request.mutable_ref() = ToProto(SourceRef("fleet"));
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), request).ok());
  Step();
  ASSERT_TRUE(Get(ImageRef("a")).has_value());
  EXPECT_FALSE(Get(ImageRef("a"))->metadata().has_owner());
  EXPECT_FALSE(io_->Stat(absl::StrCat(dir_.path(), "/cache/fleet")).ok());
}

TEST_F(ReconcileTest, GivesThemUpAlsoWhenItWasDeletedWhileNobodyLooked) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  DeleteRequest request;
  *request.mutable_ref() = ToProto(SourceRef("fleet"));
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), request).ok());
  Restart();
  Step();
  EXPECT_FALSE(Get(ImageRef("a"))->metadata().has_owner());
}

TEST_F(ReconcileTest, PrunesItsObjectsOnDeletionWhenTheSourceSaysSo) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_on_delete(v1::GitSourceSpec::PRUNE); });
  Step();
  DeleteRequest request;
  *request.mutable_ref() = ToProto(SourceRef("fleet"));
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), request).ok());
  Step();
  EXPECT_FALSE(Get(ImageRef("a")).has_value());
}

TEST_F(ReconcileTest, SaysWhyItCannotFetch) {
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_repository("ssh://forge/x"); });
  Step();
  EXPECT_EQ(Condition(kFetched).reason(), "InvalidSource");
  EXPECT_EQ(Status().state(), "Unfetched");
  PutSource("fleet", [](v1::GitSourceSpec& spec) {
    spec.set_repository("https://forge.example/x");
    spec.mutable_password()->set_env("NONE");
  });
  Step();
  EXPECT_EQ(Condition(kFetched).reason(), "NotFound");
  EXPECT_THAT(Condition(kFetched).message(), HasSubstr("NONE"));
}

TEST_F(ReconcileTest, WritesThePlanForPeopleAndPrograms) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  EXPECT_THAT(Report("plan.json"), HasSubstr("a.yaml:1"));
  EXPECT_THAT(Report("plan.md"), HasSubstr("image a"));
}

}  // namespace
}  // namespace espalier
