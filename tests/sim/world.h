// World: threads and time of the simulation. Every actor has a real thread, but only the one that
// holds the baton runs; at every wait (and at Yield) the baton goes to another runnable actor,
// chosen by the seed. When nobody can run, virtual time jumps to the next deadline. Same seed, same
// order of everything: Trace() proves it.
//
// The thread that made the World is its first actor. Code under test meets the World as its Clock
// and its Threads and never knows the difference.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/base/sha256.h"

namespace espalier::sim {

class World final : public Clock, public Threads {
 public:
  explicit World(std::uint64_t seed);
  // REQUIRES: every thread was joined.
  ~World() override;

  // Clock. Virtual time starts at a fixed date.
  absl::Time Now() const override;
  absl::Duration Elapsed() const override;
  bool WaitUntil(Wakeup& wakeup, absl::Duration deadline) override;

  // Threads.
  std::unique_ptr<Thread> Start(absl::string_view name, absl::AnyInvocable<void()> body) override;

  // A point at which another actor may go first.
  void Yield();
  // Lets the other actors go on for this long.
  void RunFor(absl::Duration duration) { Sleep(duration); }
  // Notes that something happened, for the trace. Cheap; called between any two of the effects.
  void Note(absl::string_view what);
  // SHA-256 of everything noted and every hand-over so far.
  std::string Trace();

  // Called after every hand-over, with no lock held and only the baton's holder running: the place
  // of invariants that must hold at all times.
  void set_check(absl::AnyInvocable<void()> check) { check_ = std::move(check); }

  Random& random() { return random_; }

 private:
  struct Actor;
  class ActorThread;

  // Gives the baton away and returns when the caller has it again.
  void HandOver(std::unique_lock<std::mutex>& lock, Actor& self);
  // Who goes next; moves time if nobody can run now. Null: everybody waits for ever.
  Actor* Choose();
  bool CanRun(const Actor& actor) const;
  Actor& Current() const;
  void Finish(Actor& self);

  Random random_;
  std::unique_ptr<Threads> real_threads_;
  absl::AnyInvocable<void()> check_;

  mutable std::mutex mu_;
  absl::Duration elapsed_ = absl::ZeroDuration();
  std::vector<std::unique_ptr<Actor>> actors_;
  Actor* holder_ = nullptr;
  std::string trace_;
};

}  // namespace espalier::sim
