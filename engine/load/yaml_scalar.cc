#include "engine/load/yaml_scalar.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

template <std::size_t N>
bool IsOneOf(absl::string_view text, const std::array<absl::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<absl::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
constexpr std::array<absl::string_view, 6> kBool = {"true",  "True",  "TRUE",
                                                    "false", "False", "FALSE"};
constexpr std::array<absl::string_view, 3> kInfinity = {".inf", ".Inf", ".INF"};
constexpr std::array<absl::string_view, 3> kNotANumber = {".nan", ".NaN", ".NAN"};

// Takes digits off the front; how many.
std::size_t TakeDigits(absl::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count;
}

bool IsDecimal(absl::string_view text) {
  std::size_t digits = TakeDigits(text);
  if (absl::ConsumePrefix(&text, ".")) digits += TakeDigits(text);
  if (digits == 0) return false;
  if (absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) {
    if (!absl::ConsumePrefix(&text, "+")) absl::ConsumePrefix(&text, "-");
    if (TakeDigits(text) == 0) return false;
  }
  return text.empty();
}

bool IsNumber(absl::string_view text) {
  if (IsOneOf(text, kNotANumber)) return true;
  // The core schema gives a sign to decimals only.
  if (absl::ConsumePrefix(&text, "0x")) {
    return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
  }
  if (absl::ConsumePrefix(&text, "0o")) {
    return !text.empty() && text.find_first_not_of("01234567") == absl::string_view::npos;
  }
  if (!absl::ConsumePrefix(&text, "+")) absl::ConsumePrefix(&text, "-");
  return IsOneOf(text, kInfinity) || IsDecimal(text);
}

}  // namespace

Node::Type CoreTypeOf(absl::string_view plain) {
  if (IsOneOf(plain, kNull)) return Node::Type::kNull;
  if (IsOneOf(plain, kBool)) return Node::Type::kBool;
  return IsNumber(plain) ? Node::Type::kNumber : Node::Type::kString;
}

}  // namespace espalier
