#include "tests/support/fake_resources.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier {

namespace {

class MuteWatch final : public Watch {
 public:
  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    if (std::exchange(asked_, true)) return absl::UnavailableError("the engine is away");
    return WatchBatch();
  }
  void NotifyOn(Wakeup& wakeup) override { wakeup.Notify(); }

 private:
  bool asked_ = false;
};

}  // namespace

class FakeResources::FakeWatch final : public Watch {
 public:
  FakeWatch(FakeResources& store, Query query, std::int64_t after, bool list)
      : store_(store), query_(std::move(query)), position_(after), list_(list) {
    store_.watches_.push_back(this);
  }
  ~FakeWatch() override { std::erase(store_.watches_, this); }

  absl::StatusOr<WatchBatch> Next(absl::Duration deadline) override {
    if (!broken_.ok()) return broken_;
    WatchBatch batch;
    const std::int64_t visible = store_.visible();
    if (list_) {
      ESPALIER_CHECK(visible == store_.revision_);
      list_ = false;
      position_ = visible;
      for (const auto& [ref, resource] : store_.objects_) {
        if (Matches(query_, resource)) AddEvent(batch, Event::PUT, resource, visible);
      }
    } else if (position_ < store_.compacted_) {
      return absl::OutOfRangeError("compacted");
    }
    for (const Entry& entry : store_.history_) {
      if (entry.revision <= position_ || entry.revision > visible) continue;
      const bool was = entry.before != nullptr && Matches(query_, *entry.before);
      const bool is = entry.after != nullptr && Matches(query_, *entry.after);
      if (is) AddEvent(batch, Event::PUT, *entry.after, entry.revision);
      if (was && !is) AddEvent(batch, Event::GONE, *entry.before, entry.revision);
    }
    position_ = visible;
    batch.set_revision(position_);
    batch.set_resume(absl::StrCat(position_));
    batch.set_synced(true);
    return batch;
  }

  void NotifyOn(Wakeup& wakeup) override {
    wakeup_ = &wakeup;
    wakeup.Notify();
  }

  void Notify() {
    if (wakeup_ != nullptr) wakeup_->Notify();
  }
  void Break(const absl::Status& status) {
    broken_ = status;
    Notify();
  }

 private:
  static void AddEvent(WatchBatch& batch, Event::Type type, const Resource& resource,
                       std::int64_t revision) {
    Event& event = *batch.add_events();
    event.set_type(type);
    event.set_revision(revision);
    *event.mutable_resource() = resource;
  }

  FakeResources& store_;
  const Query query_;
  std::int64_t position_;
  bool list_;
  absl::Status broken_;
  Wakeup* wakeup_ = nullptr;
};

FakeResources::FakeResources() = default;
FakeResources::~FakeResources() { ESPALIER_CHECK(watches_.empty()); }

void FakeResources::Record(Entry entry) {
  history_.push_back(std::move(entry));
  if (held_at_ > 0) return;
  for (FakeWatch* watch : watches_) watch->Notify();
}

std::int64_t FakeResources::Put(Resource resource) {
  const Ref ref = RefOf(resource);
  auto found = objects_.find(ref);
  Entry entry;
  entry.revision = ++revision_;
  if (found != objects_.end()) entry.before = std::make_unique<Resource>(found->second);
  v1::Metadata& metadata = *resource.mutable_metadata();
  if (metadata.uid().empty()) {
    metadata.set_uid(found != objects_.end() ? found->second.metadata().uid()
                                             : absl::StrCat("uid-", revision_));
  }
  metadata.set_revision(revision_);
  entry.after = std::make_unique<Resource>(resource);
  objects_[ref] = std::move(resource);
  Record(std::move(entry));
  return revision_;
}

void FakeResources::Remove(const Ref& ref) {
  const auto found = objects_.find(ref);
  if (found == objects_.end()) return;
  Entry entry;
  entry.revision = ++revision_;
  entry.before = std::make_unique<Resource>(std::move(found->second));
  objects_.erase(found);
  Record(std::move(entry));
}

const Resource* FakeResources::Find(const Ref& ref) const {
  const auto found = objects_.find(ref);
  return found == objects_.end() ? nullptr : &found->second;
}

void FakeResources::BreakWatches(const absl::Status& status) {
  for (FakeWatch* watch : watches_) watch->Break(status);
}

void FakeResources::HoldBackEvents(bool hold) {
  held_at_ = hold ? revision_ : 0;
  if (hold) return;
  for (FakeWatch* watch : watches_) watch->Notify();
}

absl::StatusOr<Resource> FakeResources::Get(const CallContext& context, const Ref& ref) {
  const Resource* found = Find(ref);
  if (found == nullptr) return absl::NotFoundError(absl::StrCat(ToString(ref), " is not there"));
  return *found;
}

absl::StatusOr<ListPage> FakeResources::List(const CallContext& context, const Query& query) {
  ListPage page;
  for (const auto& [ref, resource] : objects_) {
    if (Matches(query, resource)) *page.add_items() = resource;
  }
  page.set_revision(revision_);
  page.set_resume(absl::StrCat(revision_));
  return page;
}

absl::StatusOr<ApplyResult> FakeResources::Apply(const CallContext& context,
                                                 const ApplyRequest& request) {
  return absl::UnimplementedError("the fake applies nothing");
}

std::vector<absl::StatusOr<std::int64_t>> FakeResources::UpdateStatus(
    const CallContext& context, absl::Span<const StatusWrite> writes) {
  std::vector<absl::StatusOr<std::int64_t>> results;
  for (const StatusWrite& write : writes) {
    const Ref ref = RefOf(write.resource());
    const Resource* found = Find(ref);
    if (found == nullptr) {
      results.push_back(absl::NotFoundError(ToString(ref)));
    } else if (found->metadata().revision() != write.resource().metadata().revision()) {
      results.push_back(absl::AbortedError(absl::StrCat(ToString(ref), " has changed")));
    } else {
      Resource next = *found;
      if (next.has_vm()) {
        *next.mutable_vm()->mutable_status() = write.resource().vm().status();
      } else if (next.has_host()) {
        *next.mutable_host()->mutable_status() = write.resource().host().status();
      }
      results.push_back(Put(std::move(next)));
    }
  }
  return results;
}

absl::StatusOr<ApplyResult> FakeResources::Delete(const CallContext& context,
                                                  const DeleteRequest& request) {
  return absl::UnimplementedError("the fake deletes nothing by request");
}

absl::StatusOr<std::unique_ptr<Watch>> FakeResources::StartWatch(const CallContext& context,
                                                                 const Query& query,
                                                                 const std::string& resume) {
  if (failing_starts_ > 0) {
    --failing_starts_;
    return absl::UnavailableError("the engine is away");
  }
  if (mute_starts_ > 0) {
    --mute_starts_;
    return std::make_unique<MuteWatch>();
  }
  std::int64_t after = 0;
  if (!resume.empty()) {
    ESPALIER_CHECK(absl::SimpleAtoi(resume, &after));
    if (after < compacted_) return absl::OutOfRangeError("compacted");
  }
  return std::make_unique<FakeWatch>(*this, query, after, resume.empty());
}

absl::StatusOr<DriftReport> FakeResources::Drift(const CallContext& context,
                                                 const DriftRequest& request) {
  return absl::UnimplementedError("the fake knows no drift");
}

}  // namespace espalier
