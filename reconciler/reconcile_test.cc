// Sources over a real engine, real repositories and virtual time; only the threads are left out.
#include "reconciler/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "reconciler/testing/image_yaml.h"
#include "reconciler/testing/test_repository.h"
#include "reconciler/testing/test_signer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A forge that says what a test lets it say; review_test.cc is about those that answer.
class ToldForges final : public Forges {
 public:
  void Follow(const std::string&) override {}
  std::int64_t Look(const std::string&) override { return 0; }
  void LookAt(const std::string&, std::int64_t) override {}
  void AskWhoBrought(const std::string&, const std::string&) override {}
  void Post(const std::string&, const Surface& surface) override { posted.push_back(surface); }
  void Reply(const std::string&, const GivenCommand&, const std::string&) override {}
  void PostNotice(const std::string&, const Notice&) override {}
  void Propose(const std::string&, const ProposedChange&) override {}
  std::optional<ForgeNews> Take(const std::string&) override {
    return std::exchange(news, std::nullopt);
  }
  void Leave(const std::string&) override {}

  std::optional<ForgeNews> news;
  std::vector<Surface> posted;
};

// Reads at once, on the caller's thread.
class InlineReads final : public Reads {
 public:
  using Make = std::function<std::unique_ptr<SourceReader>(const std::string&)>;
  InlineReads(Make make, std::function<void(const std::string&)> done)
      : make_(std::move(make)), done_(std::move(done)) {}

  absl::Status Start(const std::string& source, ReadRequest request) override {
    ESPALIER_CHECK(!results_.contains(source));
    ++started;
    std::unique_ptr<SourceReader>& read = reads_[source];
    if (read == nullptr) read = make_(source);
    results_[source] = read->Read(request);
    done_(source);
    return absl::OkStatus();
  }
  std::optional<ReadResult> Take(const std::string& source) override {
    if (slow) return std::nullopt;
    auto found = results_.extract(source);
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
  }
  void Forget(const std::string& source) override {
    if (auto read = reads_.extract(source); !read.empty()) read.mapped()->RemoveFiles();
    results_.erase(source);
  }

  absl::Status StartProposal(const std::string& source, ProposalRequest request) override {
    const std::int64_t number = request.number;
    proposals_[{source, number}] = reads_.at(source)->ReadProposal(request);
    return absl::OkStatus();
  }
  std::optional<ProposalResult> TakeProposal(const std::string& source,
                                             std::int64_t number) override {
    auto found = proposals_.extract({source, number});
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
  }
  void DropProposal(const std::string& source, std::int64_t number) override {
    reads_.at(source)->DropProposal(number);
  }
  absl::Status StartHistory(const std::string& source, HistoryRequest request) override {
    histories_[source] = reads_.at(source)->ReadHistory(request);
    return absl::OkStatus();
  }
  std::optional<HistoryResult> TakeHistory(const std::string& source) override {
    auto found = histories_.extract(source);
    if (found.empty()) return std::nullopt;
    return std::move(found.mapped());
  }
  absl::Status StartPatch(const std::string&, PatchRequest) override { return absl::OkStatus(); }
  std::optional<PatchResult> TakePatch(const std::string&) override { return std::nullopt; }

  int started = 0;
  // While it is set, what was fetched takes its time to be read.
  bool slow = false;

 private:
  const Make make_;
  const std::function<void(const std::string&)> done_;
  std::map<std::string, std::unique_ptr<SourceReader>> reads_;
  std::map<std::string, ReadResult> results_;
  std::map<std::pair<std::string, std::int64_t>, ProposalResult> proposals_;
  std::map<std::string, HistoryResult> histories_;
};

// The engine, for somebody who may be paused before a call arrives.
class PausedResources final : public Resources {
 public:
  explicit PausedResources(Resources& inner) : inner_(inner) {}

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    return inner_.Get(context, ref);
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    return inner_.List(context, query);
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    std::function<void()>& pause = request.dry_run() ? before_plan : before_apply;
    if (pause) std::exchange(pause, nullptr)();
    absl::StatusOr<ApplyResult> result = inner_.Apply(context, request);
    if (result.ok() && result->applied()) ++applied;
    return result;
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    return inner_.UpdateStatus(context, writes);
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    return inner_.Delete(context, request);
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    return inner_.StartWatch(context, query, resume);
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    return inner_.Drift(context, request);
  }

  // Each is called once, and meanwhile the world goes on.
  std::function<void()> before_plan;
  std::function<void()> before_apply;
  int applied = 0;

 private:
  Resources& inner_;
};

