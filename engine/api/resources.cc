#include "engine/api/resources.h"

#include <utility>

#include "engine/base/status.h"

namespace espalier {

absl::StatusOr<SharedBatch> Watch::NextShared(absl::Duration deadline) {
  ESPALIER_ASSIGN_OR_RETURN(WatchBatch batch, Next(deadline));
  SharedBatch shared;
  shared.events.reserve(batch.events_size());
  for (Event& event : *batch.mutable_events()) {
    shared.events.push_back(
        {.type = event.type(),
         .resource = std::make_shared<const Resource>(std::move(*event.mutable_resource())),
         .revision = event.revision()});
  }
  shared.resume = std::move(*batch.mutable_resume());
  shared.revision = batch.revision();
  shared.synced = batch.synced();
  return shared;
}

absl::StatusOr<ListPage> Resources::VisitPage(const CallContext& context, const Query& query,
                                              absl::FunctionRef<void(const Resource&)> visit) {
  ESPALIER_ASSIGN_OR_RETURN(ListPage page, List(context, query));
  for (const Resource& object : page.items()) visit(object);
  page.clear_items();
  return page;
}

}  // namespace espalier
