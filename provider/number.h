// Number: a decimal number that is never rounded. Terraform's numbers have 512 bits, so neither
// double nor int64 can carry what a configuration may hold. A value; immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace espalier::provider {

class Number {
 public:
  Number() = default;
  static Number Of(std::int64_t value);
  static Number OfUnsigned(std::uint64_t value);
  // The exact value of a binary floating point number. INVALID_ARGUMENT for infinity and NaN.
  static absl::StatusOr<Number> OfDouble(double value);
  // Decimal text, with fraction and exponent if there are. INVALID_ARGUMENT for anything else and
  // for what would have more than kMaxDigits digits written out.
  static absl::StatusOr<Number> Parse(absl::string_view text);

  // Every double fits, written out exactly.
  static constexpr int kMaxDigits = 1500;

  // Canonical: no exponent, no leading or trailing zeros, no "-0". Equal numbers have equal text.
  const std::string& text() const { return text_; }

  // The number, if that type holds it exactly.
  std::optional<std::int64_t> AsInt64() const;
  std::optional<std::uint64_t> AsUint64() const;
  std::optional<double> AsDouble() const;
  bool is_integer() const;

  bool operator==(const Number&) const = default;

 private:
  explicit Number(std::string text) : text_(std::move(text)) {}

  std::string text_ = "0";
};

}  // namespace espalier::provider