// i0 to i9, a file for each.
std::map<std::string, std::string> TenImages() {
  std::map<std::string, std::string> files;
  for (int i = 0; i < 10; ++i) {
    files[absl::StrCat("i", i, ".yaml")] = ImageYaml(absl::StrCat("i", i));
  }
  return files;
}

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }
Ref ImageRef(const std::string& name) { return {Kind::kImage, "", name}; }

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    auto opened = LocalResources::Open(clock_, random_, *log_, *store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
    resources_ = std::make_unique<PausedResources>(*engine_);
    Restart();
  }

  // A new reconciler over the same cache, as after a restart.
  void Restart() {
    loop_.reset();
    reconciler_ = std::make_unique<SourceReconciler>(clock_, random_, *log_, *resources_, reads_,
                                                     forges_, reports_, plans_, metrics_);
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

  // Another hand changes the tag of an image.
  void Edit(const std::string& image, const std::string& tag) {
    Resource edited = *Get(ImageRef(image));
    edited.mutable_image()->mutable_spec()->set_reference(
        absl::StrCat("registry.example/", image, ":", tag));
    EXPECT_TRUE(Apply(edited, Owner::CLI, "because").applied());
  }

  // Places the hold, or takes it away where no reason is given.
  void Hold(const Ref& ref, const std::string& hold, const std::string& why,
            std::int64_t seconds = 0) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(ref);
    change.set_hold(hold);
    change.set_why(why);
    change.set_seconds(seconds);
    change.set_clear(why.empty());
    absl::StatusOr<ApplyResult> result = engine_->Apply(As("ana"), request);
    EXPECT_TRUE(result.ok() && result->applied()) << result.status();
  }

  // As `espalier confirm git_source/fleet WHAT` does: a commit, or the digest of a plan.
  void Confirm(const std::string& what) { Hold(SourceRef("fleet"), "confirm", what); }

  // Of ten images nine are taken away, which is more than a source may. The digest of that plan.
  std::string ExceedBudget() {
    repository_.CommitText(TenImages());
    PutSource();
    Step();
    repository_.CommitText({{"i9.yaml", ImageYaml("i9")}});
    StepAfter(absl::Seconds(40));
    const std::string message = Condition(kPlanned).message();
    const std::vector<std::string> parts = absl::StrSplit(message, "git_source/fleet ");
    EXPECT_EQ(parts.size(), 2u) << message;
    return parts.back().substr(0, 64);
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
  v1::Condition Condition(const std::string& type, const std::string& name = "fleet") {
    const v1::GitSourceStatus status = Status(name);
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
  void Delete(const Ref& ref) {
    DeleteRequest request;
    *request.mutable_ref() = ToProto(ref);
    request.mutable_owner()->set_manager(Owner::CLI);
    ASSERT_TRUE(engine_->Delete(As("ana"), request).ok());
  }
  // The image's registry answers.
  void MakeReady(const std::string& image) {
    StatusWrite write;
    write.set_writer(StatusWrite::CONTROLLER);
    *write.mutable_resource() = *Get(ImageRef(image));
    v1::ImageStatus& status = *write.mutable_resource()->mutable_image()->mutable_status();
    status.set_digest("sha256:1");
    status.set_resolved_reference(absl::StrCat("registry.example/", image, ":", TagOf(image)));
    ASSERT_TRUE(engine_->UpdateStatus(As("ana"), {write}).front().ok());
    Step();
  }
  // Whether the metrics have this line.
  bool Counted(const std::string& line) {
    return absl::StrContains(metrics_.Text(), absl::StrCat("\n", line, "\n"));
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
  // As the reconciler calls it.
  std::unique_ptr<PausedResources> resources_;
  ReportFiles reports_{clock_, *io_, *log_, absl::StrCat(dir_.path(), "/cache")};
  InlineReads reads_{
      [this](const std::string& source) {
        return std::make_unique<SourceReader>(
            library_, *io_,
            [this](const FetchRequest& request) { return FetchIntoMirror(library_, request); },
            absl::StrCat(dir_.path(), "/cache/", source), "", Environment());
      },
      [this](const std::string& source) { loop_->Add(SourceRef(source)); }};
  ToldForges forges_;
  GitMetrics metrics_{clock_};
  ShownPlans plans_{*io_, *log_, absl::StrCat(dir_.path(), "/cache")};
  std::unique_ptr<SourceReconciler> reconciler_;
  std::unique_ptr<Loop> loop_;
};

// Two reconcilers of one source, each with a cache of its own. The one of the fixture is paused now
// and then, and goes on with what it knew.
class TwoReconcilersTest : public ReconcileTest {
 protected:
  TwoReconcilersTest() {
    other_ = std::make_unique<SourceReconciler>(clock_, random_, *log_, *engine_, other_reads_,
                                                forges_, other_reports_, other_plans_, metrics_);
    other_loop_ = std::make_unique<Loop>(clock_, *threads_, random_, *log_, *engine_, *other_,
                                         LoopOptions{.name = "other"});
    repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
    PutSource("fleet", [](v1::GitSourceSpec& spec) {
      spec.set_drift_policy(v1::DriftPolicy::CORRECT);
      spec.set_poll_seconds(30);
    });
    Step();
    other_loop_->Step();
  }

  // What both do when nothing more happens.
  void Settle() {
    for (int i = 0; i < 40; ++i) {
      StepAfter(absl::Seconds(3));
      other_loop_->Step();
    }
  }

  std::string Push(const std::string& tag) {
    return repository_.CommitText({{"a.yaml", ImageYaml("a", tag)}});
  }
  // The other one follows the branch, however often it is refused on the way.
  void OtherFollows() {
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(absl::Seconds(40));
      other_loop_->Step();
    }
  }
  // After all that the first one did.
  void ExpectNewest(const std::string& tag, const std::string& commit) {
    EXPECT_EQ(TagOf("a"), tag);
    const std::int64_t generation = Get(ImageRef("a"))->metadata().generation();
    Settle();
    EXPECT_EQ(TagOf("a"), tag);
    EXPECT_EQ(Get(ImageRef("a"))->metadata().generation(), generation);
    EXPECT_EQ(Status().seen_commit(), commit);
    EXPECT_EQ(Status().applied_commit(), commit);
    EXPECT_EQ(Status().state(), "InSync");
    // Both are at rest.
    const std::int64_t revision =
        engine_->Get(As("ana"), SourceRef("fleet"))->metadata().revision();
    Settle();
    EXPECT_EQ(engine_->Get(As("ana"), SourceRef("fleet"))->metadata().revision(), revision);
  }

  // The first one takes up a commit and is paused; the other one applies the next meanwhile.
  void AppliesNothingOlderAfterAPauseAt(std::function<void()>& point) {
    Push("2");
    std::string newest;
    point = [&] {
      newest = Push("3");
      OtherFollows();
      EXPECT_EQ(TagOf("a"), "3");
    };
    const int applied = resources_->applied;
    StepAfter(absl::Seconds(40));
    EXPECT_EQ(resources_->applied, applied);
    ExpectNewest("3", newest);
  }

  InlineReads other_reads_{
      [this](const std::string& source) {
        return std::make_unique<SourceReader>(
            library_, *io_,
            [this](const FetchRequest& request) { return FetchIntoMirror(library_, request); },
            absl::StrCat(dir_.path(), "/other/", source), "", Environment());
      },
      [this](const std::string& source) { other_loop_->Add(SourceRef(source)); }};
  ReportFiles other_reports_{clock_, *io_, *log_, absl::StrCat(dir_.path(), "/other")};
  ShownPlans other_plans_{*io_, *log_, absl::StrCat(dir_.path(), "/other")};
  std::unique_ptr<SourceReconciler> other_;
  std::unique_ptr<Loop> other_loop_;
};

TEST_F(TwoReconcilersTest, C6OneThatWasPausedBeforeItsPlanAppliesNothingOlder) {
  AppliesNothingOlderAfterAPauseAt(resources_->before_plan);
}

TEST_F(TwoReconcilersTest, C6OneThatWasPausedBeforeItsApplyAppliesNothingOlder) {
  AppliesNothingOlderAfterAPauseAt(resources_->before_apply);
}

// Before anything of it was applied: the plan of the older one is still right, and its digest too.
TEST_F(TwoReconcilersTest, C6OneThatWasPausedBeforeItsApplyAppliesNothingThatWasTakenBack) {
  Push("2");
  std::string newest;
  resources_->before_apply = [&] {
    newest = Push("1");
    OtherFollows();
    EXPECT_EQ(TagOf("a"), "1");
  };
  const int applied = resources_->applied;
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(resources_->applied, applied);
  ExpectNewest("1", newest);
}

TEST_F(TwoReconcilersTest, C6OneThatWasPausedGivesUpNothingOfASourceThatIsThereAgain) {
  Delete(SourceRef("fleet"));
  resources_->before_apply = [&] {
    PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_poll_seconds(30); });
    OtherFollows();
  };
  const std::int64_t revision = Get(ImageRef("a"))->metadata().revision();
  Step();
  Settle();
  EXPECT_EQ(Status().state(), "InSync");
  EXPECT_EQ(Get(ImageRef("a"))->metadata().revision(), revision) << "it was nobody's meanwhile";
}

