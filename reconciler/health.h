// Health: whether an object does what it is there for, from its status. Pure.
#pragma once

#include <string>
#include <vector>

#include "engine/model/kind.h"
#include "reconciler/conditions.h"

namespace espalier {

struct Health {
  enum class State {
    kReady,
    // On its way, or waiting for something that may come.
    kProgressing,
    // It will not become ready unless somebody changes something.
    kFailed,
    // Where it is nobody answers.
    kUnknown,
  };
  State state = State::kReady;
  // Why it is not ready, for people.
  std::string why;
};

// Kinds that do nothing by themselves are ready. The switch names all: a new kind says what its
// health is.
Health HealthOf(const Resource& object);

// Objects of one source, added up.
class HealthSum {
 public:
  // `late`: if it is not ready, the time that it had for that is over.
  void Add(const Resource& object, bool late = false);

  bool all_ready() const { return not_ready_ == 0; }
  // TRUE, UNKNOWN while something is on its way, FALSE if something failed or is late. Names the
  // first objects that are not ready, those that are late before others.
  Verdict ToVerdict() const;

 private:
  int objects_ = 0;
  int not_ready_ = 0;
  bool failed_ = false;
  bool late_ = false;
  // Late ones, and others.
  std::vector<std::string> named_late_;
  std::vector<std::string> named_;
};

}  // namespace espalier
