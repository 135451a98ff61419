#include "macagent/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/telemetry.h"

namespace espalier::agent {
namespace {

// Until the engine says how often it wants to hear of us.
constexpr absl::Duration kFirstInterval = absl::Seconds(5);
// After a beat that failed: soon enough for several tries within one lease.
constexpr absl::Duration kAgainAfterFailure = absl::Seconds(1);
// A call without an answer is given up before it costs a lease.
constexpr absl::Duration kBeatTimeout = absl::Seconds(5);

}  // namespace

LeaseKeeper::LeaseKeeper(Clock& clock, Threads& threads, Log& log, Lease& lease, Driver& driver,
                         ImageStore& images, std::string host)
    : clock_(clock),
      threads_(threads),
      log_(log),
      lease_(lease),
      driver_(driver),
      images_(images),
      host_(std::move(host)),
      interval_(kFirstInterval) {}

LeaseKeeper::~LeaseKeeper() { ESPALIER_CHECK(thread_ == nullptr); }

void LeaseKeeper::Start() {
  ESPALIER_CHECK(thread_ == nullptr);
  thread_ = threads_.Start("lease", [this] { Run(); });
}

void LeaseKeeper::Stop() {
  if (thread_ == nullptr) return;
  stopping_.store(true, std::memory_order_release);
  cancellation_.Cancel();
  wakeup_.Notify();
  thread_->Join();
  thread_.reset();
}

void LeaseKeeper::Run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    const absl::Duration next = BeatOnce();
    if (!stopping_.load(std::memory_order_acquire)) clock_.WaitUntil(wakeup_, next);
  }
}

absl::Duration LeaseKeeper::BeatOnce() {
  const absl::Duration sent = clock_.Elapsed();
  v1::Beat beat;
  beat.set_host(host_);
  beat.set_boot_id(driver_.GetCapacity().boot_id);
  beat.set_number(++number_);
  for (const HostImage& image : images_.List()) {
    if (image.state != HostImage::State::kCaching) continue;
    v1::PullProgress& pull = (*beat.mutable_pulls())[image.digest];
    pull.set_done_bytes(image.done_bytes);
    pull.set_total_bytes(image.total_bytes);
    pull.set_bytes_per_second(image.bytes_per_second);
  }
  CallContext context;
  context.caller = {.role = Caller::Role::kAgent, .subject = "host " + host_, .host = host_};
  context.timeout = kBeatTimeout;
  context.cancellation = &cancellation_;
  const absl::StatusOr<v1::BeatAck> ack = lease_.Beat(context, beat);
  if (!ack.ok()) {
    if (!failing_ && !cancellation_.cancelled()) {
      log_.Warn("engine does not answer beats",
                {{telemetry::kHost, host_}, {telemetry::kError, ack.status().ToString()}});
    }
    failing_ = true;
    return clock_.Elapsed() + kAgainAfterFailure;
  }
  if (std::exchange(failing_, false)) {
    log_.Info("engine answers beats again", {{telemetry::kHost, host_}});
  }
  if (ack->interval_ms() > 0) interval_ = absl::Milliseconds(ack->interval_ms());
  const absl::Duration until = sent + absl::Milliseconds(ack->run_lease_ms());
  bool begins = false;
  {
    MutexLock lock(mu_);
    begins = lease_until_ < sent;
    lease_until_ = std::max(lease_until_, until);
  }
  RenewRuns(until);
  if (begins && on_lease_ != nullptr) on_lease_->Notify();
  return sent + interval_;
}

// All runs that are here, also those that nobody has looked at since this agent started.
void LeaseKeeper::RenewRuns(absl::Duration until) {
  const absl::StatusOr<Listing> listing = driver_.List();
  if (!listing.ok()) {
    log_.Warn("cannot list runs to renew", {{telemetry::kError, listing.status().ToString()}});
    return;
  }
  for (const RunState& run : listing->runs) {
    if (HasEnded(run.phase)) continue;
    const absl::Status status = driver_.Renew(run.spec.id, until);
    // One that has ended in between needs no lease.
    if (!status.ok() && !absl::IsFailedPrecondition(status) && !absl::IsNotFound(status)) {
      log_.Warn("cannot renew run", {{telemetry::kUid, run.spec.id.uid},
                                     {telemetry::kAttempt, run.spec.id.attempt},
                                     {telemetry::kError, status.ToString()}});
    }
  }
}

absl::Duration LeaseKeeper::lease_until() const {
  MutexLock lock(mu_);
  return lease_until_;
}

}  // namespace espalier::agent
