// AuthorizedResources: Resources with the rules of access.h in front. What serves people, agents
// and reconcilers holds this one; the engine's own controllers hold the inner one. Whoever is
// refused a write is written down. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/server/audit/audit_trail.h"

namespace espalier {

class AuthorizedResources final : public Resources {
 public:
  // Both must outlive it; null: refusals are not written down.
  AuthorizedResources(Resources& inner, AuditTrail* audit) : inner_(inner), audit_(audit) {}

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
  absl::StatusOr<ListPage> VisitPage(const CallContext& context, const Query& query,
                                     absl::FunctionRef<void(const Resource&)> visit) override;
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override;
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override;
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override;
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override;
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override;

 private:
  // The spec of the GitSource that a reconciler speaks for; nothing if there is none, and for other
  // callers.
  absl::StatusOr<std::optional<v1::GitSourceSpec>> SourceOf(const CallContext& context,
                                                            const Owner& owner);

  // Passes `may` on; writes it down if it is a refusal.
  absl::Status Told(const CallContext& context, const Owner& owner, const v1::Ref& ref,
                    absl::Status may);

  Resources& inner_;
  AuditTrail* const audit_;
};

}  // namespace espalier