TEST_F(TwoReconcilersTest, C6OneThatWasPausedInAReadAppliesNothingOlder) {
  reads_.slow = true;
  Push("2");
  StepAfter(absl::Seconds(40));
  const std::string newest = Push("3");
  OtherFollows();
  EXPECT_EQ(TagOf("a"), "3");
  const int applied = resources_->applied;
  reads_.slow = false;
  loop_->Add(SourceRef("fleet"));
  Step();
  EXPECT_EQ(resources_->applied, applied);
  ExpectNewest("3", newest);
}

TEST_F(TwoReconcilersTest, C6OneThatWasPausedCorrectsNothingBackToWhatIsOlder) {
  const std::string newest = Push("2");
  OtherFollows();
  EXPECT_EQ(TagOf("a"), "2");
  // Its poll has to wait, and it sees that its objects are others.
  reads_.slow = true;
  const int applied = resources_->applied;
  for (int i = 0; i < 5; ++i) StepAfter(absl::Seconds(1));
  EXPECT_EQ(resources_->applied, applied);
  reads_.slow = false;
  ExpectNewest("2", newest);
}

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

TEST_F(ReconcileTest, D10FollowsTheBranchByPollAndByWebhook) {
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

TEST_F(ReconcileTest, CountsWhatBecomesOfAPush) {
  const std::string pushes = "espalier_git_push_to_applied_seconds_";
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  EXPECT_TRUE(Counted("espalier_git_parse_objects_total{result=\"valid\",source=\"fleet\"} 1"));
  EXPECT_TRUE(Counted("espalier_git_apply_seconds_count{source=\"fleet\"} 1"));
  EXPECT_TRUE(Counted("espalier_git_plan_actions{source=\"fleet\",verb=\"create\"} 0"));
  EXPECT_TRUE(Counted(pushes + "count{source=\"fleet\"} 0")) << "nobody waited for the first one";
  // Told of at once, and read a second after the read before.
  reconciler_->LookNow("fleet");
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  loop_->Add(SourceRef("fleet"));
  Step();
  StepAfter(absl::Seconds(1));
  EXPECT_TRUE(Counted(pushes + "count{source=\"fleet\"} 1"));
  EXPECT_TRUE(Counted(pushes + "sum{source=\"fleet\"} 1"));
  // One that is invalid is never applied; the next one counts from its own push.
  repository_.CommitText({{"a.yaml", "no: [yaml"}});
  StepAfter(absl::Seconds(40));
  StepAfter(absl::Hours(1));
  EXPECT_TRUE(Counted("espalier_git_parse_objects_total{result=\"invalid\",source=\"fleet\"} 0"));
  repository_.CommitText({{"a.yaml", ImageYaml("a", "3")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "3");
  EXPECT_TRUE(Counted(pushes + "count{source=\"fleet\"} 2"));
  EXPECT_TRUE(Counted(pushes + "sum{source=\"fleet\"} 1"));
}

TEST_F(ReconcileTest, D7ReadsOnceASecondHoweverManyWebhooksCome) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  EXPECT_EQ(reads_.started, 1);
  for (int i = 0; i < 1000; ++i) {
    reconciler_->LookNow("fleet");
    loop_->Add(SourceRef("fleet"));
    Step();
  }
  EXPECT_EQ(reads_.started, 1);
  StepAfter(absl::Seconds(1));
  EXPECT_EQ(reads_.started, 2);
}

TEST_F(ReconcileTest, WritesNothingWhileNothingIsNew) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  StepAfter(absl::Seconds(5));
  const std::int64_t revision = store_->revision();
  for (int i = 0; i < 10; ++i) StepAfter(absl::Seconds(40));
  EXPECT_GT(reads_.started, 5);
  EXPECT_EQ(store_->revision(), revision);
}

TEST_F(ReconcileTest, PlansNothingForACommitThatChangesNothingOfItsFolder) {
  const std::string first =
      repository_.CommitText({{"prod/a.yaml", ImageYaml("a", "1")}, {"README.md", "1"}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_path("prod"); });
  Step();
  const std::string plan = absl::StrCat(dir_.path(), "/cache/fleet/reports/plan.json");
  ASSERT_TRUE(io_->RemoveAll(plan).ok());
  const std::string second = repository_.CommitText(
      {{"prod/a.yaml", ImageYaml("a", "1")}, {"README.md", "2"}, {"other/b.yaml", "no: [yaml"}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Status().seen_commit(), second);
  EXPECT_THAT(Condition(kFetched).message(), HasSubstr(second.substr(0, 12)));
  EXPECT_EQ(Status().applied_commit(), second) << "what it declares is applied";
  EXPECT_THAT(Condition(kApplied).message(), HasSubstr(second.substr(0, 12)));
  EXPECT_EQ(Status().state(), "InSync");
  EXPECT_EQ(Get(ImageRef("a"))->metadata().owner().commit(), first);
  EXPECT_TRUE(absl::IsNotFound(io_->Stat(plan).status())) << "nothing was planned";
  const std::string third =
      repository_.CommitText({{"prod/a.yaml", ImageYaml("a", "3")}, {"README.md", "2"}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Status().applied_commit(), third);
  EXPECT_TRUE(io_->Stat(plan).ok());
  EXPECT_EQ(TagOf("a"), "3");
}

TEST_F(ReconcileTest, A9KeepsTheLastGoodStateWhileTheRepositoryIsGone) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  ASSERT_TRUE(Get(ImageRef("a")).has_value());
  const std::string away = absl::StrCat(repository_.path(), ".away");
  ASSERT_TRUE(io_->Rename(repository_.path(), away).ok());
  StepAfter(absl::Seconds(40));
  const v1::Condition failed = Condition(kFetched);
  EXPECT_EQ(failed.state(), v1::Condition::FALSE);
  const int before = reads_.started;
  // A day of it, looked at every ten seconds.
  for (int i = 0; i < 24 * 360; ++i) StepAfter(absl::Seconds(10));
  const int tries = reads_.started - before;
  EXPECT_GT(tries, 24 * 4) << "it goes on trying";
  EXPECT_LT(tries, 24 * 8) << "but seldom";
  EXPECT_TRUE(Get(ImageRef("a")).has_value());
  EXPECT_EQ(Condition(kFetched).state(), v1::Condition::FALSE);
  EXPECT_EQ(Condition(kFetched).since().seconds(), failed.since().seconds())
      << "since when what is known is stale";
  ASSERT_TRUE(io_->Rename(away, repository_.path()).ok());
  StepAfter(absl::Minutes(12));
  EXPECT_EQ(Condition(kFetched).state(), v1::Condition::TRUE);
  EXPECT_EQ(Status().state(), "InSync");
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

TEST_F(ReconcileTest, C1C2PrunesWithinTheBudgetAndNeverEverything) {
  std::map<std::string, std::string> files = TenImages();
  repository_.CommitText(files);
  PutSource();
  Step();
  files.erase("i0.yaml");
  repository_.CommitText(files);
  StepAfter(absl::Seconds(40));
  EXPECT_FALSE(Get(ImageRef("i0")).has_value());

  repository_.CommitText({});
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("i1")).has_value());
  EXPECT_EQ(Condition(kPlanned).reason(), "EmptySet");

  const std::string last = repository_.CommitText({{"i9.yaml", ImageYaml("i9")}});
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("i1")).has_value());
  EXPECT_EQ(Condition(kPlanned).state(), v1::Condition::FALSE);
  EXPECT_EQ(Condition(kPlanned).reason(), "BudgetExceeded");
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::FALSE);
  EXPECT_EQ(Status().state(), "Refused");
  EXPECT_NE(Status().applied_commit(), last);

  // A person raises it: no commit is needed.
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.mutable_destruction_budget()->set_percent(100); });
  Step();
  EXPECT_FALSE(Get(ImageRef("i1")).has_value());
  EXPECT_EQ(Status().applied_commit(), last);
  EXPECT_EQ(Status().declared(), 1u);
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

