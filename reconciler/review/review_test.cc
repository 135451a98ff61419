// Pull requests through the whole reconciler: a real engine, a real repository, real threads and
// processes; only the forge is made of plain data, and ten seconds pass in one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"
#include "engine/net/http.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "reconciler/forge/testing/memory_forge.h"
#include "reconciler/service.h"
#include "reconciler/testing/image_yaml.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/quick_clock.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr char kPlan[] = "espalier/plan/fleet";
constexpr char kApply[] = "espalier/apply/fleet";
constexpr char kSecret[] = "s3cret";
constexpr int kTimes = 10;

// A window in which nothing may be applied, at any time.
void ForbidAllWeek(v1::GitSourceSpec& spec) {
  v1::Window& window = (*spec.mutable_windows())["release"];
  window.set_effect(v1::Window::FREEZE);
  window.set_start("00:00");
  window.set_minutes(10080);
}

class ReviewTest : public testing::Test {
 protected:
  ReviewTest() {
    auto opened = LocalResources::Open(*clock_, random_, *log_, *store_, {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
    forge_->SetTraits({.comment_bytes = 60000,
                       .status_bytes = 140,
                       .check_runs = false,
                       .head_ref_prefix = "refs/pull/"});
    forge_->SetRole("ana", ForgeRole::kWrite);
    forge_->SetRole("mallory", ForgeRole::kRead);
    base_ = repository_.CommitText(files_);
    PutSource();
    Start();
  }
  ~ReviewTest() override { Stop(); }

  void Start() {
    ServiceOptions options;
    options.cache_dir = absl::StrCat(dir_.path(), "/cache");
    options.webhook = {.host = "127.0.0.1", .port = 0};
    options.env = [](const std::string&) { return std::optional<std::string>(kSecret); };
    options.fetch.command = {ESPALIER_RECONCILER, "fetch-child"};
    // A minute of the machine.
    options.fetch.deadline = kTimes * absl::Minutes(1);
    options.make_forge = [forge = forge_](const v1::GitSourceSpec&) { return forge; };
    auto started = ReconcilerService::Start(library_, *clock_, *threads_, random_, *log_, *io_,
                                            metrics_, *engine_, std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    service_ = *std::move(started);
  }
  void Stop() {
    if (service_ == nullptr) return;
    service_->Stop();
    service_.reset();
  }

  CallContext As(const std::string& subject) {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = subject;
    return context;
  }

  void PutSource(const std::function<void(v1::GitSourceSpec&)>& change = {}) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    Resource& source = *request.add_objects()->mutable_resource();
    source.mutable_metadata()->set_name("fleet");
    v1::GitSourceSpec& spec = *source.mutable_git_source()->mutable_spec();
    spec.set_repository(repository_.path());
    spec.set_poll_seconds(1);
    spec.mutable_webhook_secret()->set_env("HOOK");
    spec.mutable_destruction_budget()->set_percent(100);
    spec.mutable_forge()->set_type(v1::Forge::GITHUB);
    spec.mutable_forge()->mutable_token()->set_env("TOKEN");
    spec.mutable_forge()->set_poll_seconds(10);
    if (change) change(spec);
    const auto applied = engine_->Apply(As("ana"), request);
    ASSERT_TRUE(applied.ok() && applied->applied()) << applied.status();
  }

  // A pull request with one commit on the base branch.
  PullRequest Open(std::int64_t number, const std::map<std::string, std::string>& files,
                   const std::string& author = "ana") {
    PullRequest pull_request;
    pull_request.number = number;
    pull_request.author = author;
    pull_request.files_url = "https://forge.example/acme/fleet/blob/";
    pull_request.base_branch = "main";
    pull_request.updated_at = absl::FromUnixSeconds(1'000'000);
    SetHead(pull_request, files);
    return pull_request;
  }
  void SetHead(PullRequest& pull_request, const std::map<std::string, std::string>& files) {
    std::map<std::string, TestFile> tree;
    for (const auto& [path, bytes] : files) tree[path].bytes = bytes;
    pull_request.head_sha = repository_.Write({.files = tree, .parents = {base_}});
    repository_.SetRef(absl::StrCat("refs/pull/", pull_request.number, "/head"),
                       pull_request.head_sha);
    forge_->SetPullRequest(pull_request);
  }
  void Merge(PullRequest& pull_request, const std::map<std::string, std::string>& files) {
    pull_request.state = PullRequest::State::kMerged;
    pull_request.merge_sha = repository_.CommitText(files);
    forge_->SetPullRequest(pull_request);
  }

  // Another hand changes an image.
  void Change(const std::string& name, const std::string& reference) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    request.mutable_override()->set_reason("trying");
    // Otherwise the next commit takes it back.
    request.mutable_override()->set_hold_seconds(3600);
    Resource& image = *request.add_objects()->mutable_resource();
    image.mutable_metadata()->set_name(name);
    image.mutable_image()->mutable_spec()->set_reference(reference);
    const auto applied = engine_->Apply(As("eva"), request);
    ASSERT_TRUE(applied.ok() && applied->applied()) << applied.status();
  }

  v1::GitSourceStatus Status() {
    return engine_->Get(As("ana"), {Kind::kGitSource, "", "fleet"})->git_source().status();
  }
  bool Has(const std::string& image) {
    return engine_->Get(As("ana"), {Kind::kImage, "", image}).ok();
  }
  std::string StatusOf(const std::string& sha, const std::string& context) {
    const std::optional<CommitStatus> status = forge_->StatusOf(sha, context);
    if (!status.has_value()) return "";
    const char* const states[] = {"pending", "success", "failure", "error"};
    return absl::StrCat(states[static_cast<int>(status->state)], ": ", status->description);
  }
  std::vector<std::string> Comments(std::int64_t number) {
    std::vector<std::string> bodies;
    for (const ForgeComment& comment : forge_->Of(number).comments) {
      if (comment.mine) bodies.push_back(comment.body);
    }
    return bodies;
  }
  testing::AssertionResult Eventually(const std::function<bool()>& holds) {
    Wakeup never;
    const absl::Duration deadline = machine_->Elapsed() + absl::Minutes(3);
    absl::Duration next_hook = clock_->Elapsed();
    while (!holds()) {
      if (machine_->Elapsed() > deadline) return testing::AssertionFailure() << "waited in vain";
      if (hooks_ && clock_->Elapsed() >= next_hook) {
        next_hook = clock_->Elapsed() + absl::Seconds(1);
        Hook();
      }
      clock_->WaitFor(never, absl::Milliseconds(10));
    }
    return testing::AssertionSuccess();
  }
  // As forges do whenever something happens, so that nobody waits for a poll.
  void Hook() {
    HttpRequest request;
    request.method = "POST";
    request.url = absl::StrCat("http://", service_->webhook_address().ToString(), "/hooks/fleet");
    request.body = "{}";
    request.headers = {
        {"X-Hub-Signature-256", absl::StrCat("sha256=", HmacSha256Hex(kSecret, request.body))}};
    // Refused while the source is not known yet.
    (void)http_->Fetch(std::move(request));
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Clock> machine_ = MakeRealClock();
  std::unique_ptr<Clock> clock_ = std::make_unique<QuickClock>(kTimes);
  GitMetrics metrics_{*clock_};
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<Log> log_ = MakeNullLog();
  Random random_{1};
  std::unique_ptr<Store> store_ = MakeMemoryStore("e1");
  std::unique_ptr<LocalResources> engine_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/fleet.git")};
  std::shared_ptr<MemoryForge> forge_ = std::make_shared<MemoryForge>();
  std::map<std::string, std::string> files_ = {{"a.yaml", ImageYaml("a")},
                                               {"b.yaml", ImageYaml("b")}};
  std::string base_;
  std::unique_ptr<ReconcilerService> service_;
  std::unique_ptr<Http> http_ = MakeHttp();
  bool hooks_ = true;
};

TEST_F(ReviewTest, PlansAppliesAndReports) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_EQ(StatusOf(pull_request.head_sha, kPlan), "success: 1 to create");
  EXPECT_THAT(Comments(7)[0],
              AllOf(HasSubstr("1 to create"), HasSubstr("image c"),
                    HasSubstr(absl::StrCat("[c.yaml:1](https://forge.example/acme/fleet/blob/",
                                           pull_request.head_sha, "/c.yaml#L1)"))));
  EXPECT_FALSE(Has("c"));

  Merge(pull_request, files_);
  ASSERT_TRUE(Eventually(
      [&] { return StatusOf(pull_request.merge_sha, kApply) == "success: 1 to create"; }));
  EXPECT_TRUE(Has("c"));
  ASSERT_TRUE(Eventually(
      [&] { return Comments(7)[0].find("exactly the plan that was shown") != std::string::npos; }));
  EXPECT_THAT(Comments(7), SizeIs(1));
  EXPECT_EQ(Status().conditions().at("Reported").state(), v1::Condition::TRUE);
}

TEST_F(ReviewTest, E7LinksToTheWholePlan) {
  PutSource([this](v1::GitSourceSpec& spec) {
    spec.mutable_forge()->set_report_url(
        absl::StrCat("http://", service_->webhook_address().ToString(), "/"));
  });
  constexpr int kObjects = 10000;
  for (int i = 0; i < kObjects; ++i) {
    absl::StrAppend(&files_[absl::StrCat("more-", i % 100, ".yaml")], "---\n",
                    ImageYaml(absl::StrCat("more-", i)));
  }
  const PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  const std::string text = Comments(7)[0];
  EXPECT_LT(text.size(), 60000U);
  EXPECT_THAT(text, HasSubstr(absl::StrCat(kObjects, " to create")));
  const std::size_t begin = text.find("(http://127.0.0.1");
  ASSERT_NE(begin, std::string::npos);
  HttpRequest request;
  request.url = text.substr(begin + 1, text.find(')', begin) - begin - 1);
  const std::unique_ptr<Http> http = MakeHttp();
  const absl::StatusOr<HttpResponse> whole = http->Fetch(std::move(request));
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::set<std::string> listed;
  for (absl::string_view word : absl::StrSplit(whole->body, absl::ByAnyChar(" \n"))) {
    if (absl::ConsumePrefix(&word, "more-")) listed.insert(std::string(word));
  }
  EXPECT_THAT(listed, SizeIs(kObjects));
  EXPECT_EQ(forge_->StatusOf(pull_request.head_sha, kPlan)->url.substr(0, 16), "http://127.0.0.1");
}

// What is known of the rest of the source anyway is not said in each pull request.
TEST_F(ReviewTest, NotesOnlyWhatItTouches) {
  const auto vm = [](const std::string& name) {
    return absl::StrCat("apiVersion: espalier/v1\nkind: Vm\nmetadata: {name: ", name,
                        ", namespace: soon}\nspec: {image: a}\n");
  };
  files_["old.yaml"] = vm("old");
  base_ = repository_.CommitText(files_);
  ASSERT_TRUE(Eventually([&] { return Status().applied_commit() == base_; }));
  files_["new.yaml"] = vm("new");
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_THAT(Comments(7)[0],
              AllOf(HasSubstr("| note | vm soon/new |"), Not(HasSubstr("vm soon/old"))));
}

TEST_F(ReviewTest, FollowsTheHeadInTheOneComment) {
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  files_["d.yaml"] = ImageYaml("d");
  SetHead(pull_request, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7)[0].find("2 to create") != std::string::npos; }));
  EXPECT_EQ(StatusOf(pull_request.head_sha, kPlan), "success: 2 to create");
}

