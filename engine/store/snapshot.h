// The text form of a store's live keys, the same for every store, so that a fleet moves between
// stores and a damaged copy is noticed. Pure.
//
//   espalier-snapshot 1
//   revision 42
//   keys 1
//   <create revision> <mod revision> <key in base64> <value in base64>
//   sha256 <of all lines above>
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/store/memory_view.h"

namespace espalier {

struct SnapshotState {
  MemoryView::LiveMap live;
  std::int64_t revision = 0;
};

std::string EncodeSnapshot(const SnapshotState& state);

// DATA_LOSS if a bit of it was lost, or what it says cannot be. Positions are numbered anew.
absl::StatusOr<SnapshotState> DecodeSnapshot(absl::string_view text);

}  // namespace espalier
