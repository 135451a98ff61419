#include "engine/sched/index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/vm_room.h"
#include "engine/sched/room.h"

namespace espalier::sched {
namespace {

// Above this many VMs hosts count as equally full.
constexpr std::size_t kLevels = 32;

bool Has(const Labels& labels, const std::string& key, const std::string& value) {
  const auto found = labels.find(key);
  return found != labels.end() && found->second == value;
}

}  // namespace

Scheduler::Index::Index(Strategy chosen) : strategy(chosen), levels_(kLevels) {}

std::size_t Scheduler::Index::RowFor(const std::string& name) {
  const auto [found, added] = row_of_.try_emplace(name, rows_.size());
  if (!added) return found->second;
  if (!free_rows_.empty()) {
    found->second = free_rows_.back();
    free_rows_.pop_back();
  } else {
    rows_.emplace_back();
    if (rows_.size() > capacity_) Grow();
  }
  rows_[found->second].name = name;
  return found->second;
}

void Scheduler::Index::Grow() {
  capacity_ = std::max<std::size_t>(64, capacity_ * 2);
  for (Bits& level : levels_) level.Resize(capacity_);
  for (auto& [digest, image] : images_) {
    image.ready.Resize(capacity_);
    image.coming.Resize(capacity_);
  }
  for (const auto& signature : signatures_) {
    signature->feasible.Resize(capacity_);
    for (Bits& tier : signature->tiers) tier.Resize(capacity_);
  }
}

void Scheduler::Index::DropIfUnused(std::size_t at) {
  Row& row = rows_[at];
  if (row.present || row.used.vms > 0) return;
  row_of_.erase(row.name);
  row = Row();
  free_rows_.push_back(at);
}

void Scheduler::Index::Refresh(std::size_t at) {
  ++epoch_;
  Row& row = rows_[at];
  row.free.cpu = row.size.cpu - row.used.cpu;
  row.free.memory_mib = row.size.memory_mib - row.used.memory_mib;
  // What runs there unasked takes slots as well. What the host reports as running may be ahead of
  // the bookings, and these ahead of it: whichever is more counts.
  row.free.macos = row.size.macos - std::max(row.used.macos + row.macos_found, row.macos_running);
  const int level = row.present ? std::min<int>(row.used.vms, static_cast<int>(kLevels) - 1) : -1;
  if (level != row.level) {
    if (row.level >= 0) levels_[static_cast<std::size_t>(row.level)].Assign(at, false);
    if (level >= 0) levels_[static_cast<std::size_t>(level)].Assign(at, true);
    row.level = level;
  }
  for (const auto& signature : signatures_) Evaluate(*signature, at);
}

void Scheduler::Index::Evaluate(Signature& signature, std::size_t at) const {
  const Row& row = rows_[at];
  const int score = row.present ? signature.scores[row.host_class] : -1;
  signature.feasible.Assign(at, row.present && Check(row, signature.wish, score) == kReasons);
  for (std::size_t tier = 0; tier < signature.tiers.size(); ++tier) {
    signature.tiers[tier].Assign(at, score == static_cast<int>(tier));
  }
}

void Scheduler::Index::PutHost(const Resource& host) {
  const std::size_t at = RowFor(host.metadata().name());
  Row& row = rows_[at];
  const v1::HostObserved& observed = host.host().status().observed();
  if (!row.present || !SameClass(classes_[row.host_class], host)) SetClass(at, host);
  row.present = true;
  row.closed = static_cast<std::uint8_t>(ClosedBecause(host));
  row.size = SizeOf(host);
  row.macos_found = FoundMacos(observed);
  row.macos_running = static_cast<int>(observed.macos_running());
  SetImages(at, host);
  Refresh(at);
}

void Scheduler::Index::RemoveHost(const std::string& name) {
  const auto found = row_of_.find(name);
  if (found == row_of_.end() || !rows_[found->second].present) return;
  const std::size_t at = found->second;
  Row& row = rows_[at];
  ClearImages(at);
  LeaveClass(row.host_class);
  row.present = false;
  row.size = Room();
  row.macos_found = 0;
  row.macos_running = 0;
  Refresh(at);
  DropIfUnused(at);
}

bool Scheduler::Index::SameClass(const Class& known, const Resource& host) {
  const v1::HostObserved& observed = host.host().status().observed();
  const auto& labels = host.metadata().labels();
  if (known.os != observed.os() || known.arch != observed.arch()) return false;
  if (known.labels.size() != labels.size()) return false;
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    return Has(known.labels, label.first, label.second);
  });
}

