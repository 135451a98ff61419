#include "engine/server/local_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/base/limits.h"
#include "engine/model/access.h"
#include "engine/store/memory.h"
#include "engine/store/testing/forwarding_store.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;

// A store in which something happens before a commit.
class InterruptedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  // Called once, before the commit of this number from now on, counted from 1.
  void Before(int commit, std::function<void()> happens) {
    left_ = commit;
    happens_ = std::move(happens);
  }

  absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) override {
    if (--left_ == 0) happens_();
    return ForwardingStore::Commit(transaction);
  }

 private:
  int left_ = 0;
  std::function<void()> happens_;
};

class LocalResourcesTest : public ::testing::Test {
 protected:
  LocalResourcesTest()
      : random_(1),
        log_(MakeNullLog()),
        store_(std::make_unique<InterruptedStore>(MakeMemoryStore("e1"))) {
    Open();
  }

  void Open() {
    engine_.reset();
    auto opened = LocalResources::Open(clock_, random_, *log_, *store_, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
  }

  static CallContext As(const std::string& subject) {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = subject;
    return context;
  }

  static Resource Image(const std::string& name, const std::string& tag = "1") {
    Resource resource;
    resource.mutable_metadata()->set_name(name);
    resource.mutable_image()->mutable_spec()->set_reference("registry.example/" + name + ":" + tag);
    return resource;
  }

  static Resource Vm(const std::string& ns, const std::string& name, std::uint32_t cpu) {
    Resource resource;
    resource.mutable_metadata()->set_name(name);
    resource.mutable_metadata()->set_namespace_(ns);
    resource.mutable_vm()->mutable_spec()->set_image("registry.example/sonoma:1");
    resource.mutable_vm()->mutable_spec()->set_cpu(cpu);
    return resource;
  }

  static Resource Namespace(const std::string& name, const std::string& description) {
    Resource resource;
    resource.mutable_metadata()->set_name(name);
    resource.mutable_namespace_()->mutable_spec()->set_description(description);
    return resource;
  }

  // More than one transaction holds.
  static ApplyRequest ManyImages() {
    ApplyRequest request = RequestOf({});
    for (int i = 0; i < 450; ++i) {
      *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", 1000 + i));
    }
    return request;
  }
  bool HasImage(const std::string& name) {
    return engine_->Get(As("ana"), Ref{Kind::kImage, "", name}).ok();
  }

  static void AddPremise(const Ref& ref, std::int64_t revision, ApplyRequest& request) {
    v1::Premise& premise = *request.add_premises();
    *premise.mutable_ref() = ToProto(ref);
    premise.set_revision(revision);
  }

  static ApplyRequest RequestOf(std::initializer_list<Resource> resources,
                                Owner::Manager manager = Owner::CLI) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(manager);
    for (const Resource& resource : resources)
      *request.add_objects()->mutable_resource() = resource;
    return request;
  }

