#include "engine/store/log_sweep.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace espalier {

LogSweep::LogSweep(std::vector<std::int64_t> keep, std::int64_t end)
    : keep_(std::move(keep)), end_(end) {
  std::sort(keep_.begin(), keep_.end());
  ESPALIER_CHECK(keep_.empty() || keep_.back() < end_);
  SkipKept();
}

LogSweep::Gap LogSweep::gap() const {
  ESPALIER_CHECK(!done());
  return {first_, next_keep_ < keep_.size() ? keep_[next_keep_] : end_};
}

void LogSweep::Advance() {
  first_ = gap().end;
  SkipKept();
}

void LogSweep::SkipKept() {
  while (next_keep_ < keep_.size() && keep_[next_keep_] == first_) {
    ++first_;
    ++next_keep_;
  }
}

}  // namespace espalier
