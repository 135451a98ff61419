#include "engine/server/preview_book.h"

#include <algorithm>
#include <memory>

namespace espalier {

EarlierObjects PreviewBook::Earlier(const std::string& caller, const std::string& word,
                                    const Objects& objects) {
  EarlierObjects earlier;
  MutexLock lock(mu_);
  const auto preview = previews_.find({caller, word});
  if (preview == previews_.end()) return earlier;
  earlier.reserve(preview->second.objects.size());
  for (const auto& [ref, object] : preview->second.objects) {
    // A VM that stands by now is counted where it stands; a pool may still have to grow.
    if (object->has_vm() && objects.Find(ref) != nullptr) continue;
    earlier.push_back(object);
  }
  return earlier;
}

void PreviewBook::Remember(const std::string& caller, const std::string& word,
                           const PlanOutput& plan) {
  const absl::Duration now = clock_.Elapsed();
  MutexLock lock(mu_);
  Preview& preview = previews_[{caller, word}];
  preview.asked_at = now;
  for (const PlannedWrite& write : plan.writes) {
    if (!MakesVms(write)) continue;
    const auto [at, is_new] = preview.objects.try_emplace(write.ref);
    at->second = std::make_shared<const Resource>(*write.after);
    if (is_new) ++size_;
  }
  ForgetOld(now);
}

// The plans that nobody has asked about for longest, once they are old or there are too many.
void PreviewBook::ForgetOld(absl::Duration now) {
  while (!previews_.empty()) {
    const auto oldest = std::min_element(
        previews_.begin(), previews_.end(),
        [](const auto& a, const auto& b) { return a.second.asked_at < b.second.asked_at; });
    if (size_ <= kObjects && oldest->second.asked_at + kKept > now) return;
    size_ -= oldest->second.objects.size();
    previews_.erase(oldest);
  }
}

}  // namespace espalier
