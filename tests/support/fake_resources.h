// FakeResources: objects in memory with revisions and watches, and knobs that break the watches.
// For tests of what reads and reports; it admits and plans nothing. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/api/resources.h"

namespace espalier {

class FakeResources final : public Resources {
 public:
  FakeResources();
  ~FakeResources() override;

  // Stores the object under its name; makes a uid if it has none. Its revision.
  std::int64_t Put(Resource resource);
  // NOT_FOUND is ignored.
  void Remove(const Ref& ref);
  // What is stored; null if there is none.
  const Resource* Find(const Ref& ref) const;
  std::int64_t revision() const { return revision_; }

  // Events up to now are forgotten: older resume tokens and watchers that lag are OUT_OF_RANGE.
  void Compact() { compacted_ = revision_; }
  // Every running watch ends with this status at its next Next.
  void BreakWatches(const absl::Status& status);
  // The next `count` StartWatch calls are UNAVAILABLE.
  void FailStartWatch(int count) { failing_starts_ = count; }
  // The next `count` watches start, have nothing to say when they are asked first, and are
  // UNAVAILABLE then: as over a network whose other end is away.
  void FailAfterStartWatch(int count) { mute_starts_ = count; }
  // Events of later writes are not delivered until it is called with false.
  void HoldBackEvents(bool hold);

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override;
  // Replaces the whole status of a Vm or Host; the revision given must be the current one.
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override;
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override;
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override;
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override;

 private:
  class FakeWatch;
  struct Entry {
    std::int64_t revision = 0;
    std::unique_ptr<Resource> before;
    std::unique_ptr<Resource> after;
  };
  void Record(Entry entry);
  // Up to where watches may see.
  std::int64_t visible() const { return held_at_ > 0 ? held_at_ : revision_; }

  std::map<Ref, Resource> objects_;
  std::vector<Entry> history_;
  std::vector<FakeWatch*> watches_;
  std::int64_t revision_ = 1;
  std::int64_t compacted_ = 0;
  std::int64_t held_at_ = 0;
  int failing_starts_ = 0;
  int mute_starts_ = 0;
};

}  // namespace espalier
