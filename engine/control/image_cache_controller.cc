#include "engine/control/image_cache_controller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/control/conditions.h"
#include "engine/control/writes.h"
#include "engine/model/timestamp.h"

namespace espalier::control {
namespace {

// Counts follow the hosts' reports, but not each of them: pulls report often.
constexpr absl::Duration kCountPause = absl::Milliseconds(500);
// An image that is not known yet is asked for again.
constexpr absl::Duration kImageAgain = absl::Seconds(15);
// A person's word that the cache's tags are to be asked of their registries again.
constexpr char kRefresh[] = "refresh";

void AddAll(Kind kind, const Snapshot& now, std::vector<Ref>& names) {
  for (const Resource& object : now.Of(kind)) names.push_back(RefOf(object));
}

bool SameAssignment(const v1::AssignedImage& a, const v1::AssignedImage& b) {
  return a.reference() == b.reference() && a.pinned() == b.pinned() &&
         std::equal(a.caches().begin(), a.caches().end(), b.caches().begin(), b.caches().end());
}

bool SameAssignments(const google::protobuf::Map<std::string, v1::AssignedImage>& a,
                     const google::protobuf::Map<std::string, v1::AssignedImage>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           const auto other = b.find(entry.first);
           return other != b.end() && SameAssignment(entry.second, other->second);
         });
}

bool IsRefreshed(const Resource& cache) { return cache.metadata().holds().contains(kRefresh); }

// How old an answer about one of the cache's tags may be.
absl::Duration TagAge(const Resource& cache, absl::Time now) {
  const auto hold = cache.metadata().holds().find(kRefresh);
  if (hold == cache.metadata().holds().end()) return kReferenceAge;
  // A clock that was set back shall not make it endless.
  return std::clamp(now - TimeOf(hold->second.since()), absl::ZeroDuration(), kReferenceAge);
}

}  // namespace

bool Selects(const v1::ImageCacheSpec& cache, const Resource& host) {
  if (host.metadata().has_deleting_since()) return false;
  if (cache.all_hosts()) return true;
  if (std::find(cache.hosts().begin(), cache.hosts().end(), host.metadata().name()) !=
      cache.hosts().end()) {
    return true;
  }
  if (cache.host_labels().empty()) return false;
  const auto& labels = host.metadata().labels();
  return std::all_of(cache.host_labels().begin(), cache.host_labels().end(),
                     [&](const auto& wanted) {
                       const auto label = labels.find(wanted.first);
                       return label != labels.end() && label->second == wanted.second;
                     });
}

void ImageCacheController::NamesOf(const Change& change, const Snapshot& now,
                                   std::vector<Ref>& names) {
  const Resource& object = change.any();
  if (object.has_host()) {
    // A host's own turn asks for the counts of the caches that it is in.
    if (change.after != nullptr) {
      names.push_back(RefOf(object));
    } else {
      AddAll(Kind::kImageCache, now, names);
    }
  } else if (object.has_image_cache()) {
    if (change.after != nullptr) names.push_back(RefOf(object));
    // Its status alone changes nothing for the hosts; what a refresh has found out does.
    if (change.before != nullptr && change.after != nullptr && change.before != change.after &&
        change.before->metadata().generation() == change.after->metadata().generation() &&
        IsRefreshed(*change.before) == IsRefreshed(*change.after)) {
      return;
    }
    AddAll(Kind::kHost, now, names);
  } else if (object.has_image()) {
    const bool same =
        change.before != nullptr && change.after != nullptr &&
        change.before->image().status().digest() == change.after->image().status().digest();
    if (same) return;
    AddAll(Kind::kHost, now, names);
    AddAll(Kind::kImageCache, now, names);
  }
}

Outcome ImageCacheController::Reconcile(const Ref& name, Turn& turn) {
  if (name == AnswersName()) {
    for (const Ref& object : std::exchange(waiting_, {})) loop_->Add(object);
    return Done{};
  }
  const Resource* object = turn.now.Find(name);
  if (object == nullptr) return Done{};
  return object->has_host() ? ReconcileHost(*object, turn) : ReconcileCache(*object, turn);
}

