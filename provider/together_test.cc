// Calls that are answered together: that several become one question to the engine, and that each
// answer is what it would have been alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "provider/lane.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"
#include "tests/support/fake_clock.h"

namespace espalier::provider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Read = tfplugin6::ReadResource;
using Plan = tfplugin6::PlanResourceChange;
using Apply = tfplugin6::ApplyResourceChange;

// Calls of one method, asked together.
template <typename Method>
class Calls {
 public:
  explicit Calls(Provider& provider) : provider_(provider) {}

  typename Method::Request& Add() { return requests_.emplace_back(); }

  // Starts and asks all of them; what is left is in `rests`.
  void Run() {
    std::vector<StartedCall<Method>> started;
    started.reserve(requests_.size());
    for (const auto& request : requests_) {
      started.push_back(provider_.Start({&request, &responses.emplace_back()}));
    }
    rests = provider_.Ask(std::move(started));
  }
  std::size_t left() const {
    return static_cast<std::size_t>(std::count_if(
        rests.begin(), rests.end(), [](const Rest& rest) { return rest != nullptr; }));
  }
  void Finish() {
    for (Rest& rest : rests) {
      if (rest != nullptr) rest();
    }
  }

  std::deque<typename Method::Response> responses;
  std::vector<Rest> rests;

 private:
  Provider& provider_;
  std::deque<typename Method::Request> requests_;
};

class TogetherTest : public testing::Test, protected ProviderWorld {
 protected:
  TogetherTest() { ConfigureAtEngine(); }

  const Schema& schema_ = *schemas_.FindResource("espalier_vm");

  // What is off is ready as soon as it is stored.
  Value Vm(const std::string& name, const char* power = "off", const char* ns = "ci") {
    return ObjectOf(schema_.attributes, {{"name", Text(name)},
                                         {"namespace", Text(ns)},
                                         {"image", Text("sonoma")},
                                         {"power", Text(power)}});
  }

  static void Fill(const Value& prior, const Value& config, Plan::Request& request) {
    request.set_type_name("espalier_vm");
    Encode(prior, *request.mutable_prior_state());
    Encode(config, *request.mutable_config());
    Encode(config, *request.mutable_proposed_new_state());
  }

  Value PlannedFor(const Value& config) {
    Plan::Request request;
    Fill(Value(), config, request);
    return State(Ask<Plan>(request).planned_state());
  }

  static void Fill(const Value& prior, const Value& planned, Apply::Request& request) {
    request.set_type_name("espalier_vm");
    Encode(prior, *request.mutable_prior_state());
    Encode(planned, *request.mutable_planned_state());
  }

  // The states of new VMs.
  std::vector<Value> Made(const std::vector<std::string>& names) {
    std::vector<Value> states;
    for (const std::string& name : names) {
      Apply::Request request;
      Fill(Value(), PlannedFor(Vm(name)), request);
      states.push_back(State(Ask<Apply>(request).new_state()));
    }
    engine_.applies.clear();
    return states;
  }

  Value State(const tfplugin6::DynamicValue& wire) { return Decoded(schema_.attributes, wire); }

  static std::vector<std::string> NamesIn(const ApplyRequest& request) {
    std::vector<std::string> names;
    for (const Declared& declared : request.objects()) {
      names.push_back(declared.resource().metadata().name());
    }
    return names;
  }
};