  ApplyResult Apply(const ApplyRequest& request, const CallContext& context = As("ana")) {
    auto result = engine_->Apply(context, request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ApplyResult();
  }

  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<InterruptedStore> store_;
  std::unique_ptr<LocalResources> engine_;
};

TEST_F(LocalResourcesTest, BuiltinObjectsAreAlwaysThere) {
  EXPECT_TRUE(engine_->Get(As("ana"), Ref{Kind::kCluster, "", "default"}).ok());
  EXPECT_TRUE(engine_->Get(As("ana"), Ref{Kind::kNamespace, "", "default"}).ok());
}

TEST_F(LocalResourcesTest, AppliedObjectIsReadBackWithUidAndRevision) {
  const ApplyResult result = Apply(RequestOf({Image("sonoma")}));
  ASSERT_TRUE(result.applied());
  const auto image = engine_->Get(As("ana"), Ref{Kind::kImage, "", "sonoma"});
  ASSERT_TRUE(image.ok());
  EXPECT_FALSE(image->metadata().uid().empty());
  EXPECT_EQ(image->metadata().revision(), result.revision());
  EXPECT_EQ(image->metadata().generation(), 1);
  EXPECT_EQ(result.objects(0).metadata().uid(), image->metadata().uid());
}

TEST_F(LocalResourcesTest, ObjectsAreLeftOutOfTheAnswerToWhoWantsNone) {
  ApplyRequest request = RequestOf({Image("sonoma")});
  request.set_without_objects(true);
  for (const bool dry_run : {true, false}) {
    request.set_dry_run(dry_run);
    const ApplyResult result = Apply(request);
    EXPECT_EQ(result.applied(), !dry_run);
    EXPECT_EQ(result.plan().creates(), 1);
    EXPECT_EQ(result.objects_size(), 0);
  }
}

TEST_F(LocalResourcesTest, ApplyingTheSameAgainChangesNothing) {
  Apply(RequestOf({Image("sonoma")}));
  EXPECT_EQ(Apply(RequestOf({Image("sonoma")})).plan().noops(), 1u)
      << "what the engine notes by itself is no difference";
}

TEST_F(LocalResourcesTest, DryRunStoresNothing) {
  ApplyRequest request = RequestOf({Image("sonoma")});
  request.set_dry_run(true);
  const ApplyResult result = Apply(request);
  EXPECT_FALSE(result.applied());
  EXPECT_EQ(result.plan().creates(), 1u);
  EXPECT_TRUE(absl::IsNotFound(engine_->Get(As("ana"), Ref{Kind::kImage, "", "sonoma"}).status()));
}

TEST_F(LocalResourcesTest, OneBadObjectRefusesTheWholeSetAndAllProblemsAreTold) {
  Resource bad = Image("bad");
  bad.mutable_image()->mutable_spec()->set_digest("sha256:short");
  Resource worse = Image("Worse");
  const ApplyResult result = Apply(RequestOf({Image("good"), bad, worse}));
  EXPECT_FALSE(result.applied());
  EXPECT_GE(result.problems_size(), 2);
  EXPECT_TRUE(absl::IsNotFound(engine_->Get(As("ana"), Ref{Kind::kImage, "", "good"}).status()));
}

TEST_F(LocalResourcesTest, DigestOfThePlanMustMatchWhenOneIsExpected) {
  ApplyRequest request = RequestOf({Image("sonoma")});
  request.set_dry_run(true);
  const std::string digest = Apply(request).plan().digest();
  request.set_dry_run(false);
  request.set_expected_digest(std::string(64, '0'));
  EXPECT_FALSE(Apply(request).applied());
  request.set_expected_digest(digest);
  EXPECT_TRUE(Apply(request).applied());
}

TEST_F(LocalResourcesTest, LargeSetsAreStoredInPartsAndRepeatingTheOperationGoesOn) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  for (int i = 0; i < 450; ++i) {
    *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", i));
  }
  CallContext context = As("git");
  context.operation_id = "op-1";
  const ApplyResult first = Apply(request, context);
  EXPECT_EQ(first.plan().creates(), 450u);
  request.set_expected_digest(first.plan().digest());
  const ApplyResult second = Apply(request, context);
  EXPECT_TRUE(second.applied()) << "repeated operation must not fail on its own digest";
  EXPECT_EQ(second.plan().noops(), 450u);
}

// Stored in parts, a repeated call would be told that its own objects stand in its way.
TEST_F(LocalResourcesTest, ASetWithPremisesIsStoredAtOnceOrNotAtAll) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::TERRAFORM);
  request.mutable_owner()->set_instance("prod");
  for (int i = 0; i < 101; ++i) {
    *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", i));
  }
  request.mutable_objects(100)->set_create_only(true);
  const auto refused = engine_->Apply(As("ci"), request);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  EXPECT_FALSE(engine_->Get(As("ci"), Ref{Kind::kImage, "", "image-0"}).ok());
  request.mutable_objects()->DeleteSubrange(0, 1);
  EXPECT_TRUE(Apply(request).applied());
}