// Nobody is told of a comment that is changed: what got worse has one of its own, once.
TEST_F(ReviewTest, SaysInACommentOfItsOwnThatThePlanGotWorse) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  std::map<std::string, std::string> fewer = files_;
  fewer.erase("a.yaml");
  SetHead(pull_request, fewer);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 2; }));
  EXPECT_THAT(Comments(7)[1], HasSubstr("now **destroys** image a"));
  // Better, and worse in another way.
  SetHead(pull_request, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7)[0].find("image a") == std::string::npos; }));
  std::map<std::string, std::string> wrong = files_;
  wrong["a.yaml"] += "  tag: 1\n";
  SetHead(pull_request, wrong);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 3; }));
  EXPECT_THAT(Comments(7)[2], HasSubstr("is refused now: 1 error"));
  // The same again after a restart is not said again.
  Stop();
  Start();
  ASSERT_TRUE(Eventually([&] { return Status().pull_requests() == 1; }));
  EXPECT_THAT(Comments(7), SizeIs(3));
}

// Whoever confirms a plan before the merge sees that it may go, and it goes.
TEST_F(ReviewTest, ConfirmsABudgetBeforeTheMerge) {
  for (const char* name : {"c", "d", "e", "f"}) {
    files_[absl::StrCat(name, ".yaml")] = ImageYaml(name);
  }
  repository_.CommitText(files_);
  ASSERT_TRUE(Eventually([&] { return Has("f"); }));
  PutSource([](v1::GitSourceSpec& spec) {
    spec.mutable_destruction_budget()->set_percent(10);
    spec.mutable_destruction_budget()->set_objects(1);
  });
  base_ = repository_.CommitText(files_);
  std::map<std::string, std::string> fewer = {{"a.yaml", ImageYaml("a")}};
  PullRequest pull_request = Open(7, fewer);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_THAT(StatusOf(pull_request.head_sha, kPlan), HasSubstr("failure: refused"));
  const std::string text = Comments(7)[0];
  const std::size_t digest = text.find("Digest ");
  ASSERT_NE(digest, std::string::npos) << text;
  forge_->Say(7, "ana", "/espalier confirm " + text.substr(digest + 7, 12));
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.head_sha, kPlan).find("success") == 0;
  })) << StatusOf(pull_request.head_sha, kPlan)
      << Comments(7).back();
  EXPECT_TRUE(Has("b"));
  Merge(pull_request, fewer);
  ASSERT_TRUE(Eventually([&] { return !Has("b") && !Has("f"); }));
  EXPECT_TRUE(Has("a"));
}

