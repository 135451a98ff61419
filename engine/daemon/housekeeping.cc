#include "engine/daemon/housekeeping.h"

#include "engine/base/check.h"
#include "engine/base/telemetry.h"

namespace espalier {
namespace {

constexpr absl::Duration kInterval = absl::Minutes(10);

}  // namespace

Housekeeping::Housekeeping(Clock& clock, Threads& threads, Log& log, LocalResources& resources)
    : clock_(clock), log_(log), resources_(resources) {
  thread_ = threads.Start("housekeeping", [this] { Run(); });
}

Housekeeping::~Housekeeping() { ESPALIER_CHECK(thread_ == nullptr); }

void Housekeeping::Stop() {
  stop_.Notify();
  thread_->Join();
  thread_.reset();
}

void Housekeeping::Run() {
  do {
    const absl::Status swept = resources_.Sweep();
    if (!swept.ok()) {
      log_.Warn("old records were not removed", {{telemetry::kError, swept.ToString()}});
    }
  } while (!clock_.WaitUntil(stop_, clock_.Elapsed() + kInterval));
}

}  // namespace espalier