TEST_F(LocalResourcesTest, AnObjectThatIsTooLargeKeepsItsWholeSetFromBeingStored) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  for (int i = 0; i < 450; ++i) {
    *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", i));
  }
  v1::Metadata& last = *request.mutable_objects(449)->mutable_resource()->mutable_metadata();
  last.set_name("z");
  for (int i = 0; i < 64; ++i) {
    (*last.mutable_annotations())[absl::StrCat("note-", i)] = std::string(4096, 'n');
  }
  const auto refused = engine_->Apply(As("git"), request);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  EXPECT_FALSE(engine_->Get(As("git"), Ref{Kind::kImage, "", "image-0"}).ok());
}

TEST_F(LocalResourcesTest, ARepeatedOperationIsAnsweredThoughWhatItMadeIsThereNow) {
  ApplyRequest request = RequestOf({Image("sonoma")});
  request.mutable_owner()->set_manager(Owner::TERRAFORM);
  request.mutable_owner()->set_instance("prod");
  request.mutable_objects(0)->set_create_only(true);
  CallContext context = As("ci");
  context.operation_id = "op-1";
  const ApplyResult first = Apply(request, context);
  ASSERT_TRUE(first.applied());
  const ApplyResult again = Apply(request, context);
  EXPECT_TRUE(again.applied()) << again.ShortDebugString();
  EXPECT_EQ(again.objects(0).metadata().uid(), first.objects(0).metadata().uid());
  context.operation_id = "op-2";
  EXPECT_FALSE(Apply(request, context).applied()) << "another operation finds it there";
}

TEST_F(LocalResourcesTest, ARepeatedOperationIsAnsweredThoughItsPremisesHoldNoLonger) {
  ApplyRequest request = RequestOf({Namespace("team", "iOS")});
  AddPremise(Ref{Kind::kNamespace, "", "team"}, 0, request);
  CallContext context = As("git");
  context.operation_id = "op-1";
  EXPECT_TRUE(Apply(request, context).applied());
  EXPECT_TRUE(Apply(request, context).applied());
  context.operation_id = "op-2";
  EXPECT_TRUE(absl::IsAborted(engine_->Apply(context, request).status()));
}

TEST_F(LocalResourcesTest, PremisesHoldUntilTheLastPartIsStored) {
  const Ref team{Kind::kNamespace, "", "team"};
  const std::int64_t read = Apply(RequestOf({Namespace("team", "iOS")})).revision();
  ApplyRequest request = ManyImages();
  AddPremise(team, read, request);
  store_->Before(3, [&] { Apply(RequestOf({Namespace("team", "tvOS")})); });
  const absl::Status status = engine_->Apply(As("git"), request).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_TRUE(HasImage("image-1000"));
  EXPECT_TRUE(HasImage("image-1199"));
  EXPECT_FALSE(HasImage("image-1200")) << "the third part";
  // Who has read it again goes on.
  request.mutable_premises(0)->set_revision(engine_->Get(As("git"), team)->metadata().revision());
  EXPECT_TRUE(Apply(request).applied());
  EXPECT_TRUE(HasImage("image-1449"));
}

TEST_F(LocalResourcesTest, ASetMayWriteWhatItIsPremisedOn) {
  const std::int64_t read = Apply(RequestOf({Namespace("team", "iOS")})).revision();
  ApplyRequest request = ManyImages();
  *request.add_objects()->mutable_resource() = Namespace("team", "tvOS");
  AddPremise(Ref{Kind::kNamespace, "", "team"}, read, request);
  EXPECT_TRUE(Apply(request).applied());
  EXPECT_TRUE(HasImage("image-1449"));
}

TEST_F(LocalResourcesTest, PremisesAreBounded) {
  ApplyRequest request = RequestOf({Image("sonoma")});
  for (std::size_t i = 0; i < limits::kPremises; ++i) {
    AddPremise(Ref{Kind::kImage, "", absl::StrCat("x-", i)}, 0, request);
  }
  EXPECT_TRUE(Apply(request).applied());
  AddPremise(Ref{Kind::kImage, "", "y"}, 0, request);
  EXPECT_TRUE(absl::IsResourceExhausted(engine_->Apply(As("git"), request).status()));
}

