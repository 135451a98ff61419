// PermissiveResources: says yes to everything, changes nothing and counts the calls; only Get knows
// objects, those that the test put there. What stands behind the rules in their test. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/api/resources.h"

namespace espalier {

class PermissiveResources final : public Resources {
 public:
  void Put(Resource resource) {
    const Ref ref = RefOf(resource);
    objects_[ref] = std::move(resource);
  }
  // Calls that arrived, but for Get.
  int calls() const { return calls_; }

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override {
    const auto found = objects_.find(ref);
    if (found == objects_.end()) return absl::NotFoundError("no " + ToHuman(ref));
    return found->second;
  }
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override {
    ++calls_;
    return ListPage();
  }
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override {
    ++calls_;
    return ApplyResult();
  }
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override {
    ++calls_;
    return std::vector<absl::StatusOr<std::int64_t>>(writes.size(), std::int64_t{1});
  }
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override {
    ++calls_;
    return ApplyResult();
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override {
    ++calls_;
    return std::unique_ptr<Watch>();
  }
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override {
    ++calls_;
    return DriftReport();
  }

 private:
  std::map<Ref, Resource> objects_;
  int calls_ = 0;
};

}  // namespace espalier
