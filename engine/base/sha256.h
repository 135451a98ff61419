// Sha256: digests of plans, tokens and image bytes.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

// An incremental SHA-256. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(absl::string_view bytes);
  // The digest as 64 lower-case hex digits. REQUIRES: called once, last.
  std::string FinishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 64 hex digits.
std::string Sha256Hex(absl::string_view bytes);
// HMAC-SHA-256 as 64 hex digits.
std::string HmacSha256Hex(absl::string_view key, absl::string_view bytes);
// Compares without telling by its time how much was equal.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace espalier