TEST_F(LocalResourcesTest, PagesCoverTheListOnceInOrder) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  for (int i = 0; i < 25; ++i) {
    *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", i));
  }
  Apply(request);
  Query query;
  query.add_kinds("image");
  query.set_page_size(10);
  std::string last;
  int count = 0;
  do {
    const auto page = engine_->List(As("ana"), query);
    ASSERT_TRUE(page.ok());
    EXPECT_LE(page->items_size(), 10);
    for (const Resource& item : page->items()) {
      EXPECT_LT(last, item.metadata().name());
      last = item.metadata().name();
      ++count;
    }
    query.set_page(page->next_page());
  } while (!query.page().empty());
  EXPECT_EQ(count, 25);
}

TEST_F(LocalResourcesTest, AListByNamesHasThoseThatAreThereInOrderAndPages) {
  Apply(RequestOf({Image("ventura"), Image("sonoma"), Image("sequoia"), Image("other")}));
  Query query;
  query.add_kinds("image");
  for (const char* name : {"ventura", "sonoma", "nothing", "sequoia", "sonoma"}) {
    query.add_names(name);
  }
  query.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = engine_->List(As("ana"), query);
    ASSERT_TRUE(page.ok());
    for (const Resource& item : page->items()) names.push_back(item.metadata().name());
    query.set_page(page->next_page());
  } while (!query.page().empty());
  EXPECT_THAT(names, testing::ElementsAre("sequoia", "sonoma", "ventura"));
  query.mutable_labels()->insert({"team", "ios"});
  EXPECT_EQ(engine_->List(As("ana"), query)->items_size(), 0) << "all of the query counts";
}

TEST_F(LocalResourcesTest, AVisitedPageIsTheListedOne) {
  Apply(RequestOf({Image("ventura"), Image("sonoma"), Image("sequoia")}));
  Query query;
  query.add_kinds("image");
  query.set_page_size(2);
  const auto listed = engine_->List(As("ana"), query);
  ASSERT_TRUE(listed.ok());
  ListPage visited;
  const auto page = engine_->VisitPage(
      As("ana"), query, [&](const Resource& object) { *visited.add_items() = object; });
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->items_size(), 0);
  ASSERT_EQ(visited.items_size(), 2);
  EXPECT_EQ(visited.items(1).metadata().name(), "sonoma");
  visited.MergeFrom(*page);
  EXPECT_EQ(visited.SerializeAsString(), listed->SerializeAsString());
}

TEST_F(LocalResourcesTest, StaleControllerWriteIsAborted) {
  Apply(RequestOf({Image("sonoma")}));
  const Resource read = *engine_->Get(As("ana"), Ref{Kind::kImage, "", "sonoma"});
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = read;
  write.mutable_resource()->mutable_image()->mutable_status()->set_digest("sha256:1");
  ASSERT_TRUE(engine_->UpdateStatus(As("image"), {&write, 1})[0].ok());
  write.mutable_resource()->mutable_image()->mutable_status()->set_digest("sha256:2");
  EXPECT_TRUE(absl::IsAborted(engine_->UpdateStatus(As("image"), {&write, 1})[0].status()));
}

// Each of many who declare at once would fit alone.
TEST_F(LocalResourcesTest, AQuotaHoldsHoweverManyDeclareAtOnce) {
  Resource room;
  room.mutable_metadata()->set_name("ci");
  room.mutable_namespace_()->mutable_spec()->mutable_quota()->set_cpu(20);
  Apply(RequestOf({room}));
  const auto threads = MakeRealThreads();
  std::vector<std::unique_ptr<Thread>> running;
  running.reserve(8);
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  for (int who = 0; who < 8; ++who) {
    running.push_back(threads->Start("declares", [&, who] {
      for (int i = 0; i < 5; ++i) {
        const auto result =
            engine_->Apply(As("ana"), RequestOf({Vm("ci", absl::StrCat("v-", who, "-", i), 2)}));
        ASSERT_TRUE(result.ok()) << result.status();
        if (result->applied()) ++made;
        for (const Problem& problem : result->problems()) {
          if (problem.code() == "quota_exceeded") ++refused;
        }
      }
    }));
  }
  for (const auto& thread : running) thread->Join();
  EXPECT_EQ(made, 10);
  EXPECT_EQ(refused, 30);
}

