#include "engine/base/random.h"

#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace espalier {

std::unique_ptr<Random> Random::FromMachine() {
  std::uint64_t seed = 0;
  ESPALIER_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) == 1);
  return std::make_unique<Random>(seed);
}

// SplitMix64: tiny, passes the usual test batteries, and any seed is a good one.
std::uint64_t Random::Next() {
  MutexLock lock(mu_);
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t Random::Below(std::uint64_t bound) {
  ESPALIER_CHECK(bound > 0);
  // The bias of the modulo is below 2^-32 for every bound in use.
  return Next() % bound;
}

bool Random::Chance(double probability) {
  return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
}

absl::Duration Random::Jitter(absl::Duration duration, double part) {
  const double unit = static_cast<double>(Next() >> 11) * 0x1.0p-53;
  return duration * (1.0 - part + 2.0 * part * unit);
}

std::string Random::Suffix(int length) {
  static constexpr char kLetters[] = "bcdfghjkmnpqrstvwxz";
  static constexpr char kAll[] = "bcdfghjkmnpqrstvwxz23456789";
  std::string suffix;
  for (int i = 0; i < length; ++i) {
    suffix += i == 0 ? kLetters[Below(sizeof(kLetters) - 1)] : kAll[Below(sizeof(kAll) - 1)];
  }
  return suffix;
}

std::string Random::Uid() { return absl::StrFormat("%016x%016x", Next(), Next()); }

std::string SecureToken() {
  unsigned char bytes[32];
  ESPALIER_CHECK(RAND_bytes(bytes, sizeof(bytes)) == 1);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

}  // namespace espalier
