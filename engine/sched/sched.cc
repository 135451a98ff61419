#include "engine/sched/sched.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/sched/index.h"

namespace espalier::sched {

Wish WishOf(const Resource& vm, const Resource* image) {
  const v1::VmSpec& spec = vm.vm().spec();
  const v1::VmPlacement& placement = vm.vm().status().placement();
  Wish wish{.vm = RefOf(vm),
            .cpu = spec.cpu(),
            .memory_mib = spec.memory_mib(),
            .os = placement.image_os(),
            .arch = placement.image_arch(),
            .image_digest = placement.image_digest(),
            .image_bytes = placement.image_bytes(),
            // The disk that it goes on with lies where it lies.
            .host = spec.has_host() ? spec.host() : placement.disk_host(),
            .labels = Labels(spec.host_labels().begin(), spec.host_labels().end()),
            .preferred =
                Labels(spec.preferred_host_labels().begin(), spec.preferred_host_labels().end())};
  if (wish.image_digest.empty() && image != nullptr) {
    const v1::ImageStatus& status = image->image().status();
    wish.os = status.os();
    wish.arch = status.arch();
    wish.image_digest = status.digest();
    wish.image_bytes = status.compressed_bytes();
  }
  return wish;
}

const char* TextOf(Reason reason) {
  switch (reason) {
    case Reason::kDeleting:
      return "being deleted";
    case Reason::kDraining:
      return "draining";
    case Reason::kCordoned:
      return "cordoned";
    case Reason::kSilent:
      return "silent";
    case Reason::kWrongSystem:
      return "wrong system";
    case Reason::kWrongLabel:
      return "wrong label";
    case Reason::kTooSmall:
      return "too small";
    case Reason::kNoSlot:
      return "no free macOS slot";
    case Reason::kNoCpu:
      return "too few cpus free";
    case Reason::kNoMemory:
      return "too little memory free";
  }
  return "unknown";
}

std::string Explain(int hosts, const Counts& counts) {
  if (hosts == 0) return "no hosts";
  std::vector<std::size_t> order;
  for (std::size_t reason = 0; reason < kReasons; ++reason) {
    if (counts[reason] > 0) order.push_back(reason);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  std::string text = absl::StrCat(hosts, hosts == 1 ? " host" : " hosts");
  for (std::size_t i = 0; i < order.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? ": " : ", ", counts[order[i]], " ",
                    TextOf(static_cast<Reason>(order[i])));
  }
  return text;
}

Scheduler::Scheduler(Strategy strategy) : index_(std::make_unique<Index>(strategy)) {}
Scheduler::~Scheduler() = default;
Scheduler::Scheduler(Scheduler&&) noexcept = default;
Scheduler& Scheduler::operator=(Scheduler&&) noexcept = default;

void Scheduler::SetStrategy(Strategy strategy) { index_->strategy = strategy; }

void Scheduler::Put(const Resource& object) {
  if (object.has_host()) index_->PutHost(object);
  if (object.has_vm()) index_->PutVm(object);
}

void Scheduler::Remove(const Ref& ref) {
  if (ref.kind == Kind::kHost) index_->RemoveHost(ref.name);
  if (ref.kind == Kind::kVm) index_->RemoveVm(ref);
}

Decision Scheduler::Place(const Wish& wish) { return index_->Place(wish); }
const Room* Scheduler::RoomOf(const std::string& host) const { return index_->RoomOf(host); }
std::string Scheduler::Fingerprint() const { return index_->Fingerprint(); }
absl::Status Scheduler::SelfCheck() const { return index_->SelfCheck(); }

}  // namespace espalier::sched