TEST_F(ReviewTest, NamesTheLinesOfMistakesAndConflicts) {
  std::map<std::string, std::string> wrong = files_;
  wrong["a.yaml"] = ImageYaml("a") + "  tag: 1\n";
  const PullRequest mistaken = Open(7, wrong);
  ASSERT_TRUE(Eventually([&] { return forge_->Of(7).notes.size() == 1; }));
  EXPECT_EQ(forge_->Of(7).notes[0].first_line, 7);
  EXPECT_THAT(StatusOf(mistaken.head_sha, kPlan), HasSubstr("failure: refused: 1 error"));

  std::map<std::string, std::string> ours = files_;
  ours["b.yaml"] = ImageYaml("b", "2");
  const PullRequest conflicting = Open(8, ours);
  ours["b.yaml"] = ImageYaml("b", "3");
  repository_.CommitText(ours);
  ASSERT_TRUE(Eventually(
      [&] { return !Comments(8).empty() && Comments(8)[0].find("line 6") != std::string::npos; }));
  EXPECT_THAT(StatusOf(conflicting.head_sha, kPlan), HasSubstr("failure"));
}

// The branch moves under a plan that stood there: what it comes to then replaces the plan.
TEST_F(ReviewTest, TakesBackAPlanThatTheBranchHasOvertaken) {
  std::map<std::string, std::string> ours = files_;
  ours["b.yaml"] = ImageYaml("b", "2");
  const PullRequest changing = Open(7, ours);
  std::map<std::string, std::string> more = files_;
  more["c.yaml"] = ImageYaml("c");
  const PullRequest adding = Open(8, more);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(changing.head_sha, kPlan).find("success") == 0 &&
           StatusOf(adding.head_sha, kPlan).find("success") == 0;
  }));
  // One is a conflict now, the other declares an object that stands elsewhere already.
  files_["b.yaml"] = ImageYaml("b", "3");
  files_["elsewhere.yaml"] = ImageYaml("c");
  repository_.CommitText(files_);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(changing.head_sha, kPlan).find("failure") == 0 &&
           StatusOf(adding.head_sha, kPlan).find("failure") == 0;
  })) << StatusOf(changing.head_sha, kPlan)
      << StatusOf(adding.head_sha, kPlan);
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(Comments(7)[0], "both sides changed the same lines") &&
           absl::StrContains(Comments(8)[0], "elsewhere.yaml");
  })) << Comments(7)[0]
      << Comments(8)[0];
}

// What is merged while the source may not apply says so, and what came of it once it may.
TEST_F(ReviewTest, SaysThatAMergeWaits) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  PutSource(ForbidAllWeek);
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  Merge(pull_request, files_);
  ASSERT_TRUE(
      Eventually([&] { return StatusOf(pull_request.merge_sha, kApply).find("pending") == 0; }));
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.merge_sha, kApply).find("pending: window release forbids it") == 0;
  })) << StatusOf(pull_request.merge_sha, kApply);
  EXPECT_FALSE(Has("c"));
  PutSource();
  ASSERT_TRUE(Eventually(
      [&] { return StatusOf(pull_request.merge_sha, kApply) == "success: 1 to create"; }));
}

// What was stopped and then has to wait is not stopped any more.
TEST_F(ReviewTest, SaysThatWhatWasStoppedWaits) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  std::map<std::string, std::string> fewer = files_;
  fewer.erase("a.yaml");
  Merge(pull_request, fewer);
  ASSERT_TRUE(Eventually(
      [&] { return StatusOf(pull_request.merge_sha, kApply).find("failure: it destroys") == 0; }));
  PutSource(ForbidAllWeek);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.merge_sha, kApply).find("pending: window release") == 0;
  })) << StatusOf(pull_request.merge_sha, kApply);
}

// However much happened meanwhile, and in whichever process.
TEST_F(ReviewTest, TellsEachMergeItsOwnResult) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> files = files_;
  files["c.yaml"] = ImageYaml("c");
  PullRequest first = Open(7, files);
  std::map<std::string, std::string> more = files_;
  more["d.yaml"] = ImageYaml("d");
  more["e.yaml"] = ImageYaml("e");
  PullRequest second = Open(8, more);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && Comments(8).size() == 1; }));
  forge_->Fail(absl::UnavailableError("502"));
  Merge(first, files);
  ASSERT_TRUE(Eventually([&] { return Status().applied_commit() == first.merge_sha; }));
  files.merge(more);
  Merge(second, files);
  ASSERT_TRUE(Eventually([&] { return Status().applied_commit() == second.merge_sha; }));
  files["f.yaml"] = ImageYaml("f");
  const std::string pushed = repository_.CommitText(files);
  ASSERT_TRUE(Eventually([&] { return Status().applied_commit() == pushed; }));
  Stop();
  forge_->Fail(absl::OkStatus());
  Start();
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(first.merge_sha, kApply) == "success: 1 to create" &&
           StatusOf(second.merge_sha, kApply) == "success: 2 to create";
  })) << StatusOf(first.merge_sha, kApply)
      << StatusOf(second.merge_sha, kApply);
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(Comments(7)[0], "exactly the plan that was shown") &&
           absl::StrContains(Comments(8)[0], "exactly the plan that was shown");
  })) << Comments(7)[0]
      << Comments(8)[0];
}

TEST_F(ReviewTest, TellsMergesThatWereAppliedAtOnceSo) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> files = files_;
  files["c.yaml"] = ImageYaml("c");
  PullRequest first = Open(7, files);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  PutSource(ForbidAllWeek);
  Merge(first, files);
  files["d.yaml"] = ImageYaml("d");
  const std::string last = repository_.CommitText(files);
  ASSERT_TRUE(Eventually([&] { return Status().seen_commit() == last; }));
  PutSource();
  ASSERT_TRUE(
      Eventually([&] { return StatusOf(first.merge_sha, kApply) == "success: 2 to create"; }));
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(Comments(7)[0],
                             absl::StrCat("with what came after it, as ", last.substr(0, 7)));
  })) << Comments(7)[0];
}

TEST_F(ReviewTest, SaysThatAResultIsNotKnownAnyMore) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  forge_->Fail(absl::UnavailableError("502"));
  Merge(pull_request, files_);
  ASSERT_TRUE(Eventually([&] { return Status().applied_commit() == pull_request.merge_sha; }));
  Stop();
  ASSERT_TRUE(io_->RemoveAll(dir_.path() + "/cache/fleet/reports").ok());
  forge_->Fail(absl::OkStatus());
  Start();
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.merge_sha, kApply) ==
           "success: applied; what it did is not known any more";
  })) << StatusOf(pull_request.merge_sha, kApply);
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(Comments(7)[0], "not known any more"); }));
  EXPECT_THAT(Comments(7)[0], Not(HasSubstr("not the plan")));
}

TEST_F(ReviewTest, SaysThatNothingIsTouched) {
  files_["README.md"] = "hello\n";
  const PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.head_sha, kPlan) == "success: nothing of this source is touched";
  }));
  EXPECT_THAT(Comments(7), SizeIs(0));
}