Outcome ImageCacheController::ReconcileHost(const Resource& host, Turn& turn) {
  StatusWrite write = BasedOn(host);
  auto& assigned = *write.mutable_resource()->mutable_host()->mutable_status()->mutable_assigned();
  assigned.clear();
  bool coming = false;
  for (const Resource& cache : turn.now.Of(Kind::kImageCache)) {
    const v1::ImageCacheSpec& spec = cache.image_cache().spec();
    if (!Selects(spec, host)) continue;
    const auto assign = [&](const std::string& digest, const std::string& reference) {
      // Several caches unite: one that pins, pins for all.
      v1::AssignedImage& entry = assigned[digest];
      if (entry.reference().empty()) entry.set_reference(reference);
      entry.set_pinned(entry.pinned() || spec.pin());
      if (entry.caches().empty() || *entry.caches().rbegin() != cache.metadata().name()) {
        entry.add_caches(cache.metadata().name());
      }
    };
    if (loop_ != nullptr) loop_->AddAt(RefOf(cache), clock_.Elapsed() + kCountPause);
    for (const std::string& name : spec.images()) {
      const ImageAnswer image = LookUpImage(name, turn.now, book_);
      coming = coming || image.coming;
      if (image.known()) {
        assign(image.digest, image.reference);
        continue;
      }
      // While a registry is asked again, and does not answer perhaps, what is there stays.
      for (const auto& [digest, entry] : host.host().status().assigned()) {
        if (entry.reference() == WithDigest(name, digest)) assign(digest, entry.reference());
      }
    }
  }
  if (!SameAssignments(assigned, host.host().status().assigned())) {
    const absl::Status written = WriteOne(resources_, turn, write);
    if (!written.ok()) return Retry{written};
    log_.Info("images assigned",
              {{telemetry::kHost, host.metadata().name()}, {telemetry::kCount, assigned.size()}});
  }
  return After(coming, host);
}

Outcome ImageCacheController::After(bool coming, const Resource& object) {
  if (!coming) return Done{};
  waiting_.insert(RefOf(object));
  return RequeueAfter{kImageAgain};
}

Outcome ImageCacheController::ReconcileCache(const Resource& cache, Turn& turn) {
  const v1::ImageCacheSpec& spec = cache.image_cache().spec();
  StatusWrite write = BasedOn(cache);
  v1::ImageCacheStatus& status = *write.mutable_resource()->mutable_image_cache()->mutable_status();
  status.set_wanted(0);
  status.set_ready(0);
  status.set_failed(0);
  std::string unknown;
  std::string failure;
  bool coming = false;
  const absl::Duration tag_age = TagAge(cache, clock_.Now());
  for (const std::string& name : spec.images()) {
    const ImageAnswer image = LookUpImage(name, turn.now, book_, tag_age);
    coming = coming || image.coming;
    if (!image.known() && unknown.empty()) unknown = image.why;
    for (const Resource& host : turn.now.Of(Kind::kHost)) {
      if (!Selects(spec, host)) continue;
      status.set_wanted(status.wanted() + 1);
      const auto& images = host.host().status().observed().images();
      const auto held = images.find(image.digest);
      if (!image.known() || held == images.end()) continue;
      if (held->second.state() == v1::HeldImage::READY) status.set_ready(status.ready() + 1);
      if (held->second.state() == v1::HeldImage::FAILED) {
        status.set_failed(status.failed() + 1);
        if (failure.empty()) {
          failure = absl::StrCat("host ", host.metadata().name(), ": ", held->second.message());
        }
      }
    }
  }
  const std::string counts = absl::StrCat(status.ready(), " of ", status.wanted(), " are there");
  v1::Condition& ready = (*status.mutable_conditions())["Ready"];
  if (!unknown.empty()) {
    SetCondition(v1::Condition::FALSE, "ImageUnknown", unknown, clock_.Now(), ready);
  } else if (status.failed() > 0) {
    SetCondition(v1::Condition::FALSE, "PullFailed", failure, clock_.Now(), ready);
  } else if (status.ready() < status.wanted()) {
    SetCondition(v1::Condition::FALSE, "Pulling", counts, clock_.Now(), ready);
  } else {
    SetCondition(v1::Condition::TRUE, "Ready", counts, clock_.Now(), ready);
  }
  absl::Status written = WriteOne(resources_, turn, write);
  if (written.ok() && IsRefreshed(cache) && !coming) written = EndRefresh(cache, turn);
  if (!written.ok()) return Retry{written};
  return After(coming, cache);
}

absl::Status ImageCacheController::EndRefresh(const Resource& cache, Turn& turn) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CONTROLLER);
  request.mutable_owner()->set_instance("image caches");
  v1::HoldChange& change = *request.add_holds();
  *change.mutable_ref() = ToProto(RefOf(cache));
  change.set_hold(kRefresh);
  change.set_clear(true);
  ESPALIER_ASSIGN_OR_RETURN(const ApplyResult result, resources_.Apply(turn.context, request));
  turn.Wrote(result.revision());
  log_.Info("image cache refreshed", {{telemetry::kRef, ToString(RefOf(cache))}});
  return absl::OkStatus();
}

}  // namespace espalier::control
