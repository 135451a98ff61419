// The qemu driver: real VMs on Linux (and on a Mac with qemu). Each run has a bundle directory and
// a runner process of its own (runner.h), which owns the machine and outlives the agent.
//
//   <dir>/<uid>.<attempt>/      the bundle
//     run.json                  the record: written by Start, then by the runner. Without it there
//     is
//                               no run
//     disk.img vmlinuz initrd cmdline      the image's files, cloned
//     runner.sock               the runner answers here
//     qmp.sock console.log qemu.log runner.log
//
// The port "vnc" is the machine's console, on loopback only; all others are forwarded to the guest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "macagent/driver/driver.h"

namespace espalier::agent {

struct QemuOptions {
  // Where bundles lie; absolute; made if it is not there.
  std::string dir;
  // What starts a runner: the bundle's directory is its working directory.
  std::vector<std::string> runner;
  // 0: all the machine's cpus; what memory it has but for a gibibyte.
  std::uint32_t cpu = 0;
  std::uint32_t memory_mib = 0;
};

// FAILED_PRECONDITION: there is no qemu for this machine's architecture on PATH. Everything
// borrowed must outlive the driver.
absl::StatusOr<std::unique_ptr<Driver>> MakeQemuDriver(Clock& clock, Io& io, Log& log,
                                                       const QemuOptions& options);

// The names in a bundle.
inline constexpr char kRunFile[] = "run.json";
inline constexpr char kRunnerSocket[] = "runner.sock";
inline constexpr char kQmpSocket[] = "qmp.sock";
// A stop that was asked for before the runner listened.
inline constexpr char kStopFile[] = "stop";

// "qemu-system-x86_64" or "qemu-system-aarch64", for the machine that this runs on.
std::string QemuProgram();
// Arguments that start the run with what lies in the working directory; argv[0] is the program.
std::vector<std::string> QemuCommand(const RunSpec& spec, bool kvm, bool has_kernel,
                                     bool has_initrd, const std::string& cmdline);
// Whether hardware virtualisation really works here: a device file that can be opened says little,
// so a machine of eight instructions is run. Takes up to some seconds.
bool KvmWorks(Io& io, const std::string& scratch_dir);

}  // namespace espalier::agent
