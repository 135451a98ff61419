// State never lies: every call that one of core's makes to the engine fails in turn, before it
// takes effect or after, once or from then on, with everything that an engine may say; whatever
// happens, what goes into state is what the engine holds, or an error says that it may not be.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "provider/started_call.h"
#include "provider/testing/fake_engine.h"
#include "provider/testing/values.h"
#include "provider/testing/vm_world.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

constexpr absl::StatusCode kCodes[] = {
    absl::StatusCode::kUnauthenticated,     // 401, a token that ended meanwhile
    absl::StatusCode::kPermissionDenied,    // 403
    absl::StatusCode::kNotFound,            // 404
    absl::StatusCode::kAborted,             // 409
    absl::StatusCode::kResourceExhausted,   // 429
    absl::StatusCode::kInternal,            // 500
    absl::StatusCode::kUnknown,             // 500 of something between
    absl::StatusCode::kUnavailable,         // down, or starting again
    absl::StatusCode::kDeadlineExceeded,    // slow
    absl::StatusCode::kFailedPrecondition,  // no
    absl::StatusCode::kCancelled,           // hanging, until the user interrupts
};

// Whether a call that failed so may have been carried out.
bool MayHaveHappened(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded ||
         code == absl::StatusCode::kCancelled;
}

// Which call fails, and how.
struct Fault {
  int at = -1;
  absl::StatusCode code = absl::StatusCode::kOk;
  // The call has taken effect; its answer is lost.
  bool after = false;
  // So do all later ones.
  bool lasting = false;

  std::string Text() const {
    return absl::StrCat("call ", at, " ", absl::StatusCodeToString(code),
                        after ? " after" : " before", lasting ? " lasting" : " once");
  }
};

// An engine whose calls fail as they are told. Like the real one it knows the operations that it
// has carried out and answers a repeated one as it did at first.
class FaultyEngine final : public Resources, public Remote {
 public:
  // `interrupt`: what a user does who waits for a call that does not end.
  FaultyEngine(FakeEngine& engine, std::function<void()> interrupt)
      : engine_(engine), interrupt_(std::move(interrupt)) {}

  // Calls are counted from now on.
  void Set(const Fault& fault) {
    fault_ = fault;
    calls_ = 0;
  }
  int calls() const { return calls_; }

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    return Faulty<absl::StatusOr<Resource>>(&context, [&] { return engine_.Get(context, ref); });
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    return Faulty<absl::StatusOr<ListPage>>(&context, [&] { return engine_.List(context, query); });
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    return Write(context, [&] { return engine_.Apply(context, request); });
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    return Write(context, [&] { return engine_.Delete(context, request); });
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    // A watch does not block: who waits for it hears of the interrupt.
    return Faulty<absl::StatusOr<std::unique_ptr<Watch>>>(
        nullptr, [&] { return engine_.StartWatch(context, query, resume); });
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    return engine_.UpdateStatus(context, writes);
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    return engine_.Drift(context, request);
  }

  Resources& resources() override { return *this; }
  Lease& lease() override { return engine_.lease(); }
  Secrets& secrets() override { return engine_.secrets(); }
  Audit& audit() override { return engine_.audit(); }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const CallContext& context, const v1::CreateTokenRequest& request) override {
    return engine_.CreateToken(context, request);
  }
  absl::Status RevokeToken(const CallContext& context, const std::string& id) override {
    return engine_.RevokeToken(context, id);
  }
  absl::StatusOr<v1::ListTokensResponse> ListTokens(const CallContext& context) override {
    return engine_.ListTokens(context);
  }
  absl::StatusOr<v1::GetProgressResponse> GetProgress(const CallContext& context,
                                                      const std::string& host) override {
    return engine_.GetProgress(context, host);
  }

 private:
  template <typename Answer>
  Answer Faulty(const CallContext* context, absl::FunctionRef<Answer()> call) {
    const int number = calls_++;
    const bool fails =
        fault_.at >= 0 && (number == fault_.at || (fault_.lasting && number > fault_.at));
    if (!fails) return call();
    // Only the first of a lasting failure took effect.
    if (fault_.after && number == fault_.at) call().status().IgnoreError();
    if (fault_.code == absl::StatusCode::kCancelled && context != nullptr) Hang(*context);
    return absl::Status(fault_.code, "as the test says");
  }

  // Until the user has enough: that ends a call under way, and of a write the outcome is asked for
  // once more, which nobody can interrupt and nobody has to.
  void Hang(const CallContext& context) {
    interrupt_();
    EXPECT_TRUE(context.cancelled() || context.timeout <= absl::Seconds(2)) << "nothing ends it";
  }

  absl::StatusOr<ApplyResult> Write(const CallContext& context,
                                    absl::FunctionRef<absl::StatusOr<ApplyResult>()> call) {
    return Faulty<absl::StatusOr<ApplyResult>>(&context, [&]() -> absl::StatusOr<ApplyResult> {
      const auto done = done_.find(context.operation_id);
      if (done != done_.end()) return done->second;
      absl::StatusOr<ApplyResult> result = call();
      if (result.ok()) done_[context.operation_id] = *result;
      return result;
    });
  }

  FakeEngine& engine_;
  const std::function<void()> interrupt_;
  Fault fault_;
  int calls_ = 0;
  std::map<std::string, ApplyResult> done_;
};

