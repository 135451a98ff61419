// ImageCacheController: unites all ImageCaches into what each Host shall hold
// (Host.status.assigned), and counts for each cache what is there. A hold "refresh" on a cache has
// every tag of it asked of its registry at once; it is taken away when all have been answered and
// the counts are about the answers. Lives on one loop's thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/control/image_book.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class ImageCacheController final : public Reconciler {
 public:
  // All borrowed.
  ImageCacheController(Clock& clock, Log& log, Resources& resources, ImageBook& book)
      : clock_(clock), log_(log), resources_(resources), book_(book) {}

  // Where it adds names that no change brings. Before the loop starts.
  void Attach(Loop& loop) { loop_ = &loop; }

  // To be added to the loop when the book has answered.
  static Ref AnswersName() { return Ref{kNoKind, "", "cache answers"}; }

  // Names: a Host, whose assignment is worked out; an ImageCache, whose counts are.
  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  Outcome ReconcileHost(const Resource& host, Turn& turn);
  Outcome ReconcileCache(const Resource& cache, Turn& turn);
  absl::Status EndRefresh(const Resource& cache, Turn& turn);
  // Comes back if an image was not known yet.
  Outcome After(bool coming, const Resource& object);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  ImageBook& book_;
  Loop* loop_ = nullptr;
  // The loop's thread: what needs an image whose answer is on its way.
  std::set<Ref> waiting_;
};

// Whether the cache wants its images on the host. Pure.
bool Selects(const v1::ImageCacheSpec& cache, const Resource& host);

}  // namespace espalier::control