// Whatever suspends what the pull request touches stands in it while it does.
TEST_F(ReviewTest, SaysWhatIsSuspended) {
  const auto suspend = [this](const Ref& ref, const std::string& why) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    v1::HoldChange& change = *request.add_holds();
    *change.mutable_ref() = ToProto(ref);
    change.set_hold("suspend");
    change.set_why(why);
    change.set_clear(why.empty());
    const auto applied = engine_->Apply(As("eva"), request);
    ASSERT_TRUE(applied.ok() && applied->applied()) << applied.status();
  };
  const auto shown = [this](const std::string& text) {
    return Eventually([&] { return absl::StrContains(Comments(7)[0], text); });
  };
  const auto gone = [this](const std::string& text) {
    return Eventually([&] { return !absl::StrContains(Comments(7)[0], text); });
  };
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["a.yaml"] = ImageYaml("a", "2");
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  // All sources.
  suspend({Kind::kCluster, "", "default"}, "release week");
  EXPECT_TRUE(shown("Nothing is applied at present")) << Comments(7)[0];
  EXPECT_THAT(Comments(7)[0], HasSubstr("release week"));
  suspend({Kind::kCluster, "", "default"}, "");
  EXPECT_TRUE(gone("release week")) << Comments(7)[0];
  // One object that it changes, and one that it does not.
  suspend({Kind::kImage, "", "b"}, "elsewhere");
  suspend({Kind::kImage, "", "a"}, "disk swap");
  EXPECT_TRUE(shown("disk swap")) << Comments(7)[0];
  suspend({Kind::kImage, "", "a"}, "");
  EXPECT_TRUE(gone("disk swap")) << Comments(7)[0];
  EXPECT_TRUE(shown("1 to update")) << Comments(7)[0];
}

// Drift comes and goes while nobody pushes anything: who touches what drifted sees it, nobody else
// costs a call.
TEST_F(ReviewTest, FollowsTheDriftOfWhatItTouches) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> files = files_;
  files["a.yaml"] = ImageYaml("a", "2");
  Open(7, files);
  files = files_;
  files["b.yaml"] = ImageYaml("b", "2");
  Open(8, files);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && Comments(8).size() == 1; }));
  hooks_ = false;
  const std::string before = Comments(7)[0];
  EXPECT_THAT(before, Not(HasSubstr("Drift of what it touches")));
  const std::string other = Comments(8)[0];
  const std::size_t written = forge_->comments_written();
  const std::size_t statuses = forge_->statuses_set();
  Change("a", "registry.example/a:9");
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(Comments(7)[0], "Drift of what it touches");
  })) << Comments(7)[0];
  EXPECT_THAT(Comments(7)[0], AllOf(HasSubstr("eva"), HasSubstr("1 to update")));
  // More of the same fleet, and drift of what no pull request touches.
  Change("more", "registry.example/more:1");
  Change("a", "registry.example/a:1");
  ASSERT_TRUE(Eventually([&] {
    return !absl::StrContains(Comments(7)[0], "Drift of what it touches");
  })) << Comments(7)[0];
  EXPECT_EQ(Comments(8)[0], other);
  EXPECT_EQ(forge_->comments_written(), written + 2);
  EXPECT_EQ(forge_->statuses_set(), statuses);
}

// Whoever may not write learns what is wrong with the text and nothing of the fleet.
TEST_F(ReviewTest, E1ValidatesOnlyWhatComesFromOutside) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> fewer = {{"b.yaml", ImageYaml("b", "9")}};
  PullRequest pull_request = Open(7, fewer, "mallory");
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_THAT(Comments(7)[0],
              AllOf(HasSubstr("valid, 1 object"), Not(HasSubstr("image a")),
                    HasSubstr("/espalier plan " + pull_request.head_sha.substr(0, 7))));

  // Nobody but who may write gets the plan, and of the commit that was looked at only.
  forge_->Say(7, "mallory", "/espalier plan " + pull_request.head_sha.substr(0, 7));
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 2; }));
  EXPECT_THAT(Comments(7)[1], HasSubstr("Only who may write"));
  forge_->Say(7, "ana", "/espalier plan " + pull_request.head_sha.substr(0, 7));
  ASSERT_TRUE(Eventually([&] { return Comments(7)[0].find("image a") != std::string::npos; }));
}

// Whoever may push somewhere else may have been made to: what comes from a fork is never planned by
// itself.
TEST_F(ReviewTest, E1ValidatesOnlyTheForkOfSomebodyWhoMayWrite) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  PullRequest pull_request = Open(7, {{"b.yaml", ImageYaml("b", "9")}});
  pull_request.from_fork = true;
  pull_request.number = 8;
  repository_.SetRef("refs/pull/8/head", pull_request.head_sha);
  forge_->SetPullRequest(pull_request);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && Comments(8).size() == 1; }));
  EXPECT_THAT(Comments(7)[0], HasSubstr("image a")) << "the same from a branch of the project";
  EXPECT_THAT(Comments(8)[0], AllOf(HasSubstr("valid, 1 object"), Not(HasSubstr("image a")),
                                    Not(HasSubstr("registry.example/b:1"))));
}

// What the reconciler is told stands in the engine: a repository that declares it is refused.
TEST_F(ReviewTest, E2RefusesAPullRequestThatDeclaresItsOwnSource) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["source.yaml"] =
      "apiVersion: espalier/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec:\n"
      "  repository: https://evil.example/fleet.git\n"
      "  destruction_budget: {percent: 100}\n";
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually(
      [&] { return StatusOf(pull_request.head_sha, kPlan).find("failure: refused") == 0; }));
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_THAT(Comments(7)[0], AllOf(HasSubstr("source.yaml"), HasSubstr("git_source fleet")));
  Merge(pull_request, files_);
  ASSERT_TRUE(Eventually([&] {
    return Status().seen_commit() == pull_request.merge_sha && Status().state() == "Invalid";
  }));
  const auto source = engine_->Get(As("ana"), {Kind::kGitSource, "", "fleet"});
  EXPECT_EQ(source->git_source().spec().repository(), repository_.path());
  EXPECT_EQ(source->metadata().owner().manager(), Owner::CLI);
}

// What was changed may say what its writer never said, and programs repeat what others said.
TEST_F(ReviewTest, E4HearsNeitherChangedCommentsNorPrograms) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  forge_->Say(7, "ana", "/espalier pause changed", /*edited=*/true);
  forge_->SayAsBot(7, "ana", "/espalier pause repeated");
  forge_->SayAsUs(7, "/espalier pause ours");
  forge_->Say(7, "ana", "/espalier pause said");
  const auto holds = [&] {
    return engine_->Get(As("ana"), {Kind::kGitSource, "", "fleet"})->metadata().holds();
  };
  ASSERT_TRUE(Eventually([&] { return holds().contains("suspend"); }));
  EXPECT_THAT(holds().at("suspend").why(), HasSubstr("said (ana in"));
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 3; }));
  EXPECT_THAT(Comments(7)[2], HasSubstr("Nothing is applied until"));
}

