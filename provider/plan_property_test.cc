// Core's rules hold for every plan and every result, whatever the schema, the state and the
// configuration: tried with random ones. A failure names its seed; --gtest_random_seed=N tries that
// one alone. ESPALIER_FIRST_SEED and ESPALIER_PLANS: where to begin, and how many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provider/conform.h"
#include "provider/plan.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/random_values.h"
#include "provider/wire.h"
#include "tests/support/environment.h"

namespace espalier::provider {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kSeeds = 1000;

struct Case {
  const Schema& schema;
  Value prior;
  Value config;
  Value default_namespace;
  Takeover takeover;
};

Change Plan(const Case& at, const Value& prior, const Value& config,
            const Value& default_namespace) {
  // What core would show as an error. The plan beside it has to be legal all the same: other
  // problems of the model turn up only in the engine.
  Problems problems;
  return PlanChange(at.schema, prior, config, default_namespace, at.takeover, problems);
}

void ExpectLegal(const Case& at, const Value& prior, const Value& config, const Value& planned) {
  EXPECT_THAT(PlanErrors(at.schema.attributes, prior, config, planned), IsEmpty());
  EXPECT_TRUE(Conform(at.schema.attributes, planned, Strictness::kExact).ok());
}

// A plan, the plan that core asks for in addition when it replaces, the plan that it makes again
// when everything is known, and the result.
void ExpectLegalLife(Random& random, const Case& at) {
  Change first = Plan(at, at.prior, at.config, at.default_namespace);
  ExpectLegal(at, at.prior, at.config, first.planned);
  std::vector<std::string> errors;
  const bool replaces =
      !at.prior.is_null() && Replaces(at.prior, first.planned, first.requires_replace, errors);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(replaces, first.verb == Change::Verb::kReplace);
  const bool no_op = first.planned == at.prior;
  EXPECT_EQ(no_op, first.verb == Change::Verb::kNone);
  const Value prior = replaces ? Value() : at.prior;
  if (replaces) {
    first = Plan(at, prior, at.config, at.default_namespace);
    ExpectLegal(at, prior, at.config, first.planned);
  }
  if (no_op) return;

  const Value config = Resolved(random, at.schema.attributes, at.config);
  const Value ns = at.default_namespace.is_unknown() ? Value::String("late") : at.default_namespace;
  const Change final = Plan(at, prior, config, ns);
  ExpectLegal(at, prior, config, final.planned);
  EXPECT_THAT(ResultErrors(first.planned, final.planned), IsEmpty()) << "inconsistent final plan";
  if (first.verb == Change::Verb::kUpdate) {
    EXPECT_NE(final.verb, Change::Verb::kReplace) << "an update has become a replacement";
  }
  if (final.planned == prior) return;

  const Value result = Settle(final.planned, RandomState(random, at.schema.attributes));
  EXPECT_TRUE(result.IsWhollyKnown());
  EXPECT_TRUE(Conform(at.schema.attributes, result, Strictness::kExact).ok());
  EXPECT_THAT(ResultErrors(final.planned, result), IsEmpty()) << "inconsistent result after apply";

  // What was just applied needs nothing.
  Problems problems;
  const Change next = PlanChange(at.schema, result, config, ns, Takeover::kNone, problems);
  EXPECT_EQ(next.verb, Change::Verb::kNone) << "a change out of nothing";
}

Case RandomCase(Random& random, const Schema& schema) {
  const Attributes& attributes = schema.attributes;
  Case made{.schema = schema};
  const bool unknowns = random.Chance(0.7);
  made.default_namespace = random.Chance(0.3) ? Value::Unknown() : Value::String("default");
  made.takeover = random.Chance(0.1) ? Takeover::kAdopt : Takeover::kNone;
  switch (random.Below(3)) {
    case 0:
      made.takeover = Takeover::kNone;
      made.config = RandomConfig(random, attributes, unknowns);
      break;
    case 1:
      made.prior = RandomState(random, attributes);
      made.config = RandomConfig(random, attributes, unknowns);
      break;
    default: {
      // The usual: what was applied, and a configuration that differs in little or nothing.
      const Value before = RandomConfig(random, attributes, false);
      Problems problems;
      made.prior = Settle(
          PlanChange(schema, Value(), before, Value::String("default"), Takeover::kNone, problems)
              .planned,
          RandomState(random, attributes));
      made.config = random.Chance(0.2) ? before : Edited(random, attributes, before, unknowns);
    }
  }
  return made;
}

// The provider is not configured yet, as when the engine itself is still to be made.
class PlanPropertyTest : public testing::Test, protected ProviderWorld {
 protected:
  // Runs the body for each seed until one fails.
  template <typename Body>
  void ForSeeds(const Body& body) {
    const std::uint64_t only = GTEST_FLAG_GET(random_seed);
    const std::uint64_t first = only != 0 ? only : NumberFromEnvironment("ESPALIER_FIRST_SEED", 1);
    const std::uint64_t count = only != 0 ? 1 : NumberFromEnvironment("ESPALIER_PLANS", kSeeds);
    for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
      SCOPED_TRACE(testing::Message() << "--gtest_random_seed=" << seed);
      Random random(seed);
      body(random);
    }
  }
};