TEST_F(LocalResourcesTest, PreviewsInPartsAreOnePlan) {
  Resource room;
  room.mutable_metadata()->set_name("ci");
  room.mutable_namespace_()->mutable_spec()->mutable_quota()->set_cpu(4);
  Apply(RequestOf({room}));
  const auto is_refused = [&](const std::string& name, const std::string& word) {
    ApplyRequest request = RequestOf({Vm("ci", name, 2)});
    request.set_dry_run(true);
    request.set_preview_of(word);
    const ApplyResult result = Apply(request);
    for (const Problem& problem : result.problems()) {
      if (problem.code() == "quota_exceeded") return true;
    }
    return false;
  };
  EXPECT_FALSE(is_refused("a", "w"));
  EXPECT_FALSE(is_refused("b", "w"));
  EXPECT_TRUE(is_refused("c", "w"));
  EXPECT_FALSE(is_refused("b", "w")) << "asked again";
  EXPECT_FALSE(is_refused("c", "another"));
  // What is applied counts what stands, not what somebody has thought of.
  EXPECT_TRUE(Apply(RequestOf({Vm("ci", "c", 2)})).applied());
}

// The verdict on capacity is asked between plan and commit: here it is the hand that writes a
// status.
TEST_F(LocalResourcesTest, WhatAStatusOvertakesIsPlannedAnew) {
  bool armed = false;
  int overtaken = 0;
  LocalResources::Options options;
  options.capacity = [&](const Objects&, const EarlierObjects&, const PlanOutput&) {
    if (!armed) return v1::Capacity();
    armed = false;
    StatusWrite write;
    write.set_writer(StatusWrite::CONTROLLER);
    *write.mutable_resource() = *engine_->Get(As("image"), Ref{Kind::kImage, "", "sonoma"});
    write.mutable_resource()->mutable_image()->mutable_status()->set_digest(
        absl::StrCat("sha256:", ++overtaken));
    EXPECT_TRUE(engine_->UpdateStatus(As("image"), {&write, 1})[0].ok());
    return v1::Capacity();
  };
  engine_.reset();
  store_ = std::make_unique<InterruptedStore>(MakeMemoryStore("e2"));
  engine_ = *LocalResources::Open(clock_, random_, *log_, *store_, options);
  Apply(RequestOf({Image("sonoma")}));
  armed = true;
  const ApplyResult changed = Apply(RequestOf({Image("sonoma", "2")}));
  ASSERT_EQ(changed.objects_size(), 1);
  EXPECT_EQ(changed.objects(0).image().spec().reference(), "registry.example/sonoma:2");
  EXPECT_EQ(changed.objects(0).image().status().digest(), "sha256:1");

  // Who has said which revision is meant is told that it is another one.
  ApplyRequest based = RequestOf({Image("sonoma", "3")});
  based.mutable_objects(0)->set_revision(changed.objects(0).metadata().revision());
  armed = true;
  EXPECT_TRUE(absl::IsAborted(engine_->Apply(As("ana"), based).status()));

  DeleteRequest remove;
  *remove.mutable_ref() = ToProto(Ref{Kind::kImage, "", "sonoma"});
  remove.mutable_owner()->set_manager(Owner::CLI);
  armed = true;
  EXPECT_TRUE(engine_->Delete(As("ana"), remove).ok());
  EXPECT_EQ(overtaken, 3);
}

TEST_F(LocalResourcesTest, WriteThatChangesNothingMakesNoRevision) {
  Apply(RequestOf({Image("sonoma")}));
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = *engine_->Get(As("ana"), Ref{Kind::kImage, "", "sonoma"});
  const std::int64_t before = store_->revision();
  ASSERT_TRUE(engine_->UpdateStatus(As("image"), {&write, 1})[0].ok());
  EXPECT_EQ(store_->revision(), before);
}

