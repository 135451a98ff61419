// Versions after SemVer 2.0 and ranges of them, for following tags: validation reads a range here,
// and so does whoever follows it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier {

struct SemVer {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  // {"rc", "1"} of "2.0.0-rc.1". Metadata after "+" is dropped: it never decides.
  std::vector<std::string> pre_release;
};

// "1.4.0", "v1.4.0", "2.0.0-rc.1+build.5". Nothing for what SemVer does not call a version, as
// "1.4" or "01.4.0".
std::optional<SemVer> ParseSemVer(absl::string_view text);

// Negative, zero or positive, in SemVer's order: 1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-rc.1 < 1.0.0.
int Compare(const SemVer& left, const SemVer& right);

class SemVerRange {
 public:
  // Comparisons that must all hold, between spaces or commas: each of >= > < <= = ^ ~ or none,
  // before a version that may end early or in "x" or "*" ("1", "1.2", "1.2.x"). "*" is every
  // release. INVALID_ARGUMENT naming the comparison that is none.
  static absl::StatusOr<SemVerRange> Parse(absl::string_view text);

  // A version before a release is contained only if a comparison names one of the same release:
  // ">=2.0.0-rc.1" contains 2.0.0-rc.2, but not 2.1.0-rc.1.
  bool Contains(const SemVer& version) const;

 private:
  enum class Operator { kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater };
  struct Comparison {
    Operator op = Operator::kEqual;
    SemVer version;
  };
  struct Partial;

  static std::optional<Partial> ParsePartial(absl::string_view text);
  void Add(Operator op, SemVer version);
  // From the first version that `partial` stands for up to `end`, a release outside of it.
  void AddUpTo(const Partial& partial, SemVer end);
  bool AddComparison(absl::string_view op, const Partial& partial);

  std::vector<Comparison> comparisons_;
};

}  // namespace espalier
