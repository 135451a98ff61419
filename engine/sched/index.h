// Scheduler::Index: the rows of all hosts and the sets over them that make a decision a handful of
// word operations. Internal to engine/sched; one thread.
//
//   rows       one per host name that is known or booked: free cpu, memory, slots, class
//   classes    hosts equal in os, arch and labels: labels are compared once per class, not per host
//   signatures what wishes ask for (cpu, memory, system, labels): the set of rows that may take
//   them,
//              kept up to date whenever a row changes
//   images     per digest the rows that have it, and those it is on its way to
//   levels     per number of VMs the rows that have so many
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/sched/bits.h"
#include "engine/sched/sched.h"

namespace espalier::sched {

using Labels = std::map<std::string, std::string>;
using Counts = std::array<int, kReasons>;

class Scheduler::Index {
 public:
  explicit Index(Strategy strategy);

  Strategy strategy;

  void PutHost(const Resource& host);
  void RemoveHost(const std::string& name);
  void PutVm(const Resource& vm);
  void RemoveVm(const Ref& vm);
  Decision Place(const Wish& wish);

  const Room* RoomOf(const std::string& host) const;
  std::string Fingerprint() const;
  absl::Status SelfCheck() const;

 private:
  // What one run takes of a host.
  struct Booking {
    std::size_t row = 0;
    int cpu = 0;
    int memory_mib = 0;
    int macos = 0;
    // Of the current run, not of one that is ending.
    bool current = false;
  };
  struct Row {
    std::string name;
    // An object of that name is there; otherwise something is booked on a host nobody knows.
    bool present = false;
    // kReasons if open, else the Reason why it is closed.
    std::uint8_t closed = 0;
    std::uint32_t host_class = 0;
    Room size;
    Room used;
    // size - used, macOS VMs that run there unasked taken off.
    Room free;
    int macos_found = 0;
    int macos_running = 0;
    // Which of levels_ it is in; -1 for none.
    int level = -1;
    // Digests whose sets this row is in.
    std::vector<std::string> images;
  };
  struct Class {
    std::string key;
    std::string os;
    std::string arch;
    Labels labels;
    int rows = 0;
  };
  struct Signature {
    std::string key;
    Wish wish;
    // Per class: -1 does not fit, else how many preferred labels it has.
    std::vector<int> scores;
    // Rows that may take such a wish now.
    Bits feasible;
    // With preferred labels: per score the rows of that score.
    std::vector<Bits> tiers;
    std::uint64_t last_used = 0;
    // The answer to a wish that fits nowhere, as of `rejected_at`.
    std::uint64_t rejected_at = 0;
    std::string rejection;
  };
  struct ImageRows {
    Bits ready;
    Bits coming;
  };

  std::size_t RowFor(const std::string& name);
  void DropIfUnused(std::size_t row);
  void Grow();
  // Called after anything of the row has changed: brings its free room and all sets up to date.
  void Refresh(std::size_t row);
  void Evaluate(Signature& signature, std::size_t row) const;
  static bool SameClass(const Class& known, const Resource& host);
  void SetClass(std::size_t row, const Resource& host);
  void LeaveClass(std::uint32_t host_class);
  void ScoreClass(Signature& signature, std::uint32_t host_class) const;
  void SetImages(std::size_t row, const Resource& host);
  void ClearImages(std::size_t row);
  void Book(const Ref& vm, const Booking& booking);
  void Unbook(std::vector<Booking>& bookings, bool current_only);

  Signature& SignatureOf(const Wish& wish);
  std::size_t Choose(const Signature& signature, const Wish& wish);
  // kReasons if the row may take the wish.
  std::size_t Check(const Row& row, const Wish& wish, int class_score) const;
  Decision Taken(std::size_t row, const Wish& wish);
  Decision Pinned(const Wish& wish);

  std::vector<Row> rows_;
  std::vector<std::size_t> free_rows_;
  std::size_t capacity_ = 0;
  absl::flat_hash_map<std::string, std::size_t> row_of_;
  absl::flat_hash_map<Ref, std::vector<Booking>> bookings_;
  std::vector<Class> classes_;
  absl::flat_hash_map<std::string, std::uint32_t> class_of_;
  std::vector<std::uint32_t> free_classes_;
  std::vector<std::unique_ptr<Signature>> signatures_;
  absl::flat_hash_map<std::string, Signature*> signature_of_;
  absl::flat_hash_map<std::string, ImageRows> images_;
  std::vector<Bits> levels_;
  // Moves with every change; a rejection is good for one value of it.
  std::uint64_t epoch_ = 1;
  std::uint64_t uses_ = 0;
  // Where the next search starts, so that equals are taken in turn.
  std::size_t next_word_ = 0;
};

// "10 hosts: 6 no free macOS slot, 3 cordoned, 1 wrong label": most frequent first.
std::string Explain(int hosts, const Counts& counts);
// "no free macOS slot".
const char* TextOf(Reason reason);

}  // namespace espalier::sched