// A Vm placed on mac-01 in its second attempt, while the first one retires on mac-02.
Resource PlacedVm(LocalResources& engine) {
  Resource vm;
  vm.mutable_metadata()->set_name("build");
  vm.mutable_vm()->mutable_spec()->set_image("registry.example/sonoma:1");
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  *request.add_objects()->mutable_resource() = vm;
  CallContext context;
  context.caller.subject = "ana";
  EXPECT_TRUE(engine.Apply(context, request)->applied());
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = *engine.Get(context, Ref{Kind::kVm, "default", "build"});
  v1::VmPlacement& placement =
      *write.mutable_resource()->mutable_vm()->mutable_status()->mutable_placement();
  placement.set_host("mac-01");
  placement.set_attempt(2);
  v1::RetiringRun& run = *placement.add_retiring();
  run.set_uid(write.resource().metadata().uid());
  run.set_host("mac-02");
  run.set_attempt(1);
  EXPECT_TRUE(engine.UpdateStatus(context, {&write, 1})[0].ok());
  return *engine.Get(context, Ref{Kind::kVm, "default", "build"});
}

StatusWrite ReportOf(const Resource& vm, std::int64_t attempt, std::int64_t sequence,
                     v1::VmObserved::Phase phase) {
  StatusWrite write;
  write.set_writer(StatusWrite::OBSERVED);
  *write.mutable_resource()->mutable_metadata() = vm.metadata();
  v1::VmObserved& observed =
      *write.mutable_resource()->mutable_vm()->mutable_status()->mutable_observed();
  observed.set_uid(vm.metadata().uid());
  observed.set_attempt(attempt);
  observed.set_sequence(sequence);
  observed.set_phase(phase);
  return write;
}

TEST_F(LocalResourcesTest, ReportsOfOlderRunsAndOlderReportsAreRefused) {
  const Resource vm = PlacedVm(*engine_);
  const auto report = [&](std::int64_t attempt, std::int64_t sequence,
                          v1::VmObserved::Phase phase) {
    const StatusWrite write = ReportOf(vm, attempt, sequence, phase);
    return engine_->UpdateStatus(As("host"), {&write, 1})[0].status();
  };
  EXPECT_TRUE(report(2, 5, v1::VmObserved::RUNNING).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(report(2, 4, v1::VmObserved::STARTING)));
  EXPECT_TRUE(report(2, 6, v1::VmObserved::STOPPED).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(report(2, 7, v1::VmObserved::RUNNING)));
  EXPECT_TRUE(absl::IsFailedPrecondition(report(7, 8, v1::VmObserved::RUNNING)));
}

TEST_F(LocalResourcesTest, EndOfARetiringRunIsKeptBesideTheCurrentOne) {
  const Resource vm = PlacedVm(*engine_);
  const StatusWrite running = ReportOf(vm, 2, 1, v1::VmObserved::RUNNING);
  const StatusWrite ended = ReportOf(vm, 1, 9, v1::VmObserved::STOPPED);
  ASSERT_TRUE(engine_->UpdateStatus(As("host"), {&running, 1})[0].ok());
  ASSERT_TRUE(engine_->UpdateStatus(As("host"), {&ended, 1})[0].ok());
  const Resource now = *engine_->Get(As("ana"), RefOf(vm));
  EXPECT_EQ(now.vm().status().observed().phase(), v1::VmObserved::RUNNING);
  ASSERT_EQ(now.vm().status().ended_size(), 1);
  EXPECT_EQ(now.vm().status().ended(0).attempt(), 1);
}

// The host was lost, and the next attempt is not placed yet: the number is still the lost run's.
TEST_F(LocalResourcesTest, EndOfARetiringRunIsKeptBeforeTheNextAttemptIsPlaced) {
  const Resource vm = PlacedVm(*engine_);
  StatusWrite left;
  left.set_writer(StatusWrite::CONTROLLER);
  *left.mutable_resource() = vm;
  v1::VmPlacement& placement =
      *left.mutable_resource()->mutable_vm()->mutable_status()->mutable_placement();
  placement.clear_host();
  placement.mutable_retiring(0)->set_attempt(2);
  ASSERT_TRUE(engine_->UpdateStatus(As("vm"), {&left, 1})[0].ok());
  const StatusWrite ended = ReportOf(vm, 2, 9, v1::VmObserved::FENCED);
  const auto first = engine_->UpdateStatus(As("host"), {&ended, 1})[0];
  ASSERT_TRUE(first.ok());
  const Resource now = *engine_->Get(As("ana"), RefOf(vm));
  ASSERT_EQ(now.vm().status().ended_size(), 1);
  EXPECT_EQ(now.vm().status().ended(0).attempt(), 2);
  // Said again, it changes nothing: nobody is woken by it.
  const StatusWrite again = ReportOf(vm, 2, 10, v1::VmObserved::FENCED);
  EXPECT_EQ(*engine_->UpdateStatus(As("host"), {&again, 1})[0], now.metadata().revision());
}

