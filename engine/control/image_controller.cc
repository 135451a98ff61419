#include "engine/control/image_controller.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/telemetry.h"
#include "engine/control/conditions.h"
#include "engine/control/writes.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

// A failure is looked at again after this long; the book itself asks less often.
constexpr absl::Duration kFailedAgain = absl::Seconds(15);

// Whether the status says what the registry said of the reference in the spec.
bool IsResolved(const v1::Image& image) {
  return !image.status().digest().empty() &&
         image.status().resolved_reference() == image.spec().reference();
}

}  // namespace

void ImageController::NamesOf(const Change& change, const Snapshot& now, std::vector<Ref>& names) {
  if (change.any().has_image() && change.after != nullptr) names.push_back(RefOf(*change.after));
}

Outcome ImageController::Reconcile(const Ref& name, Turn& turn) {
  if (name == AnswersName()) {
    for (const Ref& image : std::exchange(waiting_, {})) loop_->Add(image);
    return Done{};
  }
  const Resource* object = turn.now.Find(name);
  if (object == nullptr) return Done{};
  const v1::Image& image = object->image();
  // A digest never moves.
  const bool pinned = absl::StrContains(image.spec().reference(), "@");
  if (IsResolved(image) && pinned) return Done{};
  const auto answer = book_.Ask(image.spec().reference(), kTagAge);
  if (!answer.has_value()) {
    waiting_.insert(name);
    return RequeueAfter{kFailedAgain};
  }
  return answer->ok() ? Resolved(*object, **answer, turn) : Failed(*object, answer->status(), turn);
}

Outcome ImageController::Resolved(const Resource& image, const ResolvedImage& found, Turn& turn) {
  const v1::ImageSpec& spec = image.image().spec();
  v1::ImageStatus status = image.image().status();
  if (IsResolved(image.image())) {
    // The digest that was found first stays: what runs keeps running what it runs.
    if (found.digest == status.digest()) {
      status.clear_moved_to();
      status.clear_moved_at();
    } else if (found.digest != status.moved_to()) {
      status.set_moved_to(found.digest);
      SetTime(clock_.Now(), *status.mutable_moved_at());
    }
    return Write(image, status, turn, kTagAge);
  }
  if (spec.has_digest() && spec.digest() != found.digest) {
    return Failed(image,
                  absl::FailedPreconditionError(absl::StrCat(spec.reference(), " is ", found.digest,
                                                             ", declared is ", spec.digest())),
                  turn);
  }
  status.set_digest(found.digest);
  status.set_os(found.os);
  status.set_arch(found.arch);
  status.set_compressed_bytes(found.compressed_bytes);
  status.set_disk_bytes(found.disk_bytes);
  status.set_resolved_reference(spec.reference());
  SetTime(clock_.Now(), *status.mutable_resolved_at());
  status.clear_moved_to();
  status.clear_moved_at();
  SetCondition(v1::Condition::TRUE, "Resolved", absl::StrCat("is ", found.digest), clock_.Now(),
               (*status.mutable_conditions())["Resolved"]);
  log_.Info("image resolved", {{telemetry::kImage, spec.reference()}});
  return Write(image, status, turn, kTagAge);
}

Outcome ImageController::Failed(const Resource& image, const absl::Status& why, Turn& turn) {
  // What was resolved once stands; that the registry is away now changes nothing about it.
  if (IsResolved(image.image())) return RequeueAfter{kFailedAgain};
  v1::ImageStatus status = image.image().status();
  SetCondition(v1::Condition::FALSE,
               absl::IsFailedPrecondition(why) ? "DigestMismatch" : "NotResolved", why.message(),
               clock_.Now(), (*status.mutable_conditions())["Resolved"]);
  return Write(image, status, turn, kFailedAgain);
}

Outcome ImageController::Write(const Resource& image, const v1::ImageStatus& status, Turn& turn,
                               absl::Duration again) {
  StatusWrite write = BasedOn(image);
  *write.mutable_resource()->mutable_image()->mutable_status() = status;
  const absl::Status written = WriteOne(resources_, turn, write);
  if (!written.ok()) return Retry{written};
  return RequeueAfter{again};
}

}  // namespace espalier::control
