#include "provider/memory_text.h"

#include <optional>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace espalier::provider {
namespace {

// With so many digits before and after the point together, all that follows fits 128 bits.
constexpr std::size_t kMaxDigits = 18;
constexpr int kMebibyteBits = 20;
constexpr std::int64_t kLargest = std::int64_t{1} << 53;

absl::Status Refused(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", absl::CHexEscape(text), "\" ", why));
}

// The unit as a power of two bytes.
std::optional<int> BitsOf(absl::string_view unit) {
  constexpr struct {
    absl::string_view name;
    int bits;
  } kUnits[] = {{"B", 0}, {"KiB", 10}, {"MiB", kMebibyteBits}, {"GiB", 30}, {"TiB", 40}};
  for (const auto& known : kUnits) {
    if (unit == known.name) return known.bits;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::int64_t> MebibytesFromText(absl::string_view text) {
  absl::string_view rest = text;
  absl::uint128 digits = 0;
  absl::uint128 scale = 1;
  std::size_t count = 0;
  bool fraction = false;
  while (!rest.empty() && (absl::ascii_isdigit(rest[0]) || rest[0] == '.')) {
    if (rest[0] == '.') {
      // A point stands once, between digits.
      if (fraction || count == 0 || rest.size() < 2 || !absl::ascii_isdigit(rest[1])) break;
      fraction = true;
    } else {
      if (++count > kMaxDigits) return Refused(text, "has more digits than memory ever needs");
      digits = digits * 10 + static_cast<unsigned>(rest[0] - '0');
      if (fraction) scale *= 10;
    }
    rest.remove_prefix(1);
  }
  if (count == 0) return Refused(text, "does not begin with a number, as \"12GiB\" does");
  absl::ConsumePrefix(&rest, " ");
  const std::optional<int> bits = BitsOf(rest);
  if (!bits) {
    return Refused(text, rest.empty()
                             ? "has no unit; write B, KiB, MiB, GiB or TiB behind the number"
                             : "has a unit that is none of B, KiB, MiB, GiB and TiB");
  }
  const absl::uint128 bytes = digits << *bits;
  const absl::uint128 mebibyte = scale << kMebibyteBits;
  if (bytes % mebibyte != 0) return Refused(text, "is not a whole number of MiB");
  const absl::uint128 mib = bytes / mebibyte;
  if (mib > static_cast<absl::uint128>(kLargest)) return Refused(text, "is more than 2^53 MiB");
  return static_cast<std::int64_t>(mib);
}

}  // namespace espalier::provider