TEST_F(TogetherTest, PlansAreOneQuestionIfThereIsNothingToSay) {
  Calls<Plan> calls(provider_);
  for (const char* name : {"a", "b", "c"}) Fill(Value(), Vm(name), calls.Add());
  calls.Run();
  EXPECT_EQ(calls.left(), 0u);
  ASSERT_THAT(engine_.applies, SizeIs(1));
  EXPECT_TRUE(engine_.applies[0].dry_run());
  EXPECT_THAT(NamesIn(engine_.applies[0]), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(engine_.applies[0].objects(0).create_only());
  for (const Plan::Response& response : calls.responses) EXPECT_EQ(Errors(response), "");
  EXPECT_EQ(State(calls.responses[1].planned_state()).At("name"), Text("b"));
}

TEST_F(TogetherTest, EndsAreAskedAboutWithTheRest) {
  const std::vector<Value> states = Made({"a", "b"});
  Calls<Plan> calls(provider_);
  Fill(states[0], Value(), calls.Add());
  Fill(states[1], Value(), calls.Add());
  Fill(Value(), Vm("c"), calls.Add());
  calls.Run();
  EXPECT_EQ(calls.left(), 0u);
  ASSERT_THAT(engine_.applies, SizeIs(1));
  EXPECT_EQ(engine_.applies[0].release_size(), 2);
  EXPECT_TRUE(engine_.applies[0].dry_run());
  EXPECT_THAT(engine_.deletes, IsEmpty());
}

TEST_F(TogetherTest, WhereThereIsSomethingToSayEachPlanIsAskedForAlone) {
  engine_.capacity.set_short_(true);
  engine_.capacity.add_verdicts("1 wanted, 0 slots: 1 waits");
  Calls<Plan> calls(provider_);
  for (const char* name : {"a", "b"}) Fill(Value(), Vm(name), calls.Add());
  calls.Run();
  EXPECT_EQ(calls.left(), 2u);
  calls.Finish();
  ASSERT_THAT(engine_.applies, SizeIs(3));
  EXPECT_THAT(NamesIn(engine_.applies[2]), ElementsAre("b"));
  for (const Plan::Response& response : calls.responses) {
    ASSERT_EQ(response.diagnostics_size(), 1);
    EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("0 slots"));
  }
}

TEST_F(TogetherTest, AnObjectOfAnotherMakesEachEndAskedForAlone) {
  const std::vector<Value> states = Made({"a", "b"});
  Problem& note = engine_.problems.emplace_back();
  note.set_severity(Problem::NOTE);
  note.set_code("not_owned");
  Calls<Plan> calls(provider_);
  for (const Value& state : states) Fill(state, Value(), calls.Add());
  calls.Run();
  EXPECT_EQ(calls.left(), 2u);
  calls.Finish();
  EXPECT_THAT(engine_.deletes, SizeIs(2));
}

TEST_F(TogetherTest, WhenTheQuestionFailsEachIsAskedWithItsOwnPatience) {
  Calls<Plan> calls(provider_);
  for (const char* name : {"a", "b"}) Fill(Value(), Vm(name), calls.Add());
  engine_.failures = {absl::UnavailableError("away"), absl::UnavailableError("away")};
  calls.Run();
  EXPECT_THAT(engine_.applies, SizeIs(1)) << "others wait behind it";
  calls.Finish();
  for (const Plan::Response& response : calls.responses) EXPECT_EQ(Errors(response), "");
}

TEST_F(TogetherTest, PlansWithoutAQuestionNeedNoEngine) {
  const std::vector<Value> states = Made({"a"});
  Plan::Request request;
  Fill(states[0], Vm("a"), request);
  Encode(states[0], *request.mutable_proposed_new_state());
  Plan::Response response;
  EXPECT_FALSE(provider_.Start(Call<Plan>{&request, &response}).asks());
}

TEST_F(TogetherTest, ReadsOfANamespaceAreOneList) {
  std::vector<Value> states = Made({"a", "b", "c"});
  engine_.objects().Remove(Ref{Kind::kVm, "ci", "b"});
  Calls<Read> calls(provider_);
  for (const Value& state : states) {
    Read::Request& request = calls.Add();
    request.set_type_name("espalier_vm");
    Encode(state, *request.mutable_current_state());
  }
  calls.Run();
  EXPECT_EQ(calls.left(), 0u);
  ASSERT_THAT(engine_.lists, SizeIs(1));
  EXPECT_THAT(engine_.lists[0].names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(State(calls.responses[0].new_state()), states[0]);
  EXPECT_TRUE(State(calls.responses[1].new_state()).is_null());
  EXPECT_EQ(State(calls.responses[2].new_state()), states[2]);
}

TEST_F(TogetherTest, ReadsThatCannotBeListedAreDoneAlone) {
  const std::vector<Value> states = Made({"a", "b"});
  Calls<Read> calls(provider_);
  for (const Value& state : states) {
    Read::Request& request = calls.Add();
    request.set_type_name("espalier_vm");
    Encode(state, *request.mutable_current_state());
  }
  engine_.failures = {absl::PermissionDeniedError("no list for you")};
  calls.Run();
  EXPECT_EQ(calls.left(), 2u);
  calls.Finish();
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_EQ(Errors(calls.responses[i]), "");
    EXPECT_EQ(State(calls.responses[i].new_state()), states[i]);
  }
}