// Closed and opened again while the source had no turn: it is open.
TEST_F(ReconcileTest, E15TakesAPullRequestThatIsOpenAgainForOpen) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) {
    spec.mutable_forge()->set_type(v1::Forge::GITHUB);
    spec.mutable_forge()->mutable_token()->set_env("TOKEN");
  });
  Step();
  PullRequest pull_request;
  pull_request.number = 7;
  pull_request.head_sha = "aaaa";
  ForgeNews news;
  news.open = {{.facts = pull_request, .author_role = ForgeRole::kWrite}};
  pull_request.state = PullRequest::State::kClosed;
  news.ended = {{.facts = pull_request}};
  forges_.news = news;
  loop_->Add(SourceRef("fleet"));
  Step();
  const auto is_final = [](const Surface& surface) { return surface.final; };
  EXPECT_FALSE(forges_.posted.empty());
  EXPECT_TRUE(std::none_of(forges_.posted.begin(), forges_.posted.end(), is_final));
  // Only closed.
  news.open->clear();
  forges_.news = news;
  loop_->Add(SourceRef("fleet"));
  Step();
  EXPECT_TRUE(is_final(forges_.posted.back()));
}

// Deleted and declared anew before anybody looked.
TEST_F(ReconcileTest, BeginsAnewForANewSourceOfTheSameName) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  reads_.slow = true;
  Step();
  Delete(SourceRef("fleet"));
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  PutSource();
  Step();
  reads_.slow = false;
  loop_->Add(SourceRef("fleet"));
  Step();
  EXPECT_EQ(TagOf("a"), "2");
}

TEST_F(ReconcileTest, A8SaysThatHistoryWasRewrittenAndFollowsIt) {
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

TEST_F(ReconcileTest, FollowsARewrittenHistoryWithoutAWordWhereItIsAllowed) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_on_rewrite(v1::GitSourceSpec::ALLOW); });
  Step();
  repository_.DeleteBranch();
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "2");
  EXPECT_EQ(Condition(kFetched).reason(), "Fetched");
}

