// The driver contract as code: every driver passes this suite, in its own test program, by handing
// it a World. For tests only.
//
//   INSTANTIATE_TEST_SUITE_P(Sim, DriverConformanceTest, testing::Values(&MakeSimWorld));
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "macagent/driver/driver.h"

namespace espalier::agent {

// A host with a driver on it, and a way to let time pass there.
class DriverWorld {
 public:
  virtual ~DriverWorld() = default;
  virtual Driver& driver() = 0;
  // The agent dies and another one starts: a new driver over the same host.
  virtual void RestartAgent() = 0;
  // What time it is on the host.
  virtual absl::Duration Elapsed() = 0;
  // Waits until the condition holds; false if it does not within what is sensible for this driver.
  virtual bool Eventually(const std::function<bool()>& condition) = 0;
  // Lets this much time pass.
  virtual void Pass(absl::Duration duration) = 0;
  // Puts a bootable image's files into what Prepare returned.
  virtual void FillBundle(const std::string& dir) = 0;
  // A run that this host can start, with a lease that does not end during a test.
  virtual RunSpec Spec(const std::string& uid, std::int64_t attempt) = 0;
  // Names the disk of a run: equal for runs that go on with the same one. Empty if it is not here.
  virtual std::string DiskOf(const RunId& id) = 0;
  // Ends the machine behind the driver's back, with an error.
  virtual void Kill(const RunId& id) = 0;
};

using MakeDriverWorld = std::unique_ptr<DriverWorld> (*)();

class DriverConformanceTest : public testing::TestWithParam<MakeDriverWorld> {
 protected:
  DriverConformanceTest() : world_(GetParam()()) {}

  Driver& driver() { return world_->driver(); }
  // Prepares and starts.
  absl::Status Run(const RunSpec& spec);
  // The run as listed; a phase nobody has if it is not.
  std::string PhaseOf(const RunId& id);
  // Whether the list says that it ends with its lease; false if it is not there.
  bool FenceOf(const RunId& id);
  // Waits for the phase; the test's message says what it was instead.
  testing::AssertionResult Reaches(const RunId& id, const std::string& phase);

  const std::unique_ptr<DriverWorld> world_;
};

}  // namespace espalier::agent
