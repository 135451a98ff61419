#include "macagent/ports.h"

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace espalier::agent {
namespace {

RunSpec Spec(const std::string& uid) {
  RunSpec spec;
  spec.id = {uid, 1};
  spec.ports = {{"ssh", {0, 22}}, {"vnc", {0, 5900}}, {"http", {0, 80}}};
  return spec;
}

class MachinePortsTest : public testing::Test {
 protected:
  std::unique_ptr<MachinePorts> Agent(const std::string& name) {
    return std::make_unique<MachinePorts>(
        random_, *io_, dir_.path() + "/shared", dir_.path() + "/" + name,
        [this](std::uint32_t port) { return busy_.count(port) == 0; });
  }

  TempDir dir_;
  Random random_{1};
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::set<std::uint32_t> busy_;
};

TEST_F(MachinePortsTest, ChoosesTheLowestFreePorts) {
  const auto agent = Agent("a");
  busy_ = {8822, 8823, 10000};
  RunSpec spec = Spec("1");
  ASSERT_EQ(agent->Take(spec), absl::OkStatus());
  EXPECT_EQ(spec.ports["ssh"].host, 8824u);
  EXPECT_EQ(spec.ports["vnc"].host, 5999u);
  EXPECT_EQ(spec.ports["http"].host, 10001u);
  EXPECT_EQ(spec.ports["ssh"].guest, 22u);
}

TEST_F(MachinePortsTest, AgentsOfOneMachineDoNotCollide) {
  const auto a = Agent("a");
  const auto b = Agent("b");
  RunSpec first = Spec("1");
  RunSpec second = Spec("2");
  RunSpec third = Spec("3");
  ASSERT_EQ(a->Take(first), absl::OkStatus());
  ASSERT_EQ(b->Take(second), absl::OkStatus());
  ASSERT_EQ(a->Take(third), absl::OkStatus());
  EXPECT_EQ(first.ports["ssh"].host, 8822u);
  EXPECT_EQ(second.ports["ssh"].host, 8823u);
  EXPECT_EQ(third.ports["ssh"].host, 8824u);
  // What one gives back another may take.
  a->ReleaseAllBut({third.id});
  RunSpec fourth = Spec("4");
  ASSERT_EQ(b->Take(fourth), absl::OkStatus());
  EXPECT_EQ(fourth.ports["ssh"].host, 8822u);
}

TEST_F(MachinePortsTest, ChoicesOutliveTheAgent) {
  RunSpec first = Spec("1");
  ASSERT_EQ(Agent("a")->Take(first), absl::OkStatus());
  RunSpec second = Spec("2");
  ASSERT_EQ(Agent("b")->Take(second), absl::OkStatus());
  EXPECT_EQ(second.ports["ssh"].host, 8823u);
  // The next agent adopts the run, and what it has.
  const auto a = Agent("a");
  a->Keep(first);
  a->ReleaseAllBut({first.id});
  RunSpec third = Spec("3");
  ASSERT_EQ(a->Take(third), absl::OkStatus());
  EXPECT_EQ(third.ports["ssh"].host, 8824u);
}

TEST_F(MachinePortsTest, WhatAnAgentTookAndNeverUsedComesBack) {
  RunSpec first = Spec("1");
  ASSERT_EQ(Agent("a")->Take(first), absl::OkStatus());
  Agent("a")->ReleaseAllBut({});
  RunSpec second = Spec("2");
  ASSERT_EQ(Agent("b")->Take(second), absl::OkStatus());
  EXPECT_EQ(second.ports["ssh"].host, 8822u);
}

TEST_F(MachinePortsTest, TakesNothingWhenOneIsMissing) {
  const auto agent = Agent("a");
  for (std::uint32_t port = 8822; port < 9822; ++port) busy_.insert(port);
  RunSpec spec = Spec("1");
  EXPECT_TRUE(absl::IsResourceExhausted(agent->Take(spec)));
  for (const auto& [name, mapping] : spec.ports) EXPECT_EQ(mapping.host, 0u) << name;
  busy_.clear();
  RunSpec next = Spec("2");
  ASSERT_EQ(agent->Take(next), absl::OkStatus());
  EXPECT_EQ(next.ports["http"].host, 10000u);
}

}  // namespace
}  // namespace espalier::agent
