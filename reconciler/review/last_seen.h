// LastSeen: which of some names were seen lately: a set that forgets the oldest. Belongs to one
// thread.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <utility>

namespace espalier {

class LastSeen {
 public:
  // Remembers the last `kept`. REQUIRES: kept > 0.
  explicit LastSeen(std::size_t kept) : kept_(kept) {}

  // False: it is known.
  bool Add(std::string name) {
    if (!names_.insert(name).second) return false;
    order_.push_back(std::move(name));
    if (order_.size() > kept_) {
      names_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }
  std::size_t size() const { return names_.size(); }

 private:
  std::size_t kept_;
  std::set<std::string> names_;
  std::deque<std::string> order_;
};

}  // namespace espalier
