#include "engine/control/control.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/control/fencing.h"
#include "engine/control/hold_controller.h"
#include "engine/control/host_controller.h"
#include "engine/control/image_cache_controller.h"
#include "engine/control/image_controller.h"
#include "engine/control/pool_controller.h"
#include "engine/control/several.h"
#include "engine/control/vm_controller.h"
#include "engine/loop/loop.h"

namespace espalier::control {
namespace {

// A beat after such a silence wakes the host controller at once; shorter ones its own timer finds.
constexpr absl::Duration kSilenceWorthWaking = absl::Seconds(10);

Query Kinds(std::initializer_list<const char*> kinds) {
  Query query;
  for (const char* kind : kinds) query.add_kinds(kind);
  return query;
}

LoopOptions OptionsFor(const char* name, Query query) {
  return {
      .name = name,
      .query = std::move(query),
      .caller = {.role = Caller::Role::kController, .subject = absl::StrCat("controller ", name)}};
}

}  // namespace

struct Control::Parts {
  explicit Parts(ControlOptions o)
      : book(o.clock, o.threads, std::move(o.images)),
        fences(o.clock, o.sessions),
        vms(o.clock, o.log, o.resources, book, fences),
        hosts(o.clock, o.log, o.resources, o.sessions, fences),
        pools(o.clock, o.random, o.log, o.resources),
        holds(o.clock, o.log, o.resources),
        images(o.clock, o.log, o.resources, book),
        caches(o.clock, o.log, o.resources, book),
        fleet({&vms, &hosts, &pools, &holds}, [this](const Ref& name) { return OfFleet(name); }),
        pictures({&images, &caches}, [this](const Ref& name) { return OfPictures(name); }),
        fleet_loop(o.clock, o.threads, o.random, o.log, o.resources, fleet,
                   // All kinds: a hold may end on any object.
                   OptionsFor("fleet", Query())),
        image_loop(o.clock, o.threads, o.random, o.log, o.resources, pictures,
                   OptionsFor("images", Kinds({"host", "image", "image_cache"}))) {
    vms.Attach(fleet_loop);
    images.Attach(image_loop);
    caches.Attach(image_loop);
    book.OnAnswer([this] {
      vms.ImagesChanged();
      image_loop.Add(ImageController::AnswersName());
      image_loop.Add(ImageCacheController::AnswersName());
    });
    // In this order: when the loop wakes, the host controller knows what for.
    o.sessions.NotifyOn(hosts.heard(), kSilenceWorthWaking);
    o.sessions.NotifyOn(fleet_loop.wakeup(), kSilenceWorthWaking);
  }

  Reconciler* OfFleet(const Ref& name) {
    if (name.kind == Kind::kVm || name == VmController::PlacementName()) return &vms;
    if (name.kind == Kind::kHost || name == HostController::SweepName()) return &hosts;
    if (name.kind == Kind::kVmPool) return &pools;
    return &holds;
  }
  Reconciler* OfPictures(const Ref& name) {
    if (name.kind == Kind::kImage || name == ImageController::AnswersName()) return &images;
    return &caches;
  }

  ImageBook book;
  FenceBoard fences;
  VmController vms;
  HostController hosts;
  PoolController pools;
  HoldController holds;
  ImageController images;
  ImageCacheController caches;
  Several fleet;
  Several pictures;
  Loop fleet_loop;
  Loop image_loop;
};

Control::Control(ControlOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}
Control::~Control() = default;

void Control::Start() {
  parts_->book.Start();
  parts_->fleet_loop.Start();
  parts_->image_loop.Start();
}

void Control::Stop() {
  // The loops first: they ask the book.
  parts_->image_loop.Stop();
  parts_->fleet_loop.Stop();
  parts_->book.Stop();
}

absl::Status Control::CheckIndex(const std::vector<Resource>& objects) const {
  const sched::Scheduler& kept = parts_->vms.scheduler();
  sched::Scheduler anew;
  for (const Resource& object : objects) anew.Put(object);
  if (kept.Fingerprint() != anew.Fingerprint()) {
    return absl::InternalError(absl::StrCat("the index says\n", kept.Fingerprint(),
                                            "but the objects say\n", anew.Fingerprint()));
  }
  return kept.SelfCheck();
}

absl::Duration Control::Step() {
  return std::min(parts_->image_loop.Step(), parts_->fleet_loop.Step());
}

}  // namespace espalier::control