TEST_F(ReconcileTest, FreezesAtTheLastCommitWhenHistoryIsRewritten) {
  const std::string first = repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_on_rewrite(v1::GitSourceSpec::FREEZE); });
  Step();
  const std::string second = repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "2") << "a history that goes on is followed";
  repository_.DeleteBranch();
  const std::string other = repository_.CommitText({{"a.yaml", ImageYaml("a", "3")}});
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart ? "after a restart" : "at once");
    if (restart) Restart();
    StepAfter(absl::Seconds(40));
    EXPECT_EQ(TagOf("a"), "2");
    EXPECT_EQ(Status().seen_commit(), second);
    EXPECT_EQ(Condition(kFetched).state(), v1::Condition::FALSE);
    EXPECT_EQ(Condition(kFetched).reason(), "HistoryFrozen");
    EXPECT_THAT(Condition(kFetched).message(), HasSubstr(other));
  }
  // What stays is still looked after.
  Resource edited = *Get(ImageRef("a"));
  edited.mutable_image()->mutable_spec()->set_reference("registry.example/a:9");
  EXPECT_TRUE(Apply(edited, Owner::CLI, "trying").applied());
  Step();
  StepAfter(absl::Seconds(5));
  EXPECT_EQ(Condition(kInSync).state(), v1::Condition::FALSE);
  // The old history comes back, with something new on top.
  repository_.SetRef("refs/heads/main", second);
  repository_.CommitText({{"a.yaml", ImageYaml("a", "4")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kFetched).reason(), "Fetched");
  EXPECT_EQ(TagOf("a"), "4");
  // Back to an older commit is no history that goes on either.
  repository_.SetRef("refs/heads/main", first);
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryFrozen");
  EXPECT_EQ(TagOf("a"), "4");
  // Somebody agrees: to another commit, which changes nothing, and to this one.
  Confirm(second);
  Step();
  EXPECT_EQ(TagOf("a"), "4");
  Confirm(first);
  Step();
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_EQ(Status().seen_commit(), first);
  // Somebody lets the source follow another branch: that is what was asked for.
  repository_.CommitText({{"a.yaml", ImageYaml("a", "5")}}, "other");
  PutSource("fleet", [](v1::GitSourceSpec& spec) {
    spec.set_on_rewrite(v1::GitSourceSpec::FREEZE);
    spec.set_ref("other");
  });
  Step();
  EXPECT_EQ(TagOf("a"), "5");
}

// A8: nothing is pruned for a branch that is not there, and one that comes back is another.
TEST_F(ReconcileTest, NoticesABranchThatIsDeletedAndMadeAnew) {
  const std::string first =
      repository_.CommitText({{"a.yaml", ImageYaml("a")}, {"b.yaml", ImageYaml("b")}});
  PutSource();
  Step();
  repository_.DeleteBranch();
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kFetched).reason(), "NotFound");
  EXPECT_TRUE(Get(ImageRef("b")).has_value());
  EXPECT_EQ(Status().applied_commit(), first);
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}, {"b.yaml", ImageYaml("b")}});
  StepAfter(absl::Minutes(5));
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryRewritten");
  EXPECT_EQ(TagOf("a"), "2");
}

// A8: a tag is where it is; one that moves, even on, is told.
TEST_F(ReconcileTest, NoticesATagThatMoves) {
  const std::string first = repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  const std::string second = repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  repository_.SetRef("refs/tags/v1", first);
  const auto put = [this](v1::GitSourceSpec::OnRewrite policy) {
    PutSource("fleet", [policy](v1::GitSourceSpec& spec) {
      spec.set_ref("refs/tags/v1");
      spec.set_on_rewrite(policy);
    });
  };
  put(v1::GitSourceSpec::FREEZE);
  Step();
  repository_.SetRef("refs/tags/v1", second);
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryFrozen");
  EXPECT_EQ(TagOf("a"), "1");
  put(v1::GitSourceSpec::ALERT);
  Step();
  EXPECT_EQ(Condition(kFetched).reason(), "HistoryRewritten");
  EXPECT_EQ(TagOf("a"), "2");
}

TEST_F(ReconcileTest, FollowsOnlyWhatItsSignersSigned) {
  const TestSigner ana('a');
  const auto commit = [&](const std::string& tag, const std::string& parent, bool sign) {
    TestCommit written = {.files = {{"a.yaml", {ImageYaml("a", tag)}}}};
    if (!parent.empty()) written.parents.push_back(parent);
    const std::string bytes = repository_.CommitBytes(written);
    const std::string id = repository_.WriteObject(
        sign ? TestRepository::WithSignature(bytes, ana.Sign(bytes)) : bytes);
    repository_.SetRef("refs/heads/main", id);
    return id;
  };
  const std::string trusted = commit("0", "", false);
  const std::string good = commit("1", trusted, true);
  PutSource("fleet", [&](v1::GitSourceSpec& spec) {
    (*spec.mutable_signers())["ana"].add_public_keys(ana.PublicKey());
    spec.set_trusted_commit(trusted);
  });
  Step();
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_EQ(Condition(kVerified).state(), v1::Condition::TRUE);
  EXPECT_THAT(Condition(kVerified).message(), HasSubstr("signed by ana"));

  const std::string bad = commit("2", good, false);
  const std::string tip = commit("3", bad, true);
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart ? "after a restart" : "at once");
    if (restart) Restart();
    for (int i = 0; i < 3; ++i) StepAfter(absl::Seconds(40));
    EXPECT_EQ(TagOf("a"), "1");
    EXPECT_EQ(Condition(kVerified).state(), v1::Condition::FALSE);
    EXPECT_EQ(Condition(kVerified).reason(), "NotSigned");
    EXPECT_THAT(Condition(kVerified).message(), HasSubstr(bad.substr(0, 12)));
    EXPECT_THAT(Condition(kVerified).message(), HasSubstr("not signed"));
    EXPECT_EQ(Status().applied_commit(), good);
    EXPECT_EQ(Status().seen_commit(), good);
    EXPECT_EQ(Status().state(), "Refused");
  }
  // Somebody rewrites it as it should have been.
  commit("4", good, true);
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "4");
  EXPECT_EQ(Condition(kVerified).state(), v1::Condition::TRUE);
  EXPECT_EQ(Status().state(), "InSync");
  // Without signers nothing is said about them.
  commit("5", tip, false);
  PutSource();
  Step();
  EXPECT_EQ(TagOf("a"), "5");
  EXPECT_EQ(Status().conditions().count(kVerified), 0u);
}