// Forges tell times in seconds: what follows within the second of what was read is heard too.
TEST_F(ReviewTest, HearsCommandsOfTheSameSecond) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  forge_->StopClock();
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  forge_->Say(7, "ana", "well done");
  forge_->Say(7, "ana", "/espalier pause disk swap");
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 2; }));
  EXPECT_THAT(Comments(7)[1], HasSubstr("Nothing is applied until"));
}

// Who commands has read something: if it moved on meanwhile, the command is about what is gone.
TEST_F(ReviewTest, E3ActsOnNothingButWhatWasRead) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  PullRequest outside = Open(7, {{"b.yaml", ImageYaml("b", "9")}}, "mallory");
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  const std::string looked_at = outside.head_sha.substr(0, 7);
  SetHead(outside, {{"b.yaml", ImageYaml("b", "10")}});
  forge_->Say(7, "ana", "/espalier plan " + looked_at);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 2; }));
  EXPECT_THAT(Comments(7)[1], HasSubstr("look at it first"));
  EXPECT_THAT(Comments(7)[0], Not(HasSubstr("image a")));

  // The digest of a plan that another head has made another one.
  std::map<std::string, std::string> fewer = files_;
  fewer.erase("a.yaml");
  PullRequest own = Open(8, fewer);
  ASSERT_TRUE(Eventually([&] { return Comments(8).size() == 1; }));
  const std::size_t at = Comments(8)[0].find(" Digest ");
  ASSERT_NE(at, std::string::npos) << Comments(8)[0];
  const std::string read = Comments(8)[0].substr(at + 8, 12);
  fewer["b.yaml"] = ImageYaml("b", "11");
  SetHead(own, fewer);
  ASSERT_TRUE(Eventually([&] { return Comments(8)[0].find(read) == std::string::npos; }));
  forge_->Say(8, "ana", "/espalier confirm " + read);
  ASSERT_TRUE(Eventually([&] { return Comments(8).size() == 2; }));
  EXPECT_THAT(Comments(8)[1], HasSubstr("no plan"));
  EXPECT_FALSE(engine_->Get(As("ana"), {Kind::kGitSource, "", "fleet"})
                   ->metadata()
                   .holds()
                   .contains("confirm"));
}

// Taken over is what is merged, while the source may apply, and nothing is destroyed by it.
TEST_F(ReviewTest, AdoptsWhatTheBranchDeclares) {
  const auto make = [this](Resource object) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::CLI);
    *request.add_objects()->mutable_resource() = std::move(object);
    const auto applied = engine_->Apply(As("eva"), request);
    ASSERT_TRUE(applied.ok() && applied->applied()) << applied.status();
  };
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  Resource image;
  image.mutable_metadata()->set_name("x");
  image.mutable_image()->mutable_spec()->set_reference("registry.example/x:0");
  make(image);
  Resource vm;
  vm.mutable_metadata()->set_name("build");
  vm.mutable_metadata()->set_namespace_("default");
  vm.mutable_vm()->mutable_spec()->set_image("a");
  vm.mutable_vm()->mutable_spec()->set_memory_mib(4096);
  make(vm);
  files_["x.yaml"] = ImageYaml("x");
  files_["vm.yaml"] =
      "apiVersion: espalier/v1\nkind: Vm\nmetadata: {name: build, namespace: default}\n"
      "spec: {image: a, memory_mib: 8192}\n";
  base_ = repository_.CommitText(files_);
  ASSERT_TRUE(Eventually([&] {
    return Status().seen_commit() == base_ &&
           Status().conditions().at("Planned").state() == v1::Condition::FALSE;
  }));
  files_["c.yaml"] = ImageYaml("c");
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  const auto answer_to = [&](const std::string& command) {
    const std::size_t before = Comments(7).size();
    forge_->Say(7, "ana", command);
    EXPECT_TRUE(Eventually([&] { return Comments(7).size() > before; }));
    return Comments(7).back();
  };
  const auto owner = [this](const Ref& ref) {
    return engine_->Get(As("ana"), ref)->metadata().owner().manager();
  };
  forge_->Say(7, "ana", "/espalier adopt image/c");
  (void)answer_to("/espalier adopt vm/default/build");
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 3; }));
  EXPECT_THAT(Comments(7), testing::IsSupersetOf({HasSubstr("only what is merged"),
                                                  HasSubstr("would destroy vm default/build")}));
  // No window is open: it waits as everything does.
  PutSource([](v1::GitSourceSpec& spec) {
    v1::Window& window = (*spec.mutable_windows())["freeze"];
    window.set_effect(v1::Window::FREEZE);
    window.set_start("00:00");
    window.set_minutes(10080);
  });
  EXPECT_THAT(answer_to("/espalier adopt image/x"), HasSubstr("Not now: window freeze forbids it"));
  EXPECT_EQ(owner({Kind::kImage, "", "x"}), Owner::CLI);
  // A rule of the source leaves the reference alone, whoever the object was.
  PutSource([](v1::GitSourceSpec& spec) {
    v1::IgnoreRule& rule = (*spec.mutable_ignore())["references"];
    rule.add_kinds("image");
    rule.add_fields("spec.reference");
  });
  EXPECT_THAT(answer_to("/espalier adopt image/x"), HasSubstr("Adopted image x"));
  EXPECT_EQ(owner({Kind::kImage, "", "x"}), Owner::GIT);
  EXPECT_EQ(engine_->Get(As("ana"), {Kind::kImage, "", "x"})->image().spec().reference(),
            "registry.example/x:0");
  EXPECT_EQ(owner({Kind::kVm, "default", "build"}), Owner::CLI);
}

// What was not in the plan before the merge is not destroyed until somebody says so.
TEST_F(ReviewTest, StopsNewDestructionUntilItIsConfirmed) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  std::map<std::string, std::string> fewer = files_;
  fewer.erase("a.yaml");
  Merge(pull_request, fewer);
  ASSERT_TRUE(Eventually(
      [&] { return Comments(7)[0].find("newly destroyed: image a") != std::string::npos; }));
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("c"));
  EXPECT_THAT(StatusOf(pull_request.merge_sha, kApply), HasSubstr("failure: it destroys"));
  const std::string text = Comments(7)[0];
  const std::string digest = text.substr(text.find("/espalier confirm ") + 18, 12);
  forge_->Say(7, "ana", "/espalier confirm 0123456789ab");
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 2; }));
  EXPECT_THAT(Comments(7)[1], HasSubstr("no plan"));
  forge_->Say(7, "ana", "/espalier confirm " + digest);
  ASSERT_TRUE(Eventually([&] { return !Has("a") && Has("c"); }));
  ASSERT_TRUE(
      Eventually([&] { return StatusOf(pull_request.merge_sha, kApply).find("success") == 0; }));
}

