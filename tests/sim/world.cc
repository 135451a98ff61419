#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier::sim {

struct World::Actor {
  enum class State { kReady, kWaiting, kJoining, kDone };
  std::string name;
  State state = State::kReady;
  // kWaiting: for this, until then.
  Wakeup* wakeup = nullptr;
  absl::Duration deadline = absl::InfiniteDuration();
  // kJoining: for the end of this one.
  const Actor* target = nullptr;
  std::condition_variable turn;
  bool joined = false;
};

namespace {

// The actor that the calling thread is.
thread_local void* current_actor = nullptr;

// Virtual time starts here: a fixed date far from zero, so that differences to it are not mistaken.
const absl::Time kEpoch = absl::FromUnixSeconds(1'800'000'000);

}  // namespace

class World::ActorThread final : public Thread {
 public:
  ActorThread(World& world, Actor& actor) : world_(world), actor_(actor) {}
  ~ActorThread() override { ESPALIER_CHECK(actor_.joined); }

  void Join() override {
    {
      std::unique_lock<std::mutex> lock(world_.mu_);
      Actor& self = world_.Current();
      self.state = Actor::State::kJoining;
      self.target = &actor_;
      world_.HandOver(lock, self);
      actor_.joined = true;
    }
    // Its last act was to hand over the baton: the real thread ends without touching anything.
    real_->Join();
  }

  std::unique_ptr<Thread> real_;

 private:
  World& world_;
  Actor& actor_;
};

World::World(std::uint64_t seed) : random_(seed), real_threads_(MakeRealThreads()) {
  auto first = std::make_unique<Actor>();
  first->name = "main";
  holder_ = first.get();
  current_actor = first.get();
  actors_.push_back(std::move(first));
}

World::~World() {
  for (std::size_t i = 1; i < actors_.size(); ++i) ESPALIER_CHECK(actors_[i]->joined);
  current_actor = nullptr;
}

World::Actor& World::Current() const {
  ESPALIER_CHECK(current_actor != nullptr);
  return *static_cast<Actor*>(current_actor);
}

absl::Time World::Now() const { return kEpoch + Elapsed(); }

absl::Duration World::Elapsed() const {
  std::lock_guard<std::mutex> lock(mu_);
  return elapsed_;
}

bool World::WaitUntil(Wakeup& wakeup, absl::Duration deadline) {
  std::unique_lock<std::mutex> lock(mu_);
  Actor& self = Current();
  self.state = Actor::State::kWaiting;
  self.wakeup = &wakeup;
  self.deadline = deadline;
  HandOver(lock, self);
  self.wakeup = nullptr;
  lock.unlock();
  return wakeup.Consume();
}

void World::Yield() {
  std::unique_lock<std::mutex> lock(mu_);
  HandOver(lock, Current());
}

std::unique_ptr<Thread> World::Start(absl::string_view name, absl::AnyInvocable<void()> body) {
  Actor* actor = nullptr;
  {
    std::lock_guard<std::mutex> lock(mu_);
    actors_.push_back(std::make_unique<Actor>());
    actor = actors_.back().get();
    actor->name = std::string(name);
  }
  auto thread = std::make_unique<ActorThread>(*this, *actor);
  thread->real_ = real_threads_->Start(name, [this, actor, body = std::move(body)]() mutable {
    current_actor = actor;
    {
      std::unique_lock<std::mutex> lock(mu_);
      actor->turn.wait(lock, [&] { return holder_ == actor; });
    }
    body();
    body = nullptr;
    Finish(*actor);
  });
  return thread;
}

void World::Finish(Actor& self) {
  std::lock_guard<std::mutex> lock(mu_);
  self.state = Actor::State::kDone;
  Actor* next = Choose();
  ESPALIER_CHECK(next != nullptr);
  holder_ = next;
  next->turn.notify_one();
}

void World::HandOver(std::unique_lock<std::mutex>& lock, Actor& self) {
  Actor* next = Choose();
  if (next == nullptr) {
    for (const auto& actor : actors_) {
      std::fprintf(
          stderr, "  %s waits %s\n", actor->name.c_str(),
          actor->state == Actor::State::kJoining ? actor->target->name.c_str() : "for ever");
    }
    CheckFailed(__FILE__, __LINE__, "somebody can run");
  }
  if (next != &self) {
    holder_ = next;
    next->turn.notify_one();
    self.turn.wait(lock, [&] { return holder_ == &self; });
  }
  self.state = Actor::State::kReady;
  if (check_) {
    lock.unlock();
    check_();
    lock.lock();
  }
}

bool World::CanRun(const Actor& actor) const {
  switch (actor.state) {
    case Actor::State::kReady:
      return true;
    case Actor::State::kWaiting:
      return actor.wakeup->raised() || actor.deadline <= elapsed_;
    case Actor::State::kJoining:
      return actor.target->state == Actor::State::kDone;
    case Actor::State::kDone:
      return false;
  }
  return false;
}

World::Actor* World::Choose() {
  std::vector<Actor*> able;
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& actor : actors_) {
    if (CanRun(*actor)) {
      able.push_back(actor.get());
    } else if (actor->state == Actor::State::kWaiting) {
      next = std::min(next, actor->deadline);
    }
  }
  if (able.empty()) {
    if (next == absl::InfiniteDuration()) return nullptr;
    elapsed_ = next;
    return Choose();
  }
  Actor* chosen = able[random_.Below(able.size())];
  trace_ =
      Sha256Hex(absl::StrCat(trace_, "|", chosen->name, "|", absl::ToInt64Nanoseconds(elapsed_)));
  return chosen;
}

void World::Note(absl::string_view what) {
  std::lock_guard<std::mutex> lock(mu_);
  trace_ = Sha256Hex(absl::StrCat(trace_, "#", what));
}

std::string World::Trace() {
  std::lock_guard<std::mutex> lock(mu_);
  return trace_;
}

}  // namespace espalier::sim
