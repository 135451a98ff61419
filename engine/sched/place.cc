// The decision itself: a search over the sets that the index keeps.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/sched/index.h"
#include "engine/sched/room.h"

namespace espalier::sched {
namespace {

// Signatures kept up to date. A fleet has a few shapes of VM; each costs some nanoseconds per
// change of a row, and making one costs a pass over all rows.
constexpr std::size_t kSignatures = 64;

std::string KeyOf(const Wish& wish) {
  std::string key = absl::StrCat(wish.cpu, "/", wish.memory_mib, "/", wish.os, "/", wish.arch);
  for (const auto& [name, value] : wish.labels) absl::StrAppend(&key, "\n", name, "=", value);
  for (const auto& [name, value] : wish.preferred) absl::StrAppend(&key, "\n?", name, "=", value);
  return key;
}

}  // namespace

std::size_t Scheduler::Index::Check(const Row& row, const Wish& wish, int class_score) const {
  if (row.closed != kReasons) return row.closed;
  if (class_score < 0) {
    const Class& known = classes_[row.host_class];
    return static_cast<std::size_t>(SystemFits(wish, known.os, known.arch) ? Reason::kWrongLabel
                                                                           : Reason::kWrongSystem);
  }
  const int cpu = static_cast<int>(wish.cpu);
  const int memory = static_cast<int>(wish.memory_mib);
  const int macos = wish.macos() ? 1 : 0;
  if (cpu > row.size.cpu || memory > row.size.memory_mib || macos > row.size.macos) {
    return static_cast<std::size_t>(Reason::kTooSmall);
  }
  if (macos > row.free.macos && macos > 0) return static_cast<std::size_t>(Reason::kNoSlot);
  if (cpu > row.free.cpu) return static_cast<std::size_t>(Reason::kNoCpu);
  if (memory > row.free.memory_mib) return static_cast<std::size_t>(Reason::kNoMemory);
  return kReasons;
}

Scheduler::Index::Signature& Scheduler::Index::SignatureOf(const Wish& wish) {
  std::string key = KeyOf(wish);
  if (const auto found = signature_of_.find(key); found != signature_of_.end()) {
    found->second->last_used = ++uses_;
    return *found->second;
  }
  if (signatures_.size() == kSignatures) {
    const auto oldest =
        std::min_element(signatures_.begin(), signatures_.end(),
                         [](const auto& a, const auto& b) { return a->last_used < b->last_used; });
    signature_of_.erase((*oldest)->key);
    signatures_.erase(oldest);
  }
  auto made = std::make_unique<Signature>();
  Signature& signature = *made;
  signature.key = key;
  signature.wish = wish;
  signature.last_used = ++uses_;
  signature.scores.resize(classes_.size(), -1);
  for (std::uint32_t i = 0; i < classes_.size(); ++i) ScoreClass(signature, i);
  signature.feasible.Resize(capacity_);
  if (!wish.preferred.empty()) {
    signature.tiers.resize(wish.preferred.size() + 1);
    for (Bits& tier : signature.tiers) tier.Resize(capacity_);
  }
  for (std::size_t row = 0; row < rows_.size(); ++row) Evaluate(signature, row);
  signature_of_[std::move(key)] = made.get();
  signatures_.push_back(std::move(made));
  return signature;
}

// The order that sched.h states: labels, image, strategy. Each set is tried from the best down; the
// first hit is the best there is.
std::size_t Scheduler::Index::Choose(const Signature& signature, const Wish& wish) {
  const ImageRows* image = nullptr;
  if (!wish.image_digest.empty()) {
    if (const auto found = images_.find(wish.image_digest); found != images_.end()) {
      image = &found->second;
    }
  }
  const std::array<const Bits*, 3> residency = {image != nullptr ? &image->ready : nullptr,
                                                image != nullptr ? &image->coming : nullptr,
                                                nullptr};
  const std::size_t first_residency = image != nullptr ? 0 : 2;
  const std::size_t tiers = std::max<std::size_t>(1, signature.tiers.size());
  for (std::size_t down = tiers; down-- > 0;) {
    const Bits* tier = signature.tiers.empty() ? nullptr : &signature.tiers[down];
    for (std::size_t i = first_residency; i < residency.size(); ++i) {
      for (std::size_t step = 0; step < levels_.size(); ++step) {
        const std::size_t level =
            strategy == v1::ClusterSpec::PACK ? levels_.size() - 1 - step : step;
        const std::size_t row =
            FirstInAll({&signature.feasible, &levels_[level], residency[i], tier}, next_word_);
        if (row != kNoRow) return row;
      }
    }
  }
  return kNoRow;
}

Decision Scheduler::Index::Taken(std::size_t at, const Wish& wish) {
  Decision decision{.host = rows_[at].name};
  const auto image = images_.find(wish.image_digest);
  if (image == images_.end() || !image->second.ready.Test(at)) {
    decision.missing_bytes = wish.image_bytes;
  }
  Book(wish.vm, {.row = at,
                 .cpu = static_cast<int>(wish.cpu),
                 .memory_mib = static_cast<int>(wish.memory_mib),
                 .macos = wish.macos() ? 1 : 0,
                 .current = true});
  return decision;
}

Decision Scheduler::Index::Pinned(const Wish& wish) {
  const auto found = row_of_.find(wish.host);
  if (found == row_of_.end() || !rows_[found->second].present) {
    return {.why = absl::StrCat("host ", wish.host, " is not there")};
  }
  Signature alone;
  alone.wish = wish;
  const Row& row = rows_[found->second];
  ScoreClass(alone, row.host_class);
  const std::size_t reason = Check(row, wish, alone.scores[row.host_class]);
  if (reason == kReasons) return Taken(found->second, wish);
  return {.why = absl::StrCat("host ", wish.host, ": ", TextOf(static_cast<Reason>(reason)))};
}

Decision Scheduler::Index::Place(const Wish& wish) {
  if (const auto booked = bookings_.find(wish.vm); booked != bookings_.end()) {
    Unbook(booked->second, /*current_only=*/true);
  }
  if (!wish.host.empty()) return Pinned(wish);
  Signature& signature = SignatureOf(wish);
  if (signature.feasible.count() > 0) {
    const std::size_t row = Choose(signature, wish);
    if (row != kNoRow) {
      next_word_ = row / 64;
      return Taken(row, wish);
    }
  }
  if (signature.rejected_at != epoch_) {
    Counts counts{};
    int hosts = 0;
    for (const Row& row : rows_) {
      if (!row.present) continue;
      ++hosts;
      ++counts[Check(row, wish, signature.scores[row.host_class])];
    }
    signature.rejection = Explain(hosts, counts);
    signature.rejected_at = epoch_;
  }
  return {.why = signature.rejection};
}

}  // namespace espalier::sched
