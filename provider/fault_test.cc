// State tells the truth whatever call to the engine fails: each call of a create, an update and a
// delete in turn, before it does anything or after it has, once or for good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provider/conform.h"
#include "provider/convert.h"
#include "provider/provider.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_engine.h"
#include "provider/wire.h"
#include "tests/support/fake_clock.h"

namespace espalier::provider {
namespace {

using ::testing::IsEmpty;

struct Fault {
  // Calls until it strikes; negative: never.
  int calls = -1;
  absl::Status status;
  // Done all the same, and only the answer is lost.
  bool after = false;
  // From then on every call fails.
  bool for_good = false;
  bool struck = false;
};

// An engine in memory, every call of which goes past the fault.
class FaultyEngine final : public FakeEngine {
 public:
  Fault fault;

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    return Guard([&] { return FakeEngine::Get(context, ref); });
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    return Guard([&] { return FakeEngine::List(context, query); });
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    return Guard([&] { return FakeEngine::Apply(context, request); });
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    return Guard([&] { return FakeEngine::Delete(context, request); });
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    return Guard([&] { return FakeEngine::StartWatch(context, query, resume); });
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    return Guard([&] { return FakeEngine::Drift(context, request); });
  }

 private:
  template <typename Call>
  auto Guard(const Call& call) -> decltype(call()) {
    const bool strikes = fault.calls == 0 || (fault.struck && fault.for_good);
    if (fault.calls >= 0) --fault.calls;
    if (!strikes) return call();
    fault.struck = true;
    if (fault.after) (void)call();
    return fault.status;
  }
};

// One provider and its engine, and what core would keep between calls.
class World {
 public:
  World() {
    engine_.on_watch = [this] { engine_.Place(v1::VmPlacement::RUNNING, ""); };
    tfplugin6::ConfigureProvider::Request request;
    tfplugin6::ConfigureProvider::Response response;
    Encode(*Conform(schemas_.provider(),
                    Value::Map({{"endpoint", Value::String("127.0.0.1:1")},
                                {"instance", Value::String("prod")}}),
                    Strictness::kLenient),
           *request.mutable_config());
    provider_.Handle(request, response);
    EXPECT_EQ(response.diagnostics_size(), 0);
  }

  // Plans without faults and applies with this one; a null configuration deletes. Whether the fault
  // had its turn.
  bool Apply(const Value& config, const Fault& fault) {
    tfplugin6::PlanResourceChange::Request plan;
    tfplugin6::PlanResourceChange::Response planned;
    plan.set_type_name("espalier_vm");
    Encode(state_, *plan.mutable_prior_state());
    Encode(config, *plan.mutable_config());
    Encode(config, *plan.mutable_proposed_new_state());
    provider_.Handle(plan, planned);

    tfplugin6::ApplyResourceChange::Request request;
    tfplugin6::ApplyResourceChange::Response response;
    request.set_type_name("espalier_vm");
    Encode(state_, *request.mutable_prior_state());
    Encode(config, *request.mutable_config());
    *request.mutable_planned_state() = planned.planned_state();
    engine_.fault = fault;
    provider_.Handle(request, response);
    const bool struck = engine_.fault.struck;
    engine_.fault = Fault();

    state_ = Read(response.new_state());
    failed_ = false;
    for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
      failed_ = failed_ || diagnostic.severity() == tfplugin6::Diagnostic::ERROR;
    }
    ExpectTruth(Read(planned.planned_state()));
    return struck;
  }

  Value Config(absl::string_view team) {
    return *Conform(schema_.attributes,
                    Value::Map({{"name", Value::String("build")},
                                {"namespace", Value::String("ci")},
                                {"image", Value::String("sonoma")},
                                {"labels", Value::Map({{"team", Value::String(team)}})}}),
                    Strictness::kLenient);
  }

  bool failed() const { return failed_; }
  const Value& state() const { return state_; }
  const Resource* Stored() { return engine_.objects().Find(Ref{Kind::kVm, "ci", "build"}); }

