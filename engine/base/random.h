// Random: the one source of randomness. Programs seed it from the machine, tests and the simulation
// with a number that they print.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/base/mutex.h"

namespace espalier {

// Thread-safe. Deterministic for a seed and an order of calls. Not for secrets: see SecureToken.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // Seeded from the machine.
  static std::unique_ptr<Random> FromMachine();

  std::uint64_t Next();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t Below(std::uint64_t bound);
  // True with this probability.
  bool Chance(double probability);
  // Uniform in [duration * (1 - part), duration * (1 + part)].
  absl::Duration Jitter(absl::Duration duration, double part);
  // `length` of [a-z0-9] without letters that read alike, first a letter: "x7k2m".
  std::string Suffix(int length);
  // A new identity: 32 hex digits.
  std::string Uid();

 private:
  Mutex mu_;
  std::uint64_t state_ ABSL_GUARDED_BY(mu_);
};

// 32 bytes of the operating system's generator as 64 hex digits, for tokens and keys.
std::string SecureToken();

}  // namespace espalier
