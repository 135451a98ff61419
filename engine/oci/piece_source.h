// PieceSource: a piece of a raw disk as the compressed layer that it becomes, without keeping that
// layer anywhere: a first pass measures it, later reads compress again what they need. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/io.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

class PieceSource {
 public:
  PieceSource(std::unique_ptr<File> disk, std::int64_t offset, std::int64_t plain_size)
      : disk_(std::move(disk)), offset_(offset), plain_size_(plain_size) {}

  // Reads the piece once: the layer's descriptor with its annotations. `tick` is called after each
  // block and ends the pass with its status.
  absl::StatusOr<Descriptor> Measure(absl::FunctionRef<absl::Status()> tick);

  // Bytes of the layer. Blocks are found by where they begin, so a broken upload can begin
  // anywhere. REQUIRES: Measure was OK. DATA_LOSS when the disk has changed since.
  absl::StatusOr<std::string> Read(std::int64_t at, std::size_t size);

 private:
  absl::StatusOr<std::string> ReadPlain(std::size_t block);
  // The block, compressed; with the end mark behind the last one.
  absl::StatusOr<std::string> ReadBlock(std::size_t block);

  const std::unique_ptr<File> disk_;
  const std::int64_t offset_;
  const std::int64_t plain_size_;
  // Where each block begins in the layer, and where the last one ends.
  std::vector<std::int64_t> starts_;
  // Most blocks of a disk are zeros; compressed once.
  std::string zero_block_;
};

}  // namespace espalier::oci