TEST_F(ReconcileTest, FollowsNothingWhereNothingIsSigned) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  const TestSigner ana('a');
  PutSource("fleet", [&](v1::GitSourceSpec& spec) {
    (*spec.mutable_signers())["ana"].add_public_keys(ana.PublicKey());
  });
  Step();
  EXPECT_FALSE(Get(ImageRef("a")).has_value());
  EXPECT_THAT(Condition(kVerified).message(), HasSubstr("nothing is followed"));
  EXPECT_EQ(Status().seen_commit(), "");
}

TEST_F(ReconcileTest, A8KeepsEverythingWhenTheBranchIsGone) {
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
  EXPECT_TRUE(Counted("espalier_git_conflicts_total{manager=\"cli\",source=\"fleet\"} 1"));
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
  EXPECT_EQ(Status().state(), "Invalid");
  repository_.CommitText({{"a.yaml", credential_yaml}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Status().state(), "Invalid");
  EXPECT_THAT(Condition(kValid).message(), HasSubstr("credentials"));
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.add_kinds("registry_credential"); });
  Step();
  EXPECT_TRUE(Get({Kind::kRegistryCredential, "", "evil"}).has_value());
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kPlanned).reason(), "OutsideScope");
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

TEST_F(ReconcileTest, C8StopsCorrectingWhenSomebodyFightsBack) {
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
  EXPECT_TRUE(Counted("espalier_git_fights_total{source=\"fleet\"} 1"));
  EXPECT_TRUE(Counted("espalier_git_drift_objects{class=\"changed\",source=\"fleet\"} 1"));
  EXPECT_THAT(Condition(kInSync).message(), HasSubstr("image a"));
  StepAfter(absl::Minutes(2));
  EXPECT_EQ(TagOf("a"), "1");
}

TEST_F(ReconcileTest, GivesItsObjectsUpWhenTheSourceIsDeleted) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  Delete(SourceRef("fleet"));
  Step();
  ASSERT_TRUE(Get(ImageRef("a")).has_value());
  EXPECT_FALSE(Get(ImageRef("a"))->metadata().has_owner());
  EXPECT_FALSE(io_->Stat(absl::StrCat(dir_.path(), "/cache/fleet")).ok());
}

TEST_F(ReconcileTest, GivesThemUpAlsoWhenItWasDeletedWhileNobodyLooked) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource();
  Step();
  Delete(SourceRef("fleet"));
  Restart();
  Step();
  EXPECT_FALSE(Get(ImageRef("a"))->metadata().has_owner());
}

TEST_F(ReconcileTest, PrunesItsObjectsOnDeletionWhenTheSourceSaysSo) {
  repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_on_delete(v1::GitSourceSpec::PRUNE); });
  Step();
  Delete(SourceRef("fleet"));
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

// Pace.

std::string NamespaceYaml(const std::string& name) {
  return absl::StrCat("apiVersion: espalier/v1\nkind: Namespace\nmetadata:\n  name: ", name, "\n");
}

std::string PolicyYaml(const std::string& name, const std::string& tag, const std::string& policy) {
  std::string yaml = ImageYaml(name, tag);
  const std::string line = absl::StrCat("  name: ", name, "\n");
  yaml.insert(yaml.find(line) + line.size(),
              absl::StrCat("  annotations: {espalier/", policy, "}\n"));
  return yaml;
}

// Open from noon until one; a test begins at midnight.
void AtNoon(v1::GitSourceSpec& spec) {
  v1::Window& window = (*spec.mutable_windows())["noon"];
  window.set_effect(v1::Window::ALLOW);
  window.set_start("12:00");
  window.set_minutes(60);
}

TEST_F(ReconcileTest, C5NewerCommitTakesThePlaceOfOneThatWaits) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet", AtNoon);
  Step();
  EXPECT_EQ(TagOf("a"), "(none)");
  EXPECT_EQ(Condition(kPlanned).message(), "1 to create");
  EXPECT_EQ(Condition(kApplied).reason(), "OutsideWindows");
  EXPECT_THAT(Condition(kApplied).message(), HasSubstr("until 2026-01-01T12:00Z"));
  const std::string newer = repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  for (int i = 0; i < 11 * 60 + 50; ++i) StepAfter(absl::Minutes(1));
  EXPECT_EQ(TagOf("a"), "(none)");
  for (int i = 0; i < 12; ++i) StepAfter(absl::Minutes(1));
  EXPECT_EQ(TagOf("a"), "2");
  EXPECT_EQ(Status().applied_commit(), newer);
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::TRUE);
}

// Nothing resolves images here, so that none becomes ready.
TEST_F(ReconcileTest, SaysWhatIsNotReadyAndWaitsForItNoLongerThanItsTime) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_ready_timeout_seconds(60); });
  Step();
  EXPECT_EQ(Condition(kHealthy).state(), v1::Condition::UNKNOWN);
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Condition(kHealthy).message(),
            "1 of 1 object is not ready: image a (not resolved yet)");
  // A newer commit does not wait for the one before to become healthy.
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "2");
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kHealthy).reason(), "Progressing") << "the time counts from the new apply";
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(Condition(kHealthy).state(), v1::Condition::FALSE);
  EXPECT_EQ(Condition(kHealthy).reason(), "NotReadyInTime");

  MakeReady("a");
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Condition(kHealthy).state(), v1::Condition::TRUE);
}