// A provider at such an engine, both new.
class World : private VmWorld {
 public:
  World() {
    remote_ = &faulty_;
    ConfigureAtEngine();
    engine_.on_watch = [this] {
      if (deleting_) {
        engine_.objects().Remove(ref_);
      } else {
        engine_.Place(v1::VmPlacement::RUNNING, "");
      }
    };
  }

  // In a run of its own.
  void Set(const Fault& fault) {
    ConfigureAtEngine();
    faulty_.Set(fault);
  }
  int calls() const { return faulty_.calls(); }
  using VmWorld::Stored;
  std::string uid() { return Stored() == nullptr ? "" : Stored()->metadata().uid(); }
  // Of the last call.
  bool has_errors() const { return has_errors_; }

  Value Config(int ttl_seconds) { return VmWorld::Config({{"ttl_seconds", Whole(ttl_seconds)}}); }

  Value Plan(const Value& prior, const Value& config) {
    return StateOf(VmWorld::Plan(prior, config));
  }

  Value Apply(const Value& prior, const Value& planned) {
    deleting_ = planned.is_null();
    return StateOf(VmWorld::Apply(prior, planned));
  }

  // Both VMs are created by calls that come at once: their states and whether each has errors.
  struct Made {
    Ref ref;
    Value state;
    bool has_errors = false;
  };
  std::vector<Made> CreateTogether() {
    using Method = tfplugin6::ApplyResourceChange;
    std::vector<Made> all = {{Ref{Kind::kVm, "ci", "one"}}, {Ref{Kind::kVm, "ci", "two"}}};
    std::vector<Method::Request> requests(all.size());
    std::vector<Method::Response> responses(all.size());
    std::vector<StartedCall<Method>> started;
    for (std::size_t i = 0; i < all.size(); ++i) {
      // What is off is ready as soon as it is stored.
      const Value config =
          VmWorld::Config({{"name", Text(all[i].ref.name)}, {"power", Text("off")}});
      requests[i].set_type_name(schema_.type_name);
      Encode(Value(), *requests[i].mutable_prior_state());
      Encode(PlanChange(schema_, Value(), config, Text("ci"), Takeover::kNone, problems_).planned,
             *requests[i].mutable_planned_state());
      started.push_back(provider_.Start(Call<Method>{&requests[i], &responses[i]}));
    }
    for (Rest& rest : provider_.Ask(std::move(started))) {
      if (rest != nullptr) rest();
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].state = DecodeState(responses[i].new_state());
      all[i].has_errors = Errors(responses[i]) != "";
    }
    return all;
  }
  const Resource* Find(const Ref& ref) { return engine_.objects().Find(ref); }

  Value Read(const Value& state) { return StateOf(VmWorld::Read(state)); }
  Value Import() { return StateOf(VmWorld::Import("ci/build")); }

  // A run without failures: refresh, plan, apply.
  void ExpectNextRunMakesIt(const Value& state, int ttl_seconds) {
    Set({});
    const std::string same = uid();
    const Value refreshed = Read(state);
    EXPECT_EQ(refreshed.At("uid").text(), same);
    const Value made = Apply(refreshed, Plan(refreshed, Config(ttl_seconds)));
    EXPECT_FALSE(has_errors());
    EXPECT_EQ(made.At("uid").text(), same);
    ASSERT_NE(Stored(), nullptr);
    EXPECT_EQ(Stored()->vm().spec().ttl_seconds(), ttl_seconds);
  }

  // The object as it was created without any failure.
  Value Created() {
    const Value state = Apply(Value(), Plan(Value(), Config(60)));
    EXPECT_FALSE(has_errors_);
    return state;
  }

 private:
  Value StateOf(const Result& result) {
    has_errors_ = !result.errors.empty();
    return result.state;
  }

  FaultyEngine faulty_{engine_, [this] { Interrupt(); }};
  Problems problems_;
  bool deleting_ = false;
  bool has_errors_ = false;
};

// Every fault of every call of `step`, each in a world of its own. `step` gets the state of an
// object that is there and does one thing under the fault; it returns how many calls that took.
void ForEveryFault(bool there, absl::FunctionRef<void(World&, const Value&, const Fault&)> step) {
  int faults = 0;
  for (const absl::StatusCode code : kCodes) {
    for (const bool after : {false, true}) {
      // Who refuses a call has not carried it out.
      if (after && !MayHaveHappened(code)) continue;
      for (const bool lasting : {false, true}) {
        // Until a call is not reached any more.
        for (int at = 0; at < 20; ++at) {
          const Fault fault{.at = at, .code = code, .after = after, .lasting = lasting};
          SCOPED_TRACE(fault.Text());
          World world;
          const Value state = there ? world.Created() : Value();
          step(world, state, fault);
          if (testing::Test::HasFailure()) return;
          if (world.calls() <= at) break;
          ++faults;
        }
      }
    }
  }
  EXPECT_GE(faults, 28);
}

