// How a VM image lies in a registry and on a disk: the layers that Tart writes and reads, and
// beside them what a Linux guest needs to be booted without a boot loader. Pure; any thread.
//
//   manifest
//     config                OCI image config: os, architecture
//     layers, in this order
//       tart.config.v1      the VM's own settings, as JSON (config.json)
//       tart.disk.v2 ...    the raw disk, cut into pieces by position, each compressed by itself
//       tart.nvram.v1       the firmware's variables (nvram.bin), macOS only
//       espalier.kernel.v1  vmlinuz; its annotation holds the kernel's command line
//       espalier.initrd.v1  initrd
//
// Each piece carries its size and digest when uncompressed, so pieces can be fetched in any order,
// checked where they lie, and taken from an older image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/oci/registry.h"

namespace espalier::oci {

inline constexpr char kTartConfigType[] = "application/vnd.cirruslabs.tart.config.v1";
inline constexpr char kTartDiskType[] = "application/vnd.cirruslabs.tart.disk.v2";
inline constexpr char kTartNvramType[] = "application/vnd.cirruslabs.tart.nvram.v1";
inline constexpr char kKernelType[] = "application/vnd.espalier.kernel.v1";
inline constexpr char kInitrdType[] = "application/vnd.espalier.initrd.v1";

// Annotations of the manifest ...
inline constexpr char kDiskSizeAnnotation[] = "org.cirruslabs.tart.uncompressed-disk-size";
inline constexpr char kUploadTimeAnnotation[] = "org.cirruslabs.tart.upload-time";
// ... of a piece of the disk ...
inline constexpr char kPlainSizeAnnotation[] = "org.cirruslabs.tart.uncompressed-size";
inline constexpr char kPlainDigestAnnotation[] = "org.cirruslabs.tart.uncompressed-content-digest";
// ... and of the kernel.
inline constexpr char kCmdlineAnnotation[] = "vnd.espalier.kernel.cmdline";

// The files of a pulled image. Only the disk is always there.
inline constexpr char kDiskFile[] = "disk.img";
inline constexpr char kConfigFile[] = "config.json";
inline constexpr char kNvramFile[] = "nvram.bin";
inline constexpr char kKernelFile[] = "vmlinuz";
inline constexpr char kInitrdFile[] = "initrd";
// Text without a line end.
inline constexpr char kCmdlineFile[] = "cmdline";

// Where a piece belongs in the disk.
struct DiskPiece {
  Descriptor blob;
  std::int64_t offset = 0;
  std::int64_t plain_size = 0;
  // Of the plain bytes; empty in images of old tools: then the blob's digest alone is checked.
  std::string plain_digest;
};

// A layer that is a file as it is.
struct ImageFile {
  Descriptor blob;
  std::string name;
};

struct ImageLayout {
  std::int64_t disk_bytes = 0;
  std::vector<DiskPiece> pieces;
  std::vector<ImageFile> files;
  Descriptor config;
  std::string cmdline;

  std::int64_t compressed_bytes() const;
};

// Reads a manifest. FAILED_PRECONDITION if it is no VM image that we can run, or contradicts
// itself.
absl::StatusOr<ImageLayout> ReadLayout(const Manifest& manifest);

}  // namespace espalier::oci