TEST_F(LocalResourcesTest, FinalizedVmStaysUntilItsControllersLastWord) {
  const Resource vm = PlacedVm(*engine_);
  v1::DeleteRequest request;
  *request.mutable_ref() = ToProto(RefOf(vm));
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), request)->applied());
  StatusWrite write;
  write.set_writer(StatusWrite::FINALIZE);
  *write.mutable_resource() = *engine_->Get(As("ana"), RefOf(vm));
  EXPECT_TRUE(write.resource().metadata().has_deleting_since());
  EXPECT_TRUE(engine_->UpdateStatus(As("vm"), {&write, 1})[0].ok());
  EXPECT_TRUE(absl::IsNotFound(engine_->Get(As("ana"), RefOf(vm)).status()));
}

TEST_F(LocalResourcesTest, WatchDeliversStateThenChangesThenGone) {
  Apply(RequestOf({Image("a")}));
  Query query;
  query.add_kinds("image");
  auto watch = engine_->StartWatch(As("ana"), query, "");
  ASSERT_TRUE(watch.ok());
  auto batch = (*watch)->Next(clock_.Elapsed());
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->events_size(), 1);
  EXPECT_TRUE(batch->synced());
  const std::string resume = batch->resume();

  Apply(RequestOf({Image("a", "2"), Image("b")}));
  batch = (*watch)->Next(clock_.Elapsed());
  EXPECT_EQ(batch->events_size(), 2);
  v1::DeleteRequest request;
  *request.mutable_ref() = ToProto(Ref{Kind::kImage, "", "a"});
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), request)->applied());
  batch = (*watch)->Next(clock_.Elapsed());
  ASSERT_EQ(batch->events_size(), 1);
  EXPECT_EQ(batch->events(0).type(), Event::GONE);
  watch->reset();

  // Going on from the first token replays the same three events.
  auto resumed = engine_->StartWatch(As("ana"), query, resume);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ((*resumed)->Next(clock_.Elapsed())->events_size(), 3);
}

TEST_F(LocalResourcesTest, ObjectThatLeavesTheFilterIsGone) {
  Resource image = Image("a");
  (*image.mutable_metadata()->mutable_labels())["tier"] = "gold";
  Apply(RequestOf({image}));
  Query query;
  (*query.mutable_labels())["tier"] = "gold";
  auto watch = engine_->StartWatch(As("ana"), query, "");
  ASSERT_EQ((*watch)->Next(clock_.Elapsed())->events_size(), 1);
  (*image.mutable_metadata()->mutable_labels())["tier"] = "lead";
  Apply(RequestOf({image}));
  const auto batch = (*watch)->Next(clock_.Elapsed());
  ASSERT_EQ(batch->events_size(), 1);
  EXPECT_EQ(batch->events(0).type(), Event::GONE);
}

TEST_F(LocalResourcesTest, TokenOfAnotherEpochIsTooOld) {
  const auto watch = engine_->StartWatch(As("ana"), Query(), "other.1");
  EXPECT_TRUE(absl::IsOutOfRange(watch.status()));
}