// Each object has its own time: commits that change others do not give it more.
TEST_F(ReconcileTest, CallsLateWhatIsNotReadyHoweverOftenOthersChange) {
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_ready_timeout_seconds(60); });
  for (int tag = 1; tag <= 4; ++tag) {
    repository_.CommitText(
        {{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b", absl::StrCat(tag))}});
    StepAfter(absl::Seconds(35));
    EXPECT_EQ(TagOf("b"), absl::StrCat(tag));
    StepAfter(absl::Seconds(3));
  }
  EXPECT_EQ(Condition(kHealthy).reason(), "NotReadyInTime");
  EXPECT_THAT(Condition(kHealthy).message(), HasSubstr("not ready: image a ("));
  // The same process does not forget it for the next, and a restart neither.
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b", "9")}});
  StepAfter(absl::Seconds(35));
  EXPECT_EQ(TagOf("b"), "9");
  EXPECT_EQ(Condition(kHealthy).state(), v1::Condition::FALSE);
  // What is late and changed has its time again; so has what came last.
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}, {"b.yaml", ImageYaml("b", "9")}});
  StepAfter(absl::Seconds(35));
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Condition(kHealthy).state(), v1::Condition::UNKNOWN);
}

TEST_F(ReconcileTest, AnObjectMayHaveAReadyTimeoutOfItsOwn) {
  const std::string patient = absl::StrReplaceAll(
      ImageYaml("b", "1"),
      {{"metadata:\n", "metadata:\n  annotations: {espalier/ready-timeout: 10m}\n"}});
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", patient}});
  PutSource("fleet", [](v1::GitSourceSpec& spec) { spec.set_ready_timeout_seconds(60); });
  Step();
  StepAfter(absl::Seconds(90));
  EXPECT_EQ(Condition(kHealthy).reason(), "NotReadyInTime");
  MakeReady("a");
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Condition(kHealthy).reason(), "Progressing");
  StepAfter(absl::Minutes(10));
  EXPECT_EQ(Condition(kHealthy).reason(), "NotReadyInTime");
}

TEST_F(ReconcileTest, ComesAfterOtherSourcesCommitByCommit) {
  const auto in = [](const std::string& path) {
    return [path](v1::GitSourceSpec& spec) {
      spec.set_path(path);
      if (path == "apps") spec.add_after("platform");
    };
  };
  repository_.CommitText(
      {{"platform/ns.yaml", NamespaceYaml("ci")}, {"apps/a.yaml", ImageYaml("a", "1")}});
  PutSource("platform", in("platform"));
  PutSource("apps", in("apps"));
  Step();
  EXPECT_EQ(TagOf("a"), "(none)");
  EXPECT_EQ(Condition(kApplied, "apps").reason(), "WaitsForSource");
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(Condition(kHealthy, "platform").state(), v1::Condition::TRUE);
  Step();
  EXPECT_EQ(TagOf("a"), "1");

  // What comes before it is invalid at the new commit: it stays at the old one.
  repository_.CommitText({{"platform/ns.yaml", "kind: ["}, {"apps/a.yaml", ImageYaml("a", "2")}});
  for (int i = 0; i < 5; ++i) StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_THAT(Condition(kApplied, "apps").message(), HasSubstr("platform, which is invalid"));
  repository_.CommitText(
      {{"platform/ns.yaml", NamespaceYaml("ci")}, {"apps/a.yaml", ImageYaml("a", "3")}});
  for (int i = 0; i < 5; ++i) StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "3");
}

TEST_F(ReconcileTest, AFailingSourceStarvesNobody) {
  repository_.CommitText(
      {{"good/a.yaml", ImageYaml("a", "1")}, {"refused/b.yaml", ImageYaml("b")}});
  Resource taken;
  taken.mutable_metadata()->set_name("b");
  taken.mutable_image()->mutable_spec()->set_reference("registry.example/b:9");
  Apply(taken);
  for (int i = 0; i < 20; ++i) {
    PutSource(absl::StrCat("missing-", i), [&](v1::GitSourceSpec& spec) {
      spec.set_repository(absl::StrCat(dir_.path(), "/nowhere"));
      spec.set_poll_seconds(1);
    });
  }
  PutSource("refused", [](v1::GitSourceSpec& spec) { spec.set_path("refused"); });
  PutSource("good", [](v1::GitSourceSpec& spec) { spec.set_path("good"); });
  Step();
  EXPECT_EQ(TagOf("a"), "1");
  for (int tag = 2; tag < 10; ++tag) {
    repository_.CommitText(
        {{"good/a.yaml", ImageYaml("a", absl::StrCat(tag))}, {"refused/b.yaml", ImageYaml("b")}});
    StepAfter(absl::Seconds(40));
    EXPECT_EQ(TagOf("a"), absl::StrCat(tag));
  }
  EXPECT_EQ(Status("refused").state(), "Refused");
}

TEST_F(ReconcileTest, SuspendedSourceAppliesNothingUntilItsTimeIsOver) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  Step();
  Hold(SourceRef("fleet"), "suspend", "release week", 3600);
  Step();
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::TRUE);
  EXPECT_THAT(Condition(kApplied).message(),
              HasSubstr("; suspended by ana until 2026-01-01T01:00Z: release week"));
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  for (int i = 0; i < 59; ++i) StepAfter(absl::Minutes(1));
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_TRUE(Counted("espalier_git_suspended{source=\"fleet\"} 1"));
  EXPECT_EQ(Condition(kApplied).reason(), "Suspended");
  EXPECT_EQ(Condition(kApplied).state(), v1::Condition::FALSE);
  for (int i = 0; i < 3; ++i) StepAfter(absl::Minutes(1));
  EXPECT_EQ(TagOf("a"), "2");
  EXPECT_EQ(Condition(kApplied).reason(), "Applied");
  EXPECT_TRUE(Counted("espalier_git_suspended{source=\"fleet\"} 0"));
}

