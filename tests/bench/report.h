// What benchmarks print: one JSON object a line on standard output, so that runs can be compared by
// programs. Header only; benchmarks are single programs.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

// `wanted`: what issue or design ask for, as people would write it (">= 10000"); empty if nothing.
inline void Report(absl::string_view benchmark, double value, absl::string_view unit,
                   absl::string_view wanted = "") {
  std::printf("{\"benchmark\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"wanted\": \"%s\"}\n",
              std::string(benchmark).c_str(), value, std::string(unit).c_str(),
              std::string(wanted).c_str());
  std::fflush(stdout);
}

// The time below which `share` of the samples lie. Sorts them. REQUIRES: !samples.empty().
inline double PercentileMs(std::vector<absl::Duration>& samples, double share) {
  std::sort(samples.begin(), samples.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1));
  return absl::ToDoubleMilliseconds(samples[index]);
}

}  // namespace espalier