TEST_F(LocalResourcesTest, ForeignDeleteIsRememberedForDrift) {
  ApplyRequest request = RequestOf({Image("sonoma")}, Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  Apply(request);
  v1::DeleteRequest deletion;
  *deletion.mutable_ref() = ToProto(Ref{Kind::kImage, "", "sonoma"});
  deletion.mutable_owner()->set_manager(Owner::CLI);
  EXPECT_FALSE(engine_->Delete(As("ben"), deletion)->applied());
  deletion.mutable_override()->set_reason("INC-7");
  EXPECT_TRUE(engine_->Delete(As("ben"), deletion)->applied());
  v1::DriftRequest drift;
  *drift.mutable_owner() = request.owner();
  drift.set_with_declared(true);
  *drift.mutable_declared() = request.objects();
  const auto report = engine_->Drift(As("ana"), drift);
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->rows_size(), 1);
  EXPECT_EQ(report->rows(0).actor(), "ben");
  EXPECT_EQ(report->rows(0).reason(), "INC-7");

  // The tombstone is forgotten after a day; the audit trail still knows.
  clock_.Advance(Records::kKept + absl::Hours(1));
  ASSERT_TRUE(engine_->Sweep().ok());
  const auto later = engine_->Drift(As("ana"), drift);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->rows(0).actor(), "ben");
  EXPECT_EQ(later->rows(0).interface(), "cli override");
  EXPECT_EQ(later->rows(0).detail(), "deleted by another hand");
  EXPECT_EQ(later->rows(0).reason(), "INC-7");
}

TEST_F(LocalResourcesTest, DriftNamesWhoTookAnObjectAndWhoGaveItUp) {
  Apply(RequestOf({Image("sonoma")}, Owner::API));
  ApplyRequest transfer = RequestOf({Image("sonoma")});
  transfer.set_transfer(true);
  Apply(transfer, As("ben"));
  const auto taken = engine_->Drift(As("ana"), {});
  ASSERT_EQ(taken->rows_size(), 1);
  EXPECT_EQ(taken->rows(0).subclass(), "hand_made");
  EXPECT_EQ(taken->rows(0).actor(), "ben") << "ana made it, for its owner of then";
  EXPECT_EQ(taken->rows(0).interface(), "cli transfer");

  ApplyRequest release = RequestOf({});
  *release.add_release() = ToProto(Ref{Kind::kImage, "", "sonoma"});
  Apply(release, As("cem"));
  const auto given_up = engine_->Drift(As("ana"), {});
  ASSERT_EQ(given_up->rows_size(), 1);
  EXPECT_EQ(given_up->rows(0).subclass(), "");
  EXPECT_EQ(given_up->rows(0).actor(), "cem");
  EXPECT_EQ(given_up->managed(), 0u);
}

TEST_F(LocalResourcesTest, BudgetIsCountedOverTheHour) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::GIT);
  request.mutable_owner()->set_instance("fleet");
  request.mutable_prune()->set_whole_scope_loaded(true);
  for (int i = 0; i < 10; ++i) {
    *request.add_objects()->mutable_resource() = Image(absl::StrCat("image-", i));
  }
  Apply(request);
  request.mutable_objects()->DeleteSubrange(0, 3);
  EXPECT_TRUE(Apply(request).applied());
  request.mutable_objects()->DeleteSubrange(0, 1);
  EXPECT_FALSE(Apply(request).applied()) << "three of ten are gone in this hour already";
  clock_.Advance(absl::Minutes(61));
  EXPECT_TRUE(Apply(request).applied());
}

TEST(ObjectMapTest, SnapshotsDoNotSeeLaterWrites) {
  ObjectMap map;
  std::vector<ObjectMap> snapshots;
  for (int i = 0; i < 500; ++i) {
    // In an order that splits chunks in their middle.
    map.Put(absl::StrCat("r/image/", (i * 7919) % 500), std::make_shared<Resource>());
    if (i % 100 == 0) snapshots.push_back(map);
  }
  for (std::size_t i = 0; i < snapshots.size(); ++i) EXPECT_EQ(snapshots[i].size(), i * 100 + 1);
  std::string last;
  std::size_t count = 0;
  map.ForEachFrom("", [&](const std::string& key, const ObjectPtr&) {
    EXPECT_LT(last, key);
    last = key;
    ++count;
    return true;
  });
  EXPECT_EQ(count, 500u);
  for (int i = 0; i < 500; ++i) map.Erase(absl::StrCat("r/image/", i));
  EXPECT_EQ(map.size(), 0u);
}

}  // namespace
}  // namespace espalier