TEST_F(ReconcileTest, ResumedObjectIsBroughtUpToDateAndNoOther) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b", "1")}});
  PutSource();
  Step();
  Hold(ImageRef("a"), "suspend", "INC-91");
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}, {"b.yaml", ImageYaml("b", "2")}});
  StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "1");
  EXPECT_EQ(TagOf("b"), "2");
  Edit("b", "9");
  Hold(ImageRef("a"), "suspend", "");
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(TagOf("a"), "2");
  EXPECT_EQ(TagOf("b"), "9") << "drift is only reported";
}

TEST_F(ReconcileTest, C3ConfirmationServesOnePlanAndIsGoneThen) {
  const std::string digest = ExceedBudget();
  // Meanwhile one more goes: that is another plan.
  repository_.CommitText({{"j.yaml", ImageYaml("j")}});
  StepAfter(absl::Seconds(40));
  Confirm(digest);
  Step();
  StepAfter(absl::Seconds(40));
  EXPECT_TRUE(Get(ImageRef("i0")).has_value());
  EXPECT_EQ(Condition(kPlanned).reason(), "BudgetExceeded");
  repository_.CommitText({{"i9.yaml", ImageYaml("i9")}});
  StepAfter(absl::Seconds(40));
  EXPECT_FALSE(Get(ImageRef("i0")).has_value());
  EXPECT_TRUE(Get(ImageRef("i9")).has_value());
  EXPECT_FALSE(Get(SourceRef("fleet"))->metadata().holds().contains("confirm"));
}

TEST_F(ReconcileTest, ActsOnAConfirmationAtOnce) {
  Confirm(ExceedBudget());
  Step();
  EXPECT_FALSE(Get(ImageRef("i0")).has_value());
}

TEST_F(ReconcileTest, WhatCannotBePrunedYetIsTriedAgainAlone) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"ns.yaml", NamespaceYaml("ci")}});
  PutSource();
  Step();
  Resource vm;
  vm.mutable_metadata()->set_name("by-hand");
  vm.mutable_metadata()->set_namespace_("ci");
  vm.mutable_vm()->mutable_spec()->set_image("registry.example/a:1");
  Apply(vm);
  repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  StepAfter(absl::Seconds(40));
  const Ref space{Kind::kNamespace, "", "ci"};
  EXPECT_EQ(TagOf("a"), "2") << "the rest of the set does not wait";
  EXPECT_TRUE(Get(space).has_value());
  Edit("a", "9");
  for (int i = 0; i < 5; ++i) StepAfter(absl::Seconds(40));
  EXPECT_EQ(TagOf("a"), "9") << "trying again corrects nothing";
  Delete(RefOf(vm));
  for (int i = 0; i < 3; ++i) StepAfter(absl::Seconds(40));
  EXPECT_FALSE(Get(space).has_value());
}

TEST_F(ReconcileTest, EachObjectsDriftPolicyCounts) {
  repository_.CommitText({{"a.yaml", PolicyYaml("a", "1", "drift: correct")},
                          {"b.yaml", ImageYaml("b", "1")},
                          {"c.yaml", PolicyYaml("c", "1", "drift: report")}});
  for (const bool correct : {false, true}) {
    PutSource("fleet", [&](v1::GitSourceSpec& spec) {
      spec.set_drift_policy(correct ? v1::DriftPolicy::CORRECT : v1::DriftPolicy::REPORT);
    });
    Step();
    for (const char* image : {"a", "b", "c"}) Edit(image, "9");
    Step();
    StepAfter(absl::Seconds(3));
    Step();
    EXPECT_EQ(TagOf("a"), "1");
    EXPECT_EQ(TagOf("b"), correct ? "1" : "9");
    EXPECT_EQ(TagOf("c"), "9");
  }
}

TEST_F(ReconcileTest, C8AFightOverOneObjectLeavesTheOthersCorrected) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}, {"b.yaml", ImageYaml("b", "1")}});
  PutSource("fleet",
            [](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::CORRECT); });
  Step();
  for (int i = 0; i < 12; ++i) {
    if (TagOf("a") == "1") Edit("a", "9");
    Step();
    StepAfter(absl::Seconds(2));
  }
  EXPECT_EQ(Condition(kInSync).reason(), "Fighting");
  EXPECT_EQ(TagOf("a"), "9");
  Edit("b", "9");
  Step();
  StepAfter(absl::Seconds(3));
  EXPECT_EQ(TagOf("b"), "1");
  EXPECT_EQ(TagOf("a"), "9");
}

TEST_F(ReconcileTest, C13JumpsOfTheDateMoveNothingButDates) {
  repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  PutSource();
  PutSource("noon", [](v1::GitSourceSpec& spec) {
    AtNoon(spec);
    spec.set_path("none");
  });
  Step();
  int tag = 2;
  for (const absl::Duration jump : {absl::Hours(24), -absl::Hours(48), absl::Hours(24)}) {
    clock_.SetDate(jump);
    repository_.CommitText({{"a.yaml", ImageYaml("a", absl::StrCat(tag))}});
    StepAfter(absl::Seconds(2));
    EXPECT_EQ(TagOf("a"), absl::StrCat(tag - 1)) << "polls go by the time that passed";
    StepAfter(absl::Seconds(40));
    EXPECT_EQ(TagOf("a"), absl::StrCat(tag));
    ++tag;
  }
  // What waits for a date finds a new one within a minute.
  PutSource("fleet", AtNoon);
  repository_.CommitText({{"a.yaml", ImageYaml("a", "9")}});
  StepAfter(absl::Seconds(40));
  EXPECT_NE(TagOf("a"), "9");
  clock_.SetDate(absl::Hours(12));
  StepAfter(absl::Seconds(61));
  EXPECT_EQ(TagOf("a"), "9");
}

}  // namespace
}  // namespace espalier
