#include "engine/model/integer.h"

#include <charconv>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

std::optional<std::int64_t> FromDigits(absl::string_view digits, int base, bool negative) {
  // The sign goes with the digits, so that the smallest number has its place as well.
  const std::string text = (negative ? "-" : "") + std::string(digits);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (digits.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  if (digits.front() == '-' || digits.front() == '+') return {};
  return value;
}

// "12.50e1" -> digits "1250", exponent -1. A double would round what does not fit into 53 bits.
std::optional<std::int64_t> FromDecimal(absl::string_view text, bool negative) {
  std::int64_t exponent = 0;
  const std::size_t e = text.find_first_of("eE");
  if (e != absl::string_view::npos) {
    if (!absl::SimpleAtoi(text.substr(e + 1), &exponent)) return {};
    text = text.substr(0, e);
  }
  std::string digits;
  const std::size_t point = text.find('.');
  if (point == absl::string_view::npos) {
    digits = std::string(text);
  } else {
    digits = std::string(text.substr(0, point)) + std::string(text.substr(point + 1));
    exponent -= static_cast<std::int64_t>(text.size() - point - 1);
  }
  if (digits.empty()) return {};
  while (exponent < 0 && digits.size() > 1 && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  if (digits.find_first_not_of('0') == std::string::npos) return 0;
  if (exponent < 0 || exponent > std::numeric_limits<std::int64_t>::digits10) return {};
  digits.append(static_cast<std::size_t>(exponent), '0');
  return FromDigits(digits, 10, negative);
}

}  // namespace

std::optional<std::int64_t> ParseInteger(absl::string_view text) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  if (absl::ConsumePrefix(&text, "0x")) return FromDigits(text, 16, negative);
  if (absl::ConsumePrefix(&text, "0o")) return FromDigits(text, 8, negative);
  if (text.find_first_of(".eE") != absl::string_view::npos) return FromDecimal(text, negative);
  return FromDigits(text, 10, negative);
}

}  // namespace espalier
