// Scheduler: which host a VM goes to. Pure: it knows what it was told of hosts and VMs, reads no
// clock and does no I/O. Room is derived from what stands on each host, never counted up and down.
// A Scheduler belongs to one thread.
//
// A host may take a VM if it is heard, open (no cordon, drain or deletion), of the system that the
// image needs, has all required labels, and has room: a macOS slot (never more than kMacosPerHost,
// whatever is configured), cpus and memory. Of those that may, the best is chosen by, in this
// order:
//   1. preferred labels, the more the better;
//   2. the image: ready on its disk, on its way to it, not there;
//   3. the strategy: few VMs first (spread) or many first (pack).
// Equals are taken in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"
#include "espalier/v1/cluster.pb.h"
#include "espalier/v1/plan.pb.h"

namespace espalier::sched {

using Strategy = v1::ClusterSpec::Strategy;

// What Apple's licence allows of one Mac.
inline constexpr int kMacosPerHost = 2;

// A VM that wants a host.
struct Wish {
  Ref vm;
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
  // Of the image; empty while nobody knows, then any host fits and no macOS slot is taken.
  std::string os;
  std::string arch;
  // Empty: where the image lies makes no difference.
  std::string image_digest;
  std::int64_t image_bytes = 0;
  // Given: this host and no other.
  std::string host;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> preferred;

  bool macos() const { return os == "darwin"; }
};

// From the spec, and the image as its placement has it. `image`, if not null, is the Image that the
// spec names: it fills in what the placement does not know yet.
Wish WishOf(const Resource& vm, const Resource* image = nullptr);

// Why a host was not taken; the first that applies, in this order.
enum class Reason {
  kDeleting,
  kDraining,
  kCordoned,
  kSilent,
  kWrongSystem,
  kWrongLabel,
  kTooSmall,
  kNoSlot,
  kNoCpu,
  kNoMemory,
};
inline constexpr std::size_t kReasons = 10;

struct Decision {
  // Where to; empty if nowhere.
  std::string host;
  // Bytes to pull first.
  std::int64_t missing_bytes = 0;
  // If nowhere, why: "10 hosts: 6 no free macOS slot, 3 cordoned, 1 wrong label".
  std::string why;

  bool placed() const { return !host.empty(); }
};

// Room of one host, as it stands.
struct Room {
  int cpu = 0;
  int memory_mib = 0;
  int macos = 0;
  // VMs that take room, ending ones included.
  int vms = 0;

  bool operator==(const Room&) const = default;
};

class Scheduler {
 public:
  explicit Scheduler(Strategy strategy = v1::ClusterSpec::SPREAD);
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  void SetStrategy(Strategy strategy);

  // Learns a Host or a Vm as it is now; it replaces what was known of that name, placements that
  // Place has booked for it included. Other kinds are ignored.
  void Put(const Resource& object);
  // It is gone.
  void Remove(const Ref& ref);

  // Chooses a host and books the VM there, so that the next wish sees it. Whatever was booked for
  // this VM's current run before is replaced; runs of it that are still ending keep their room.
  Decision Place(const Wish& wish);

  // Nothing if the host is not known.
  const Room* RoomOf(const std::string& host) const;

  // Everything that decisions depend on, as sorted text: equal for equal knowledge however it was
  // come by.
  std::string Fingerprint() const;
  // INTERNAL if an index does not say what the rows say.
  absl::Status SelfCheck() const;

 private:
  class Index;
  std::unique_ptr<Index> index_;
};

// Whether what is wanted fits beside what `scheduler` knows: "10 wanted, 6 slots: 4 wait" per
// reason, and what has to be pulled. Nothing stays booked. REQUIRES: the scheduler knows no VM that
// is wanted, and no VM is wanted twice.
v1::Capacity CapacityOf(Scheduler& scheduler, absl::Span<const Wish> wanted);

}  // namespace espalier::sched