TEST(FaultTest, ACreateIsInStateIfTheEngineHasIt) {
  ForEveryFault(false, [](World& world, const Value&, const Fault& fault) {
    const Value planned = world.Plan(Value(), world.Config(60));
    world.Set(fault);
    const Value state = world.Apply(Value(), planned);
    if (world.Stored() == nullptr) {
      EXPECT_TRUE(state.is_null());
      EXPECT_TRUE(world.has_errors());
    } else if (state.is_null()) {
      // The one case in which nobody can know: the answer was lost, and nobody answered again. The
      // error says so, and the next plan says that it is there and how to import it.
      EXPECT_TRUE(fault.after && fault.lasting) << "leaked";
      EXPECT_TRUE(world.has_errors());
    } else {
      EXPECT_EQ(state.At("uid").text(), world.uid());
      EXPECT_TRUE(state.IsWhollyKnown());
      // The next run goes on with it.
      world.ExpectNextRunMakesIt(state, 90);
    }
  });
}

TEST(FaultTest, CreatesThatAreStoredTogetherAreInStateIfTheEngineHasThem) {
  ForEveryFault(false, [](World& world, const Value&, const Fault& fault) {
    world.Set(fault);
    for (const World::Made& made : world.CreateTogether()) {
      const Resource* stored = world.Find(made.ref);
      if (stored == nullptr) {
        EXPECT_TRUE(made.state.is_null());
        EXPECT_TRUE(made.has_errors);
      } else if (made.state.is_null()) {
        EXPECT_TRUE(fault.after && fault.lasting) << "leaked";
        EXPECT_TRUE(made.has_errors);
      } else {
        EXPECT_EQ(made.state.At("uid").text(), stored->metadata().uid());
      }
    }
  });
}

TEST(FaultTest, AnUpdateLeavesTheTruthOrAnError) {
  ForEveryFault(true, [](World& world, const Value& prior, const Fault& fault) {
    const Value planned = world.Plan(prior, world.Config(90));
    world.Set(fault);
    const Value state = world.Apply(prior, planned);
    ASSERT_FALSE(state.is_null());
    EXPECT_EQ(state.At("uid").text(), world.uid());
    EXPECT_TRUE(state.IsWhollyKnown());
    const Value stored = Value::Of(Number::Of(world.Stored()->vm().spec().ttl_seconds()));
    EXPECT_TRUE(state.At("ttl_seconds") == stored || world.has_errors());
    // What state may have missed, the next refresh sees.
    world.Set({});
    EXPECT_EQ(world.Read(state).At("ttl_seconds"), stored);
    world.ExpectNextRunMakesIt(state, 90);
  });
}

TEST(FaultTest, ADeletedObjectLeavesStateOnlyWhenItIsGone) {
  ForEveryFault(true, [](World& world, const Value& prior, const Fault& fault) {
    world.Set(fault);
    const Value state = world.Apply(prior, Value());
    // An engine that says that there is no such object is believed.
    if (fault.code == absl::StatusCode::kNotFound && world.calls() > fault.at) return;
    if (state.is_null()) {
      EXPECT_EQ(world.Stored(), nullptr);
    } else {
      EXPECT_EQ(state, prior);
      EXPECT_TRUE(world.has_errors());
      // The next run ends it.
      world.Set({});
      EXPECT_TRUE(world.Apply(state, Value()).is_null());
      EXPECT_EQ(world.Stored(), nullptr);
    }
  });
}

TEST(FaultTest, ARefreshForgetsNothingForAnError) {
  ForEveryFault(true, [](World& world, const Value& prior, const Fault& fault) {
    world.Set(fault);
    const Value state = world.Read(prior);
    // An engine that says that there is no such object is believed.
    if (fault.code == absl::StatusCode::kNotFound && world.calls() > fault.at) return;
    EXPECT_EQ(state, prior);
  });
}

TEST(FaultTest, AnImportGivesTheObjectOrAnError) {
  ForEveryFault(true, [](World& world, const Value& prior, const Fault& fault) {
    world.Set(fault);
    const Value state = world.Import();
    EXPECT_EQ(state.is_null(), world.has_errors());
    EXPECT_TRUE(state.is_null() || state == prior);
    EXPECT_NE(world.Stored(), nullptr);
  });
}

TEST(FaultTest, APlanIsTheSameWhateverTheEngineSays) {
  World untroubled;
  const Value planned = untroubled.Plan(Value(), untroubled.Config(60));
  ForEveryFault(false, [&](World& world, const Value&, const Fault& fault) {
    world.Set(fault);
    EXPECT_EQ(world.Plan(Value(), world.Config(60)), planned);
    EXPECT_EQ(world.Stored(), nullptr);
  });
}

}  // namespace
}  // namespace espalier::provider