// What was shown for a merge that the branch has left again allows nothing later.
TEST_F(ReviewTest, CountsWhatWasShownOnlyForCommitsThatContainTheMerge) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> without_a = files_;
  without_a.erase("a.yaml");
  PullRequest first = Open(7, without_a);
  std::map<std::string, std::string> more = files_;
  more["c.yaml"] = ImageYaml("c");
  PullRequest second = Open(8, more);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && Comments(8).size() == 1; }));
  PutSource(ForbidAllWeek);
  // Another pull request is merged into what the branch is put back to, and destroys the same
  // without having said so.
  std::map<std::string, TestFile> tree;
  for (const auto& [path, bytes] : without_a) tree[path].bytes = bytes;
  tree["c.yaml"].bytes = ImageYaml("c");
  second.state = PullRequest::State::kMerged;
  second.merge_sha = repository_.Write({.files = tree, .parents = {base_}});
  forge_->SetPullRequest(second);
  Merge(first, without_a);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(first.merge_sha, kApply).find("pending") == 0 &&
           StatusOf(second.merge_sha, kApply).find("pending") == 0;
  }));
  repository_.SetRef("refs/heads/main", second.merge_sha);
  ASSERT_TRUE(Eventually([&] { return Status().seen_commit() == second.merge_sha; }));
  PutSource();
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(second.merge_sha, kApply) ==
           "failure: it destroys what the plan before the merge did not: image a";
  })) << StatusOf(second.merge_sha, kApply);
  EXPECT_TRUE(Has("a"));
}

TEST_F(ReviewTest, E12TellsTheLatestOnceTheForgeIsBack) {
  forge_->Fail(absl::UnavailableError("502"));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] {
    return Status().conditions().contains("Reported") &&
           Status().conditions().at("Reported").state() == v1::Condition::FALSE;
  }));
  files_["d.yaml"] = ImageYaml("d");
  SetHead(pull_request, files_);
  forge_->Fail(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] {
    return Comments(7).size() == 1 && Comments(7)[0].find("2 to create") != std::string::npos;
  }));
  ASSERT_TRUE(Eventually(
      [&] { return Status().conditions().at("Reported").state() == v1::Condition::TRUE; }));
}

// Much happens while the forge is away: each pull request gets its latest state, once.
TEST_F(ReviewTest, E12TellsEachPullRequestItsLatestStateOnce) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  const auto with = [this](const std::vector<std::string>& names) {
    std::map<std::string, std::string> files = files_;
    for (const std::string& name : names) files[name + ".yaml"] = ImageYaml(name);
    return files;
  };
  PullRequest pushed = Open(7, with({"p"}));
  PullRequest merged = Open(8, with({"m"}));
  PullRequest closed = Open(9, with({"c"}));
  ASSERT_TRUE(Eventually([&] {
    return Comments(7).size() == 1 && Comments(8).size() == 1 && Comments(9).size() == 1;
  }));
  forge_->Fail(absl::UnavailableError("502"));
  const std::size_t statuses = forge_->statuses_set();
  std::vector<std::string> overtaken;
  PullRequest opened = Open(10, with({"o"}));
  for (int i = 1; i <= 5; ++i) {
    std::vector<std::string> more;
    for (int j = 0; j <= i; ++j) more.push_back(absl::StrCat("n", j));
    overtaken.push_back(pushed.head_sha);
    overtaken.push_back(opened.head_sha);
    SetHead(pushed, with(more));
    SetHead(opened, with(more));
    // The branch moves as well, and the reconciler follows it.
    files_[absl::StrCat("direct", i, ".yaml")] = ImageYaml(absl::StrCat("direct", i));
    if (i == 3) {
      files_["m.yaml"] = ImageYaml("m");
      Merge(merged, files_);
    } else {
      repository_.CommitText(files_);
    }
    ASSERT_TRUE(Eventually([&] { return Has(absl::StrCat("direct", i)); }));
  }
  closed.state = PullRequest::State::kClosed;
  forge_->SetPullRequest(closed);
  EXPECT_EQ(forge_->statuses_set(), statuses);
  forge_->Fail(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pushed.head_sha, kPlan) == "success: 6 to create" &&
           StatusOf(opened.head_sha, kPlan) == "success: 6 to create" &&
           StatusOf(merged.merge_sha, kApply) == "success: 2 to create" &&
           StatusOf(closed.head_sha, kPlan) == "success: closed without a merge";
  })) << StatusOf(pushed.head_sha, kPlan)
      << StatusOf(opened.head_sha, kPlan) << StatusOf(merged.merge_sha, kApply)
      << StatusOf(closed.head_sha, kPlan);
  ASSERT_TRUE(Eventually([&] {
    return Comments(10).size() == 1 && absl::StrContains(Comments(7)[0], "6 to create") &&
           absl::StrContains(Comments(8)[0], "applied: 2 to create");
  }));
  for (const std::int64_t number : {7, 8, 9, 10}) EXPECT_THAT(Comments(number), SizeIs(1));
  // Of what was overtaken meanwhile nothing is told: the first head of 7 keeps what it had.
  for (const std::string& sha : overtaken) {
    EXPECT_THAT(StatusOf(sha, kPlan), testing::AnyOf("", "success: 1 to create"));
  }
  // Pending and planned, of the two that are open; the merge; the one that was closed.
  EXPECT_LE(forge_->statuses_set(), statuses + 7);
}

// What a person may do with a pull request, in turn: one comment, which says where it is now.
TEST_F(ReviewTest, E15FollowsWhatBecomesOfAPullRequest) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, files_);
  const auto plan_is = [&](const std::string& status) {
    return Eventually([&] { return StatusOf(pull_request.head_sha, kPlan) == status; });
  };
  const auto set = [&](PullRequest::State state, const std::string& base, bool draft) {
    pull_request.state = state;
    pull_request.base_branch = base;
    pull_request.draft = draft;
    forge_->SetPullRequest(pull_request);
  };
  using State = PullRequest::State;
  ASSERT_TRUE(plan_is("success: 1 to create"));
  // A draft has its plan as well.
  set(State::kOpen, "main", true);
  files_["d.yaml"] = ImageYaml("d");
  SetHead(pull_request, files_);
  ASSERT_TRUE(plan_is("success: 2 to create"));
  set(State::kOpen, "main", false);
  set(State::kClosed, "main", false);
  ASSERT_TRUE(plan_is("success: closed without a merge"));
  set(State::kOpen, "main", false);
  ASSERT_TRUE(plan_is("success: 2 to create"));
  set(State::kOpen, "develop", false);
  ASSERT_TRUE(plan_is("success: goes into another branch now"));
  set(State::kOpen, "main", false);
  ASSERT_TRUE(plan_is("success: 2 to create"));
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  EXPECT_THAT(Comments(7)[0], HasSubstr("2 to create"));
  Merge(pull_request, files_);
  ASSERT_TRUE(Eventually(
      [&] { return StatusOf(pull_request.merge_sha, kApply) == "success: 2 to create"; }));
  ASSERT_TRUE(
      Eventually([&] { return absl::StrContains(Comments(7)[0], "applied: 2 to create"); }));
  EXPECT_THAT(Comments(7), SizeIs(1));
}

// It goes into another branch and is merged there, before anybody looked again.
TEST_F(ReviewTest, E15ReportsNoMergeIntoAnotherBranch) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> more = files_;
  more["c.yaml"] = ImageYaml("c");
  PullRequest pull_request = Open(7, more);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  pull_request.state = PullRequest::State::kMerged;
  pull_request.base_branch = "develop";
  pull_request.merge_sha = repository_.CommitText(more, "develop");
  forge_->SetPullRequest(pull_request);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(pull_request.head_sha, kPlan) == "success: goes into another branch now";
  }));
  EXPECT_EQ(StatusOf(pull_request.merge_sha, kApply), "");
  EXPECT_FALSE(Has("c"));
}