TEST_F(TogetherTest, CreatesAreStoredAsOneSet) {
  Calls<Apply> calls(provider_);
  for (const char* name : {"a", "b"}) Fill(Value(), PlannedFor(Vm(name)), calls.Add());
  engine_.applies.clear();
  calls.Run();
  EXPECT_EQ(calls.left(), 0u);
  ASSERT_THAT(engine_.applies, SizeIs(1));
  EXPECT_THAT(NamesIn(engine_.applies[0]), ElementsAre("a", "b"));
  for (const Apply::Response& response : calls.responses) {
    EXPECT_EQ(Errors(response), "");
    const Value state = State(response.new_state());
    const Ref ref{Kind::kVm, "ci", std::string(state.At("name").text())};
    ASSERT_NE(engine_.objects().Find(ref), nullptr);
    EXPECT_EQ(state.At("uid"), Text(engine_.objects().Find(ref)->metadata().uid()));
  }
}

TEST_F(TogetherTest, WhatIsNotReadyIsWaitedForByEachCallOfItsOwn) {
  Calls<Apply> calls(provider_);
  Fill(Value(), PlannedFor(Vm("build", "on")), calls.Add());
  Fill(Value(), PlannedFor(Vm("other", "off")), calls.Add());
  calls.Run();
  EXPECT_TRUE(calls.rests[0] != nullptr);
  EXPECT_TRUE(calls.rests[1] == nullptr);
  engine_.on_watch = [this] { engine_.Place(v1::VmPlacement::RUNNING, ""); };
  calls.Finish();
  EXPECT_EQ(Errors(calls.responses[0]), "");
  EXPECT_EQ(State(calls.responses[0].new_state()).At("status").At("host"), Text("mac-01"));
}

TEST_F(TogetherTest, ARefusedSetIsStoredOneByOne) {
  Calls<Apply> calls(provider_);
  for (const char* name : {"a", "b"}) Fill(Value(), PlannedFor(Vm(name)), calls.Add());
  engine_.applies.clear();
  Problem& problem = engine_.problems.emplace_back();
  problem.set_severity(Problem::ERROR);
  problem.set_message("no");
  calls.Run();
  EXPECT_EQ(calls.left(), 2u);
  calls.Finish();
  EXPECT_THAT(engine_.applies, SizeIs(3));
  for (const Apply::Response& response : calls.responses) EXPECT_EQ(Errors(response), "");
}

// Stored one by one, each would be told that it exists already, and be in nobody's state.
TEST_F(TogetherTest, ASetOfWhichNobodyKnowsWhetherItIsStoredIsNotStoredAgain) {
  Calls<Apply> calls(provider_);
  for (const char* name : {"a", "b"}) Fill(Value(), PlannedFor(Vm(name)), calls.Add());
  engine_.applies.clear();
  engine_.operation_ids.clear();
  for (int i = 0; i < 3; ++i) engine_.failures.push_back(absl::DeadlineExceededError("slow"));
  calls.Run();
  EXPECT_EQ(calls.left(), 0u);
  ASSERT_THAT(engine_.operation_ids, SizeIs(3));
  EXPECT_THAT(engine_.operation_ids, Each(engine_.operation_ids[0]));
  for (const Apply::Response& response : calls.responses) {
    EXPECT_THAT(Errors(response), AllOf(HasSubstr("Cannot create vm ci/"), HasSubstr("slow")));
    EXPECT_TRUE(State(response.new_state()).is_null());
  }
}

