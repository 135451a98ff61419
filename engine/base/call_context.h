// CallContext: who calls, until when, and how the call is told apart from others. A value that is
// passed down; the cancellation that it points to is owned by whoever made the call.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace espalier {

// Raised once, from any thread; in-flight work looks at it between steps and returns CANCELLED.
class Cancellation {
 public:
  void Cancel() { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> cancelled_ = false;
};

// Who is calling, as authentication found out.
struct Caller {
  // Each role may what its name says; kController is the engine itself.
  enum class Role { kAdmin, kEditor, kViewer, kAgent, kReconciler, kController };
  Role role = Role::kViewer;
  // In reports of who changed what: "ana", "host mac-01", "controller vm".
  std::string subject;
  // kAgent: the one host that it may report about.
  std::string host;
  // kReconciler: the one source that it may act for; empty is any.
  std::string source;
};

struct CallContext {
  Caller caller;
  // Time left for the call.
  absl::Duration timeout = absl::Seconds(30);
  // Borrowed; null: cannot be cancelled.
  const Cancellation* cancellation = nullptr;
  // Names the operation, so that repeating it after an unknown outcome does nothing twice.
  std::string operation_id;
  // Reads answer from this revision or a later one: what one wrote, one sees.
  std::int64_t min_revision = 0;

  bool cancelled() const { return cancellation != nullptr && cancellation->cancelled(); }
};

}  // namespace espalier
