// The encoding of OpenSSH's keys and signatures: lengths and bytes. Header only, pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace espalier {

// Reads from the front of `bytes`, which must outlive it. What does not fit is not there: every
// method then returns nothing, and ok() stays false.
class SshReader {
 public:
  explicit SshReader(absl::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  // Nothing was missing and nothing is left.
  bool AtEnd() const { return ok_ && rest_.empty(); }

  absl::string_view Bytes(std::size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return {};
    }
    const absl::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  std::uint32_t Number() {
    std::uint32_t number = 0;
    for (const char byte : Bytes(4)) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
  }
  // A length and as many bytes.
  absl::string_view Text() { return Bytes(Number()); }
  // The digits of a positive number, without the zero that keeps it from being negative. Nothing
  // for zero, for negative numbers, and for one that is not written in the shortest way.
  absl::string_view Positive() {
    absl::string_view digits = Text();
    const auto digit = [&digits](std::size_t i) { return static_cast<unsigned char>(digits[i]); };
    const bool padded = digits.size() > 1 && digit(0) == 0 && digit(1) >= 0x80;
    if (padded) digits.remove_prefix(1);
    if (digits.empty() || digit(0) == 0 || (digit(0) >= 0x80 && !padded)) {
      ok_ = false;
      return {};
    }
    return digits;
  }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

inline void AppendSshText(absl::string_view text, std::string& bytes) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(size >> shift));
  absl::StrAppend(&bytes, text);
}

}  // namespace espalier