TEST_F(TogetherTest, ChangesAreEachTheirOwn) {
  const std::vector<Value> states = Made({"a", "b"});
  Calls<Apply> calls(provider_);
  for (const Value& state : states) Fill(state, Value(), calls.Add());
  calls.Run();
  EXPECT_EQ(calls.left(), 2u);
  EXPECT_THAT(engine_.deletes, IsEmpty());
  calls.Finish();
  EXPECT_THAT(engine_.deletes, SizeIs(2));
}

// An engine whose first answer to Get waits for a test.
class SlowEngine final : public FakeEngine {
 public:
  explicit SlowEngine(Clock& clock) : clock_(clock) {}

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    asked.Notify();
    clock_.WaitUntil(go, absl::InfiniteDuration());
    return FakeEngine::Get(context, ref);
  }

  Wakeup asked;
  Wakeup go;

 private:
  Clock& clock_;
};

// Reads of one lane, by workers, at a time that only the test moves.
class LaneTest : public TogetherTest {
 protected:
  LaneTest() {
    remote_ = &slow_;
    ConfigureAtEngine();
  }
  ~LaneTest() override { workers_.Stop(); }

  struct Asked {
    Read::Request request;
    Read::Response response;
    Wakeup done;
  };

  Asked& Add() {
    Asked& read = reads_.emplace_back();
    read.request.set_type_name("espalier_vm");
    Encode(Vm(absl::StrCat("vm-", reads_.size())), *read.request.mutable_current_state());
    lane_.Add({&read.request, &read.response}, [&read](RpcAnswers&) { read.done.Notify(); });
    return read;
  }
  // In real time.
  bool Await(Wakeup& wakeup) { return real_->WaitFor(wakeup, absl::Seconds(30)); }
  bool Await(Asked& read) { return Await(read.done); }
  bool IsHeld(Asked& read) { return !real_->WaitFor(read.done, absl::Milliseconds(50)); }

  // Five come while the first is answered, and who made that one calls again.
  void CallSixAtOnce() {
    Asked& first = Add();
    ASSERT_TRUE(Await(slow_.asked));
    for (int i = 0; i < 5; ++i) Add();
    slow_.go.Notify();
    ASSERT_TRUE(Await(first));
    ASSERT_TRUE(Await(Add()));
  }

  const std::unique_ptr<Clock> real_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  SlowEngine slow_{*real_};
  FakeClock time_;
  std::deque<Asked> reads_;
  WorkerPool workers_{*real_, *threads_, "test", 4, 100};
  Lane<Read> lane_{time_, provider_, workers_};
};

TEST_F(LaneTest, AnswersTogetherWhoCallsAtTheSameTime) {
  CallSixAtOnce();
  ASSERT_THAT(slow_.lists, SizeIs(1));
  EXPECT_THAT(slow_.lists[0].names(),
              UnorderedElementsAre("vm-2", "vm-3", "vm-4", "vm-5", "vm-6", "vm-7"));
  Asked& early = Add();
  EXPECT_TRUE(IsHeld(early));
  for (int i = 0; i < 5; ++i) Add();
  ASSERT_TRUE(Await(early));
  ASSERT_THAT(slow_.lists, SizeIs(2));
  EXPECT_THAT(slow_.lists[1].names(), SizeIs(6));
}

TEST_F(LaneTest, WaitsForOthersOnlyAMoment) {
  CallSixAtOnce();
  Asked& left = Add();
  Add();
  EXPECT_TRUE(IsHeld(left));
  // It may begin to wait only now.
  for (int i = 0; i < 1000 && IsHeld(left); ++i) time_.Advance(absl::Seconds(1));
  EXPECT_THAT(slow_.lists.at(1).names(), SizeIs(2));
  // So it is two who call at the same time.
  Asked& one = Add();
  EXPECT_TRUE(IsHeld(one));
  Add();
  EXPECT_TRUE(Await(one));
}

TEST_F(LaneTest, WhoCallsAloneWaitsForNobody) {
  slow_.go.Notify();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Await(Add()));
    slow_.go.Notify();
  }
  EXPECT_THAT(slow_.lists, IsEmpty());
}

}  // namespace
}  // namespace espalier::provider