void Scheduler::Index::LeaveClass(std::uint32_t host_class) {
  Class& left = classes_[host_class];
  if (--left.rows > 0) return;
  class_of_.erase(left.key);
  left = Class();
  free_classes_.push_back(host_class);
}

void Scheduler::Index::SetClass(std::size_t at, const Resource& host) {
  Row& row = rows_[at];
  if (row.present) LeaveClass(row.host_class);
  const v1::HostObserved& observed = host.host().status().observed();
  Class wanted{.os = observed.os(),
               .arch = observed.arch(),
               .labels = Labels(host.metadata().labels().begin(), host.metadata().labels().end())};
  wanted.key = absl::StrCat(wanted.os, "\n", wanted.arch);
  for (const auto& [key, value] : wanted.labels)
    absl::StrAppend(&wanted.key, "\n", key, "=", value);

  const auto [found, added] = class_of_.try_emplace(wanted.key, 0);
  if (added) {
    if (free_classes_.empty()) {
      found->second = static_cast<std::uint32_t>(classes_.size());
      classes_.emplace_back();
    } else {
      found->second = free_classes_.back();
      free_classes_.pop_back();
    }
    classes_[found->second] = std::move(wanted);
    for (const auto& signature : signatures_) ScoreClass(*signature, found->second);
  }
  row.host_class = found->second;
  ++classes_[row.host_class].rows;
}

void Scheduler::Index::ScoreClass(Signature& signature, std::uint32_t host_class) const {
  if (signature.scores.size() < classes_.size()) signature.scores.resize(classes_.size(), -1);
  const Class& known = classes_[host_class];
  const Wish& wish = signature.wish;
  int score = SystemFits(wish, known.os, known.arch) ? 0 : -1;
  for (const auto& [key, value] : wish.labels) {
    if (!Has(known.labels, key, value)) score = -1;
  }
  if (score == 0) {
    for (const auto& [key, value] : wish.preferred) score += Has(known.labels, key, value) ? 1 : 0;
  }
  signature.scores[host_class] = score;
}

void Scheduler::Index::ClearImages(std::size_t at) {
  for (const std::string& digest : rows_[at].images) {
    const auto found = images_.find(digest);
    if (found == images_.end()) continue;
    found->second.ready.Assign(at, false);
    found->second.coming.Assign(at, false);
    if (found->second.ready.count() + found->second.coming.count() == 0) images_.erase(found);
  }
  rows_[at].images.clear();
}

void Scheduler::Index::SetImages(std::size_t at, const Resource& host) {
  ClearImages(at);
  const auto put = [&](const std::string& digest, bool ready) {
    ImageRows& image = images_[digest];
    image.ready.Resize(capacity_);
    image.coming.Resize(capacity_);
    if (ready) {
      image.ready.Assign(at, true);
      image.coming.Assign(at, false);
    } else if (!image.ready.Test(at)) {
      image.coming.Assign(at, true);
    }
    rows_[at].images.push_back(digest);
  };
  const v1::HostStatus& status = host.host().status();
  for (const auto& [digest, held] : status.observed().images()) {
    if (held.state() == v1::HeldImage::READY) put(digest, true);
    if (held.state() == v1::HeldImage::CACHING) put(digest, false);
  }
  for (const auto& [digest, assigned] : status.assigned()) put(digest, false);
}

void Scheduler::Index::Book(const Ref& vm, const Booking& booking) {
  bookings_[vm].push_back(booking);
  Room& used = rows_[booking.row].used;
  used.cpu += booking.cpu;
  used.memory_mib += booking.memory_mib;
  used.macos += booking.macos;
  ++used.vms;
  Refresh(booking.row);
}

