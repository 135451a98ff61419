// The table alone, so that it can be read as one.
#include <array>
#include <cstddef>

#include "engine/control/lifecycle.h"

namespace espalier::control {
namespace {

using P = v1::VmPlacement;
constexpr P::Phase kSame = P::PHASE_UNSPECIFIED;

constexpr std::size_t kSights = static_cast<std::size_t>(Sight::kStopping) + 1;
constexpr std::size_t kWants = static_cast<std::size_t>(Want::kRun) + 1;

// Rows in the order of Want, columns in the order of Sight.
constexpr std::array<std::array<Step, kSights>, kWants> kTable = {{
    // Want::kGone
    {{
        /* kNowhere     */ {kSame, Action::kFinalize},
        /* kOver        */ {kSame, Action::kFinalize},
        /* kEndedAgain  */ {kSame, Action::kFinalize},
        /* kEndedWell   */ {kSame, Action::kFinalize},
        /* kEndedBadly  */ {kSame, Action::kFinalize},
        /* kLostAgain   */ {kSame, Action::kFinalize},
        /* kLostForGood */ {kSame, Action::kFinalize},
        /* kSilent      */ {P::UNKNOWN, Action::kAskStop},
        /* kPreparing   */ {P::STOPPING, Action::kAskStop},
        /* kRunning     */ {P::STOPPING, Action::kAskStop},
        /* kStopping    */ {P::STOPPING, Action::kAskStop},
    }},
    // Want::kExpire
    {{
        /* kNowhere     */ {P::EXPIRED, Action::kEnd},
        /* kOver        */ {kSame, Action::kKeep},
        /* kEndedAgain  */ {P::EXPIRED, Action::kEnd},
        /* kEndedWell   */ {P::EXPIRED, Action::kEnd},
        /* kEndedBadly  */ {P::EXPIRED, Action::kEnd},
        /* kLostAgain   */ {P::EXPIRED, Action::kEndRetiring},
        /* kLostForGood */ {P::EXPIRED, Action::kEndRetiring},
        /* kSilent      */ {P::UNKNOWN, Action::kAskStop},
        /* kPreparing   */ {P::STOPPING, Action::kAskStop},
        /* kRunning     */ {P::STOPPING, Action::kAskStop},
        /* kStopping    */ {P::STOPPING, Action::kAskStop},
    }},
    // Want::kMove
    {{
        /* kNowhere     */ {P::PENDING, Action::kKeep},
        /* kOver        */ {kSame, Action::kKeep},
        /* kEndedAgain  */ {P::PENDING, Action::kLeave},
        /* kEndedWell   */ {P::STOPPED, Action::kEnd},
        /* kEndedBadly  */ {P::FAILED, Action::kEnd},
        /* kLostAgain   */ {P::PENDING, Action::kLeaveRetiring},
        /* kLostForGood */ {P::FAILED, Action::kEndRetiring},
        /* kSilent      */ {P::UNKNOWN, Action::kAskStop},
        /* kPreparing   */ {P::STOPPING, Action::kAskStop},
        /* kRunning     */ {P::STOPPING, Action::kAskStop},
        /* kStopping    */ {P::STOPPING, Action::kAskStop},
    }},
    // Want::kOff. The place is given up, the disk kept.
    {{
        /* kNowhere     */ {P::STOPPED, Action::kKeep},
        /* kOver        */ {P::STOPPED, Action::kLeave},
        /* kEndedAgain  */ {P::STOPPED, Action::kLeave},
        /* kEndedWell   */ {P::STOPPED, Action::kLeave},
        /* kEndedBadly  */ {P::STOPPED, Action::kLeave},
        /* kLostAgain   */ {P::STOPPED, Action::kLeaveRetiring},
        /* kLostForGood */ {P::STOPPED, Action::kLeaveRetiring},
        /* kSilent      */ {P::UNKNOWN, Action::kAskStop},
        /* kPreparing   */ {P::STOPPING, Action::kAskStop},
        /* kRunning     */ {P::STOPPING, Action::kAskStop},
        /* kStopping    */ {P::STOPPING, Action::kAskStop},
    }},
    // Want::kRun. A run that its agent was told to stop is stopped first, and started again: a stop
    // is never taken back.
    {{
        /* kNowhere     */ {P::PENDING, Action::kKeep},
        /* kOver        */ {kSame, Action::kKeep},
        /* kEndedAgain  */ {P::PENDING, Action::kLeave},
        /* kEndedWell   */ {P::STOPPED, Action::kEnd},
        /* kEndedBadly  */ {P::FAILED, Action::kEnd},
        /* kLostAgain   */ {P::PENDING, Action::kLeaveRetiring},
        /* kLostForGood */ {P::FAILED, Action::kEndRetiring},
        /* kSilent      */ {P::UNKNOWN, Action::kKeep},
        /* kPreparing   */ {P::STARTING, Action::kKeep},
        /* kRunning     */ {P::RUNNING, Action::kKeep},
        /* kStopping    */ {P::STOPPING, Action::kAskStop},
    }},
}};

}  // namespace

Step StepFor(Want want, Sight sight) {
  return kTable[static_cast<std::size_t>(want)][static_cast<std::size_t>(sight)];
}

}  // namespace espalier::control
