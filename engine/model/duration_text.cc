#include "engine/model/duration_text.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"

namespace espalier {

absl::StatusOr<std::int64_t> SecondsFromText(absl::string_view text) {
  if (text.empty()) return 0;
  static constexpr std::pair<char, std::int64_t> kUnits[] = {
      {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  absl::string_view digits = text;
  std::int64_t factor = 1;
  for (const auto& [letter, seconds] : kUnits) {
    if (digits.back() == letter) {
      factor = seconds;
      digits.remove_suffix(1);
      break;
    }
  }
  std::int64_t count = 0;
  if (!absl::SimpleAtoi(digits, &count) || count < 0 || count > limits::kMaxInteger / factor) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no duration; write 90s, 15m, 4h or 2d"));
  }
  return count * factor;
}

}  // namespace espalier
