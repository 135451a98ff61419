// Bits: a set of row numbers, with its size at hand. Value type; one thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace espalier::sched {

class Bits {
 public:
  // Makes room for rows [0, rows); new ones are not in the set.
  void Resize(std::size_t rows) { words_.resize((rows + 63) / 64); }

  bool Test(std::size_t row) const { return (words_[row / 64] >> (row % 64) & 1) != 0; }
  void Assign(std::size_t row, bool in) {
    std::uint64_t& word = words_[row / 64];
    const std::uint64_t bit = std::uint64_t{1} << (row % 64);
    if (((word & bit) != 0) == in) return;
    word ^= bit;
    count_ += in ? 1 : -1;
  }
  // Rows in the set.
  int count() const { return count_; }
  std::size_t words() const { return words_.size(); }
  const std::uint64_t* data() const { return words_.data(); }
  bool operator==(const Bits&) const = default;

 private:
  std::vector<std::uint64_t> words_;
  int count_ = 0;
};

inline constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

// A row that is in all of the sets (null ones aside), the first at or after word `start` in turn;
// kNoRow if there is none. REQUIRES: `sets` has a set that is not null, and all are of one size.
inline std::size_t FirstInAll(std::initializer_list<const Bits*> sets, std::size_t start) {
  std::array<const std::uint64_t*, 4> data{};
  std::size_t used = 0;
  std::size_t words = 0;
  for (const Bits* set : sets) {
    if (set == nullptr) continue;
    if (set->count() == 0) return kNoRow;
    data[used++] = set->data();
    words = set->words();
  }
  for (std::size_t step = 0; step < words; ++step) {
    std::size_t word = start + step;
    if (word >= words) word -= words;
    std::uint64_t bits = data[0][word];
    for (std::size_t i = 1; i < used; ++i) bits &= data[i][word];
    if (bits != 0) return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
  }
  return kNoRow;
}

}  // namespace espalier::sched
