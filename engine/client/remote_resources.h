// RemoteResources: Resources of an engine elsewhere. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/client/connection.h"
#include "espalier/v1/resources_service.grpc.pb.h"

namespace espalier {

class RemoteResources final : public Resources {
 public:
  // `connection` must outlive it and its watches.
  explicit RemoteResources(const Connection& connection);

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override;
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override;
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override;
  // Errors of the engine come from the watch's Next.
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override;
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override;

 private:
  const Connection& connection_;
  const std::unique_ptr<v1::ResourcesService::Stub> stub_;
};

}  // namespace espalier