void Scheduler::Index::Unbook(std::vector<Booking>& bookings, bool current_only) {
  const auto ends = [&](const Booking& booking) { return booking.current || !current_only; };
  for (const Booking& booking : bookings) {
    if (!ends(booking)) continue;
    Room& used = rows_[booking.row].used;
    used.cpu -= booking.cpu;
    used.memory_mib -= booking.memory_mib;
    used.macos -= booking.macos;
    --used.vms;
    ESPALIER_CHECK(used.vms >= 0);
    Refresh(booking.row);
    DropIfUnused(booking.row);
  }
  std::erase_if(bookings, ends);
}

void Scheduler::Index::RemoveVm(const Ref& vm) {
  const auto found = bookings_.find(vm);
  if (found == bookings_.end()) return;
  Unbook(found->second, /*current_only=*/false);
  bookings_.erase(found);
}

void Scheduler::Index::PutVm(const Resource& vm) {
  const Ref ref = RefOf(vm);
  RemoveVm(ref);
  const v1::VmSpec& spec = vm.vm().spec();
  const v1::VmPlacement& placement = vm.vm().status().placement();
  if (TakesRoom(placement)) {
    Book(ref, {.row = RowFor(placement.host()),
               .cpu = static_cast<int>(spec.cpu()),
               .memory_mib = static_cast<int>(spec.memory_mib()),
               .macos = placement.image_os() == "darwin" ? 1 : 0,
               .current = true});
  }
  for (const v1::RetiringRun& run : placement.retiring()) {
    Book(ref, {.row = RowFor(run.host()),
               .cpu = static_cast<int>(run.cpu()),
               .memory_mib = static_cast<int>(run.memory_mib()),
               .macos = run.macos() ? 1 : 0});
  }
}

const Room* Scheduler::Index::RoomOf(const std::string& host) const {
  const auto found = row_of_.find(host);
  if (found == row_of_.end() || !rows_[found->second].present) return nullptr;
  return &rows_[found->second].free;
}

std::string Scheduler::Index::Fingerprint() const {
  std::vector<std::string> lines;
  for (const auto& [name, at] : row_of_) {
    const Row& row = rows_[at];
    std::string line = absl::StrCat(name, " ", row.present ? "there" : "unknown");
    if (row.present) {
      std::vector<std::string> images;
      for (const std::string& digest : row.images) {
        images.push_back(
            absl::StrCat(digest, images_.at(digest).ready.Test(at) ? " ready" : " coming"));
      }
      std::sort(images.begin(), images.end());
      images.erase(std::unique(images.begin(), images.end()), images.end());
      absl::StrAppend(&line, " closed=", row.closed, " class=", classes_[row.host_class].key);
      for (const std::string& image : images) absl::StrAppend(&line, " ", image);
    }
    absl::StrAppend(&line, " free=", row.free.cpu, "/", row.free.memory_mib, "/", row.free.macos,
                    " used=", row.used.cpu, "/", row.used.memory_mib, "/", row.used.macos, "/",
                    row.used.vms);
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return text;
}

absl::Status Scheduler::Index::SelfCheck() const {
  std::vector<Room> used(rows_.size());
  for (const auto& [vm, bookings] : bookings_) {
    for (const Booking& booking : bookings) {
      Room& room = used[booking.row];
      room.cpu += booking.cpu;
      room.memory_mib += booking.memory_mib;
      room.macos += booking.macos;
      ++room.vms;
    }
  }
  for (const auto& [name, at] : row_of_) {
    const Row& row = rows_[at];
    if (!(used[at] == row.used)) {
      return absl::InternalError(absl::StrCat(name, ": used is not the sum of its bookings"));
    }
    for (std::size_t level = 0; level < kLevels; ++level) {
      if (levels_[level].Test(at) != (row.level == static_cast<int>(level))) {
        return absl::InternalError(absl::StrCat(name, ": is in the wrong level"));
      }
    }
    for (const auto& signature : signatures_) {
      Signature again = *signature;
      if (row.present) ScoreClass(again, row.host_class);
      Evaluate(again, at);
      if (!(again.feasible == signature->feasible) || again.tiers != signature->tiers) {
        return absl::InternalError(
            absl::StrCat(name, ": is out of date for signature ", signature->key));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace espalier::sched
