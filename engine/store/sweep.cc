#include "engine/store/sweep.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace espalier {

Sweep::Sweep(std::vector<std::int64_t> keep, std::int64_t end) : keep_(std::move(keep)), end_(end) {
  std::sort(keep_.begin(), keep_.end());
  ESPALIER_CHECK(keep_.empty() || keep_.back() < end_);
  SkipKept();
}

Sweep::Gap Sweep::gap() const {
  ESPALIER_CHECK(!done());
  return {first_, next_keep_ < keep_.size() ? keep_[next_keep_] : end_};
}

void Sweep::Advance() {
  first_ = gap().end;
  SkipKept();
}

void Sweep::SkipKept() {
  while (next_keep_ < keep_.size() && keep_[next_keep_] == first_) {
    ++first_;
    ++next_keep_;
  }
}

}  // namespace espalier
