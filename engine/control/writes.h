// Status writes as controllers make them: on the object just read, guarded by its revision. Pure
// but for WriteOne, which makes the call.
#pragma once

#include "absl/status/statusor.h"
#include "engine/api/resources.h"
#include "engine/loop/loop.h"

namespace espalier::control {

// A write of the controllers' parts of the status, which start as they are.
inline StatusWrite BasedOn(const Resource& current) {
  StatusWrite write;
  write.set_writer(StatusWrite::CONTROLLER);
  *write.mutable_resource() = current;
  return write;
}

// The last word about an object that is being deleted.
inline StatusWrite FinalWordOn(const Resource& current) {
  StatusWrite write = BasedOn(current);
  write.set_writer(StatusWrite::FINALIZE);
  return write;
}

// Writes it and tells the turn. OK as well if the object is gone: then there is nothing to say.
inline absl::Status WriteOne(Resources& resources, Turn& turn, const StatusWrite& write) {
  const absl::StatusOr<std::int64_t> revision =
      resources.UpdateStatus(turn.context, {write}).front();
  if (absl::IsNotFound(revision.status())) return absl::OkStatus();
  if (!revision.ok()) return revision.status();
  turn.Wrote(*revision);
  return absl::OkStatus();
}

}  // namespace espalier::control