// However it is merged, the commit that the forge names has the result, and the pull request too.
TEST_F(ReviewTest, E15ReportsEveryKindOfMerge) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  const auto tree_of = [](const std::map<std::string, std::string>& files) {
    std::map<std::string, TestFile> tree;
    for (const auto& [path, bytes] : files) tree[path].bytes = bytes;
    return tree;
  };
  std::string tip = base_;
  std::int64_t number = 7;
  for (const std::string kind : {"squash", "rebase", "merge", "fast-forward"}) {
    SCOPED_TRACE(kind);
    base_ = tip;
    const std::map<std::string, std::string> before = files_;
    const std::string first = absl::StrCat(kind, "-1");
    const std::string second = absl::StrCat(kind, "-2");
    files_[first + ".yaml"] = ImageYaml(first);
    const auto half = tree_of(files_);
    files_[second + ".yaml"] = ImageYaml(second);
    PullRequest pull_request = Open(number, files_);
    const std::string text = "2 to create";
    ASSERT_TRUE(
        Eventually([&] { return StatusOf(pull_request.head_sha, kPlan) == "success: " + text; }));
    if (kind == "squash") {
      tip = repository_.Write({.files = tree_of(files_), .parents = {tip}});
    } else if (kind == "rebase") {
      tip = repository_.Write({.files = half, .parents = {tip}});
      tip = repository_.Write({.files = tree_of(files_), .parents = {tip}});
    } else if (kind == "merge") {
      tip = repository_.Write({.files = tree_of(files_), .parents = {tip, pull_request.head_sha}});
    } else {
      tip = pull_request.head_sha;
    }
    repository_.SetRef("refs/heads/main", tip);
    pull_request.state = PullRequest::State::kMerged;
    pull_request.merge_sha = tip;
    forge_->SetPullRequest(pull_request);
    ASSERT_TRUE(Eventually([&] { return StatusOf(tip, kApply) == "success: " + text; }))
        << StatusOf(tip, kApply);
    ASSERT_TRUE(Eventually([&] {
      return absl::StrContains(Comments(number)[0], "applied: " + text) &&
             absl::StrContains(Comments(number)[0], "exactly the plan that was shown");
    })) << Comments(number)[0];
    EXPECT_THAT(Comments(number), SizeIs(1));
    ++number;
  }
}

// Killed when it had said that it reads: whoever starts next finishes it, whether the head has
// moved on meanwhile or not.
TEST_F(ReviewTest, E16LeavesNothingPendingAfterARestart) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  files_["c.yaml"] = ImageYaml("c");
  for (const bool moves : {false, true}) {
    SCOPED_TRACE(moves);
    Stop();
    PullRequest pull_request = Open(moves ? 8 : 7, files_);
    const std::string head = pull_request.head_sha;
    // From then on it has no effect any more.
    const auto killed = std::make_shared<std::atomic<bool>>(false);
    forge_->BeforeCalls([this, head, killed] {
      if (absl::StartsWith(StatusOf(head, kPlan), "pending")) *killed = true;
      return *killed ? absl::UnavailableError("killed") : absl::OkStatus();
    });
    Start();
    ASSERT_TRUE(Eventually([&] { return killed->load(); }));
    Stop();
    forge_->BeforeCalls(nullptr);
    files_["d.yaml"] = ImageYaml("d");
    if (moves) SetHead(pull_request, files_);
    Start();
    ASSERT_TRUE(Eventually([&] {
      return StatusOf(head, kPlan) ==
             (moves ? "error: overtaken before it was finished" : "success: 1 to create");
    })) << StatusOf(head, kPlan);
    ASSERT_TRUE(Eventually([&] {
      return absl::StartsWith(StatusOf(pull_request.head_sha, kPlan), "success");
    })) << StatusOf(pull_request.head_sha, kPlan);
  }
}

// All that it knew of the forge is gone as well: what stands there is found again, and nothing more
// is written than had to be.
TEST_F(ReviewTest, E16LeavesNothingPendingWhenTheOutboxIsLost) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  std::map<std::string, std::string> more = files_;
  more["c.yaml"] = ImageYaml("c");
  PullRequest open = Open(7, more);
  more = files_;
  more["d.yaml"] = ImageYaml("d");
  PullRequest merged = Open(8, more);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && Comments(8).size() == 1; }));
  // The merge waits when it is killed, and a new head is being read.
  PutSource(ForbidAllWeek);
  Merge(merged, more);
  ASSERT_TRUE(Eventually([&] {
    return StatusOf(merged.merge_sha, kApply).find("pending: window release") == 0;
  })) << StatusOf(merged.merge_sha, kApply);
  Stop();
  more = files_;
  more["e.yaml"] = ImageYaml("e");
  SetHead(open, more);
  const auto killed = std::make_shared<std::atomic<bool>>(false);
  forge_->BeforeCalls([this, head = open.head_sha, killed] {
    if (absl::StartsWith(StatusOf(head, kPlan), "pending")) *killed = true;
    return *killed ? absl::UnavailableError("killed") : absl::OkStatus();
  });
  Start();
  ASSERT_TRUE(Eventually([&] { return killed->load(); }));
  Stop();
  forge_->BeforeCalls(nullptr);
  ASSERT_TRUE(io_->RemoveAll(dir_.path() + "/cache/fleet/outbox").ok());
  PutSource();
  Start();
  ASSERT_TRUE(Eventually([&] {
    return absl::StartsWith(StatusOf(open.head_sha, kPlan), "success") &&
           absl::StartsWith(StatusOf(merged.merge_sha, kApply), "success");
  })) << StatusOf(open.head_sha, kPlan)
      << " " << StatusOf(merged.merge_sha, kApply);
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(Comments(8)[0], "applied"); }));
  EXPECT_THAT(Comments(7), SizeIs(1));
  EXPECT_THAT(Comments(8), SizeIs(1));
}

TEST_F(ReviewTest, CountsWhatWaitsForTheForge) {
  const auto depth_is = [this](int depth) {
    return absl::StrContains(
        metrics_.Text(),
        absl::StrCat("espalier_git_report_outbox_depth{forge=\"github\"} ", depth, "\n"));
  };
  files_["c.yaml"] = ImageYaml("c");
  Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1 && depth_is(0); }));
  forge_->Fail(absl::UnavailableError("502"));
  // What changes the comment without the forge's saying anything.
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  v1::HoldChange& change = *request.add_holds();
  *change.mutable_ref() = ToProto({Kind::kGitSource, "", "fleet"});
  change.set_hold("suspend");
  change.set_why("release week");
  ASSERT_TRUE(engine_->Apply(As("ana"), request)->applied());
  ASSERT_TRUE(Eventually([&] { return depth_is(1); }));
  forge_->Fail(absl::OkStatus());
  ASSERT_TRUE(Eventually([&] { return depth_is(0); }));
  EXPECT_THAT(Comments(7)[0], HasSubstr("release week"));
}

