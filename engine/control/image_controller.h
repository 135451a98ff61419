// ImageController: resolves each Image once to a digest, and looks from time to time whether its
// tag has moved. Lives on one loop's thread; registries are asked on the ImageBook's.
#pragma once

#include <set>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/control/image_book.h"
#include "engine/loop/loop.h"

namespace espalier::control {

class ImageController final : public Reconciler {
 public:
  // How old an answer about a tag may be.
  static constexpr absl::Duration kTagAge = absl::Minutes(5);

  // All borrowed.
  ImageController(Clock& clock, Log& log, Resources& resources, ImageBook& book)
      : clock_(clock), log_(log), resources_(resources), book_(book) {}

  // Where it adds names that no change brings. Before the loop starts.
  void Attach(Loop& loop) { loop_ = &loop; }

  // To be added to the loop when the book has answered.
  static Ref AnswersName() { return Ref{kNoKind, "", "image answers"}; }

  void NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) override;
  Outcome Reconcile(const Ref& name, Turn& turn) override;

 private:
  Outcome Resolved(const Resource& image, const ResolvedImage& found, Turn& turn);
  Outcome Failed(const Resource& image, const absl::Status& why, Turn& turn);
  Outcome Write(const Resource& image, const v1::ImageStatus& status, Turn& turn,
                absl::Duration again);

  Clock& clock_;
  Log& log_;
  Resources& resources_;
  ImageBook& book_;
  Loop* loop_ = nullptr;
  // The loop's thread: Images whose answer is on its way.
  std::set<Ref> waiting_;
};

}  // namespace espalier::control
