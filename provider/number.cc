#include "provider/number.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

template <typename Integer>
std::optional<Integer> ParseInteger(const std::string& text) {
  Integer value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// Takes the digits at the front of `text`.
absl::string_view TakeDigits(absl::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && absl::ascii_isdigit(text[count])) ++count;
  const absl::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// The canonical text of digits with the decimal point before index `point`.
std::string Canonical(bool negative, std::string digits, int point) {
  if (point < 0) {
    digits.insert(0, static_cast<std::size_t>(-point), '0');
    point = 0;
  }
  if (static_cast<std::size_t>(point) > digits.size()) digits.resize(point, '0');
  std::string whole = digits.substr(0, point);
  std::string fraction = digits.substr(point);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (whole.empty() && fraction.empty()) return "0";
  return absl::StrCat(negative ? "-" : "", whole.empty() ? "0" : whole, fraction.empty() ? "" : ".",
                      fraction);
}

}  // namespace

Number Number::Of(std::int64_t value) { return Number(absl::StrCat(value)); }
Number Number::OfUnsigned(std::uint64_t value) { return Number(absl::StrCat(value)); }

absl::StatusOr<Number> Number::OfDouble(double value) {
  if (!std::isfinite(value)) return absl::InvalidArgumentError("a number must be finite");
  // 1074 digits after the point write out every double exactly.
  char buffer[kMaxDigits];
  const int size = std::snprintf(buffer, sizeof(buffer), "%.1074f", value);
  return Parse(absl::string_view(buffer, size));
}

absl::StatusOr<Number> Number::Parse(absl::string_view text) {
  const auto invalid = [] { return absl::InvalidArgumentError("not a decimal number"); };
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const auto too_long = [] { return absl::InvalidArgumentError("the number has too many digits"); };
  if (text.size() > kMaxDigits) return too_long();
  const absl::string_view whole = TakeDigits(text);
  absl::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
    if (fraction.empty()) return invalid();
  }
  if (whole.empty()) return invalid();
  int exponent = 0;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    const bool down = !text.empty() && text.front() == '-';
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    const absl::string_view digits = TakeDigits(text);
    if (digits.empty()) return invalid();
    const std::optional<int> value = ParseInteger<int>(std::string(digits));
    if (!value || *value > kMaxDigits) {
      return absl::InvalidArgumentError("the number's exponent is too large");
    }
    exponent = down ? -*value : *value;
  }
  if (!text.empty()) return invalid();
  const int point = static_cast<int>(whole.size()) + exponent;
  Number number(Canonical(negative, absl::StrCat(whole, fraction), point));
  // What we write is read again: by core, and by us when core sends it back.
  if (number.text_.size() > kMaxDigits + (negative ? 1 : 0)) return too_long();
  return number;
}

std::optional<std::int64_t> Number::AsInt64() const { return ParseInteger<std::int64_t>(text_); }
std::optional<std::uint64_t> Number::AsUint64() const { return ParseInteger<std::uint64_t>(text_); }

std::optional<double> Number::AsDouble() const {
  const double value = std::strtod(text_.c_str(), nullptr);
  const absl::StatusOr<Number> back = OfDouble(value);
  if (!back.ok() || *back != *this) return std::nullopt;
  return value;
}

bool Number::is_integer() const { return text_.find('.') == std::string::npos; }

}  // namespace espalier::provider