TEST_F(ReviewTest, WritesNothingAgainAfterARestart) {
  files_["c.yaml"] = ImageYaml("c");
  const PullRequest pull_request = Open(7, files_);
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  const std::size_t statuses = forge_->statuses_set();
  Stop();
  Start();
  ASSERT_TRUE(Eventually([&] { return Status().pull_requests() == 1; }));
  EXPECT_THAT(Comments(7), SizeIs(1));
  EXPECT_LE(forge_->statuses_set(), statuses + 2);
  EXPECT_EQ(StatusOf(pull_request.head_sha, kPlan), "success: 1 to create");
}

// From the comment on the issue to the branch that declares what is live.
TEST_F(ReviewTest, AcceptsDriftInAPullRequest) {
  const std::string commented = "# why\n" + ImageYaml("a") + "  # end\n";
  files_["a.yaml"] = commented + "---\n" + ImageYaml("c");
  base_ = repository_.CommitText(files_);
  PutSource([](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::ALERT); });
  ASSERT_TRUE(Eventually([&] { return Has("c") && Status().applied_commit() == base_; }));
  Change("a", "registry.example/a:9");
  ASSERT_TRUE(Eventually([&] { return forge_->issues().size() == 1; }));
  const std::int64_t issue = forge_->issues()[0].number;

  forge_->SayOnIssue(issue, "mallory", "/espalier accept-drift");
  ASSERT_TRUE(Eventually([&] { return Comments(-issue).size() == 1; }));
  EXPECT_THAT(Comments(-issue)[0], HasSubstr("Only who may write"));
  EXPECT_THAT(forge_->proposals(), SizeIs(0));

  forge_->SayOnIssue(issue, "ana", "/espalier accept-drift");
  ASSERT_TRUE(Eventually([&] { return Comments(-issue).size() == 2; }));
  EXPECT_THAT(Comments(-issue)[1],
              AllOf(HasSubstr("https://forge.example/pull/"), HasSubstr("1 field of 1 object")));
  const ProposedChange change = forge_->proposals().at("espalier/accept-drift-fleet");
  EXPECT_EQ(change.base_sha, base_);
  EXPECT_EQ(change.base_branch, "main");
  ASSERT_THAT(change.files, SizeIs(1));
  EXPECT_EQ(change.files[0].path, "a.yaml");
  std::string wanted = files_["a.yaml"];
  wanted.replace(wanted.find("a:1"), 3, "a:9");
  EXPECT_EQ(change.files[0].bytes, wanted);
  EXPECT_THAT(change.body, AllOf(HasSubstr("a.yaml:7"), HasSubstr("eva"), HasSubstr("trying")));

  // The same again, and again after a restart: one pull request, and each is answered once.
  forge_->SayOnIssue(issue, "ana", "/espalier accept-drift image/a image/b");
  ASSERT_TRUE(Eventually([&] { return Comments(-issue).size() == 3; }));
  EXPECT_THAT(Comments(-issue)[2], HasSubstr("image b: it has not drifted"));
  EXPECT_EQ(forge_->OpenPullRequests("main")->size(), 1U);
  Stop();
  Start();
  ASSERT_TRUE(Eventually([&] { return Status().pull_requests() == 1; }));
  EXPECT_THAT(Comments(-issue), SizeIs(3));

  // Merged, nothing differs any more.
  PullRequest merged = forge_->OpenPullRequests("main")->front();
  files_["a.yaml"] = wanted;
  Merge(merged, files_);
  ASSERT_TRUE(Eventually([&] { return !forge_->issues()[0].open; }));
  EXPECT_FALSE(engine_->Get(As("ana"), {Kind::kImage, "", "a"})->metadata().has_edited());
}

TEST_F(ReviewTest, SaysWhyDriftIsNotAccepted) {
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  PullRequest pull_request = Open(7, {{"a.yaml", ImageYaml("a", "2")}, {"b.yaml", ImageYaml("b")}});
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  const auto answer_to = [&](const std::string& command) {
    const std::size_t before = Comments(7).size();
    forge_->Say(7, "ana", command);
    EXPECT_TRUE(Eventually([&] { return Comments(7).size() == before + 1; }));
    return Comments(7).back();
  };
  EXPECT_THAT(answer_to("/espalier accept-drift"), HasSubstr("Nothing has drifted"));
  EXPECT_THAT(answer_to("/espalier accept-drift image/none"),
              HasSubstr("the branch does not declare it"));
  EXPECT_THAT(answer_to("/espalier accept-drift imag/a"), HasSubstr("no kind"));
  Change("a", "registry.example/a:9");
  forge_->FailProposals(absl::PermissionDeniedError("the token needs contents=write"));
  EXPECT_THAT(answer_to("/espalier accept-drift image/a"), HasSubstr("contents=write"));
  forge_->FailProposals(absl::OkStatus());
  EXPECT_THAT(answer_to("/espalier accept-drift image/a"), HasSubstr("/pull/"));
}

// What was pushed a moment ago is read, applied and looked at first.
TEST_F(ReviewTest, PatchesNothingThatHasMovedMeanwhile) {
  hooks_ = false;
  PutSource([](v1::GitSourceSpec& spec) { spec.set_poll_seconds(3600); });
  ASSERT_TRUE(Eventually([&] { return Has("a") && Status().applied_commit() == base_; }));
  const PullRequest pull_request = Open(7, {{"a.yaml", ImageYaml("a", "2")}});
  ASSERT_TRUE(Eventually([&] { return Comments(7).size() == 1; }));
  Change("a", "registry.example/a:9");
  Change("b", "registry.example/b:9");
  files_["a.yaml"] = "# pushed\n" + ImageYaml("a");
  files_["b.yaml"] = ImageYaml("b", "9");
  const std::string pushed = repository_.CommitText(files_);
  forge_->Say(7, "ana", "/espalier accept-drift");
  ASSERT_TRUE(Eventually([&] { return !forge_->proposals().empty(); }));
  const ProposedChange change = forge_->proposals().begin()->second;
  EXPECT_EQ(change.base_sha, pushed);
  ASSERT_THAT(change.files, SizeIs(1));
  EXPECT_THAT(change.files[0].bytes, AllOf(HasSubstr("# pushed"), HasSubstr("a:9")));
}

TEST_F(ReviewTest, KeepsOneIssueAboutDriftWhileThereIsSome) {
  PutSource([](v1::GitSourceSpec& spec) { spec.set_drift_policy(v1::DriftPolicy::ALERT); });
  ASSERT_TRUE(Eventually([&] { return Has("a"); }));
  Change("a", "registry.example/a:9");
  ASSERT_TRUE(Eventually([&] { return forge_->issues().size() == 1; }));
  EXPECT_THAT(forge_->issues()[0].body, AllOf(HasSubstr("image a"), HasSubstr("eva")));
  Change("a", "registry.example/a:1");
  ASSERT_TRUE(Eventually([&] { return !forge_->issues()[0].open; }));
}

}  // namespace
}  // namespace espalier