TEST_F(PlanPropertyTest, HoldsForEveryKind) {
  ForSeeds([&](Random& random) {
    const Schema& schema = schemas_.resources()[random.Below(schemas_.resources().size())];
    SCOPED_TRACE(schema.type_name);
    ExpectLegalLife(random, RandomCase(random, schema));
  });
}

TEST_F(PlanPropertyTest, HoldsForSchemasThatNobodyHasThoughtOf) {
  ForSeeds([&](Random& random) {
    const absl::Span<const KindInfo> kinds = AllKinds();
    const Schema schema = RandomSchema(random, kinds[random.Below(kinds.size())]);
    ExpectLegalLife(random, RandomCase(random, schema));
  });
}

// The two statements of core's rules agree with each other: what it proposes, it would accept.
TEST_F(PlanPropertyTest, WhatCoreProposesIsLegal) {
  ForSeeds([&](Random& random) {
    const Schema& schema = schemas_.resources()[random.Below(schemas_.resources().size())];
    const Case at = RandomCase(random, schema);
    const Value proposed = ProposedNew(schema.attributes, at.prior, at.config);
    EXPECT_THAT(PlanErrors(schema.attributes, at.prior, at.config, proposed), IsEmpty());
  });
}

// The whole call: what core sends is taken apart and put together without loss, and what it
// proposes changes nothing.
TEST_F(PlanPropertyTest, HoldsOverTheWire) {
  ForSeeds([&](Random& random) {
    const Schema& schema = schemas_.resources()[random.Below(schemas_.resources().size())];
    const Case at = RandomCase(random, schema);
    tfplugin6::PlanResourceChange::Request request;
    request.set_type_name(schema.type_name);
    Encode(at.prior, *request.mutable_prior_state());
    Encode(at.config, *request.mutable_config());
    Encode(ProposedNew(schema.attributes, at.prior, at.config),
           *request.mutable_proposed_new_state());
    const auto response = Ask<tfplugin6::PlanResourceChange>(request);
    Diagnostics diagnostics;
    const auto planned = Decode(schema.attributes, response.planned_state(), diagnostics);
    ASSERT_TRUE(planned.has_value());
    ExpectLegal(at, at.prior, at.config, *planned);
    Problems problems;
    EXPECT_EQ(*planned,
              PlanChange(schema, at.prior, at.config, Value::Unknown(), Takeover::kNone, problems)
                  .planned);
  });
}

TEST_F(PlanPropertyTest, DestroysAreNull) {
  ForSeeds([&](Random& random) {
    const Schema& schema = schemas_.resources()[random.Below(schemas_.resources().size())];
    Problems problems;
    const Change change = PlanChange(schema, RandomState(random, schema.attributes), Value(),
                                     Value::Unknown(), Takeover::kNone, problems);
    EXPECT_TRUE(change.planned.is_null());
    EXPECT_TRUE(problems.empty());
  });
}

}  // namespace
}  // namespace espalier::provider
