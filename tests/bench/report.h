// What the programs of tests/bench print: one JSON object a line on standard output. What each
// measurement means and what is wanted of it stands in tests/bench/measures.py. Header only;
// benchmarks are single programs.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

inline void Report(absl::string_view name, double value, absl::string_view unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"}\n", std::string(name).c_str(),
              value, std::string(unit).c_str());
  std::fflush(stdout);
}

// The time below which `share` of the samples lie. Sorts them. REQUIRES: !samples.empty().
inline double PercentileMs(std::vector<absl::Duration>& samples, double share) {
  std::sort(samples.begin(), samples.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1));
  return absl::ToDoubleMilliseconds(samples[index]);
}

}  // namespace espalier