 private:
  Value Read(const tfplugin6::DynamicValue& wire) {
    Diagnostics diagnostics;
    const std::optional<Value> value = Decode(schema_.attributes, wire, diagnostics);
    EXPECT_TRUE(value.has_value());
    return value.value_or(Value());
  }

  void ExpectTruth(const Value& planned) {
    EXPECT_TRUE(state_.IsWhollyKnown());
    const Resource* stored = Stored();
    if (stored == nullptr) {
      // What was asked to go stays in state until it was seen to be gone.
      EXPECT_TRUE(state_.is_null() || (planned.is_null() && failed_)) << "made up";
    } else {
      EXPECT_TRUE(state_.is_known()) << "leaked";
      EXPECT_EQ(state_.At(kUid), Value::String(stored->metadata().uid()));
      EXPECT_EQ(state_.At(kLabels), ToValue(schema_.attributes, *stored).At(kLabels));
    }
    if (!failed_) {
      EXPECT_THAT(ResultErrors(planned, state_), IsEmpty());
    }
  }

  const Schemas schemas_;
  const Schema& schema_ = *schemas_.FindResource("espalier_vm");
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_{7};
  std::unique_ptr<Log> log_ = MakeNullLog();
  FaultyEngine engine_;
  Provider provider_{clock_, random_, *log_, [](const std::string&) { return std::nullopt; },
                     [this](const RemoteOptions&) {
                       // Owned by the world: nobody deletes it.
                       return std::shared_ptr<Remote>(&engine_, [](Remote*) {});
                     }};
  Value state_;
  bool failed_ = false;
};

// Calls body(fault) for the first call, the second and so on, until the fault has no turn.
template <typename Body>
void ForEachCall(const Body& body) {
  for (const absl::Status& status :
       {absl::UnavailableError("away"), absl::PermissionDeniedError("not you"),
        absl::ResourceExhaustedError("later"), absl::InternalError("broken")}) {
    for (const bool for_good : {false, true}) {
      for (const bool after : {false, true}) {
        // Nobody can tell what became of a write whose answer and whose engine are lost.
        if (after && (for_good || !absl::IsUnavailable(status))) continue;
        bool struck = true;
        for (int call = 0; struck && call < 20; ++call) {
          SCOPED_TRACE(absl::StrCat("call ", call, ": ", status.ToString(), after ? " after" : "",
                                    for_good ? ", for good" : ""));
          struck =
              body(Fault{.calls = call, .status = status, .after = after, .for_good = for_good});
          if (testing::Test::HasFailure()) return;
        }
        EXPECT_FALSE(struck) << "there is no end to its calls";
      }
    }
  }
}

TEST(FaultTest, ACreateLeavesWhatIsThere) {
  ForEachCall([](const Fault& fault) {
    World world;
    const bool struck = world.Apply(world.Config("a"), fault);
    // The next run makes of it what is wanted. A tainted object would be destroyed first.
    EXPECT_FALSE(world.Apply(world.Config("b"), Fault()));
    EXPECT_FALSE(world.failed());
    return struck;
  });
}

TEST(FaultTest, AnUpdateLeavesTheOldOrTheNew) {
  ForEachCall([](const Fault& fault) {
    World world;
    world.Apply(world.Config("a"), Fault());
    const bool struck = world.Apply(world.Config("b"), fault);
    EXPECT_FALSE(world.Apply(world.Config("b"), Fault()));
    EXPECT_FALSE(world.failed());
    return struck;
  });
}

TEST(FaultTest, ADeleteKeepsWhatIsNotGone) {
  ForEachCall([](const Fault& fault) {
    World world;
    world.Apply(world.Config("a"), Fault());
    const bool struck = world.Apply(Value(), fault);
    world.Apply(Value(), Fault());
    EXPECT_FALSE(world.failed());
    EXPECT_EQ(world.Stored(), nullptr);
    return struck;
  });
}

}  // namespace
}  // namespace espalier::provider
