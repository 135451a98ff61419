// ObjectView: what one watch has told so far, as a picture that readers may keep. It belongs to the
// thread that pulls it (a Loop's); its snapshots may be read by any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/resources.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"

namespace espalier {

// The objects of a query as they were at one revision. Immutable, thread-safe.
class Snapshot {
  using Objects = absl::btree_map<Ref, ResourcePtr>;

 public:
  // Everything up to this revision is in here.
  std::int64_t revision() const { return revision_; }

  // The object, or null. Lives as long as the snapshot.
  const Resource* Find(const Ref& ref) const;
  // The same, to keep.
  ResourcePtr Share(const Ref& ref) const;

  // `for (const Resource& vm : snapshot.Of(Kind::kVm))`, in order of namespace and name.
  class Range {
   public:
    class Iterator {
     public:
      explicit Iterator(Objects::const_iterator at) : at_(at) {}
      const Resource& operator*() const { return *at_->second; }
      const Resource* operator->() const { return at_->second.get(); }
      Iterator& operator++() {
        ++at_;
        return *this;
      }
      bool operator==(const Iterator& other) const { return at_ == other.at_; }

     private:
      Objects::const_iterator at_;
    };
    Range(Objects::const_iterator first, Objects::const_iterator last)
        : first_(first), last_(last) {}
    Iterator begin() const { return Iterator(first_); }
    Iterator end() const { return Iterator(last_); }

   private:
    Objects::const_iterator first_;
    Objects::const_iterator last_;
  };
  Range Of(Kind kind) const;
  // From `first` up to, and without, `last`.
  Range Between(const Ref& first, const Ref& last) const {
    return Range(objects_.lower_bound(first), objects_.lower_bound(last));
  }
  // All objects, by kind, namespace and name.
  Range All() const { return Range(objects_.begin(), objects_.end()); }
  std::size_t size() const { return objects_.size(); }

 private:
  friend class ObjectView;
  Objects objects_;
  std::int64_t revision_ = 0;
};

// One object before and after; null where it is not (or not in the query).
struct ObjectChange {
  ResourcePtr before;
  ResourcePtr after;

  const Resource& any() const { return after != nullptr ? *after : *before; }
};

class ObjectView {
 public:
  // Watches `query` through `resources`; raises `wakeup` when there is something to pull. All
  // borrowed.
  ObjectView(Clock& clock, Random& random, Resources& resources, CallContext context, Query query,
             Wakeup& wakeup);

  // Takes in what has happened, without waiting for more; appends what changed. A watch that is too
  // old or broken is started anew: what vanished meanwhile is a change too. An error says that the
  // view could not be brought up to date; it stays as it was, and Pull tries again no sooner than
  // retry_at().
  absl::Status Pull(std::vector<ObjectChange>& changes);

  // Elapsed() of the next attempt after an error, or InfiniteDuration().
  absl::Duration retry_at() const { return retry_at_; }

  // Whether the other side has said anything since the last error. A watch that was only started
  // has not: whether somebody is there shows later.
  bool heard() const { return heard_; }

  // Whether the first state is complete. Until then the snapshot is empty.
  bool synced() const { return synced_; }

  // What is known now. Thread-safe.
  std::shared_ptr<const Snapshot> snapshot() const;

 private:
  absl::Status Restart();
  void Take(SharedBatch& batch, std::vector<ObjectChange>& changes);
  void Swap(std::vector<ObjectChange>& changes);
  absl::Status BackOff(const absl::Status& status);

  Clock& clock_;
  Random& random_;
  Resources& resources_;
  const CallContext context_;
  const Query query_;
  Wakeup& wakeup_;

  // The puller's.
  std::unique_ptr<Watch> watch_;
  std::string resume_;
  bool synced_ = false;
  bool heard_ = false;
  // Being listed anew: objects gather in `listed_` until they are complete.
  bool listing_ = false;
  Snapshot listed_;
  int failures_ = 0;
  absl::Duration retry_at_ = absl::InfiniteDuration();

  mutable Mutex mu_;
  // Written in place while nobody else holds it, copied otherwise: events are cheap, and a reader's
  // snapshot never changes.
  std::shared_ptr<Snapshot> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier
