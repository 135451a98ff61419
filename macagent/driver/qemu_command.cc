// How qemu is called.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "macagent/driver/qemu.h"

namespace espalier::agent {
namespace {

#if defined(__aarch64__)
constexpr char kProgram[] = "qemu-system-aarch64";
constexpr char kMachine[] = "virt";
constexpr char kDisplay[] = "virtio-gpu-pci";
#else
constexpr char kProgram[] = "qemu-system-x86_64";
constexpr char kMachine[] = "q35";
constexpr char kDisplay[] = "VGA";
#endif

// The mapping that is the machine's own console rather than a port of the guest.
constexpr char kConsole[] = "vnc";
// Ports of VNC displays begin here.
constexpr std::uint32_t kFirstDisplay = 5900;

// What the probe writes to the port that ends qemu; qemu's exit code is this, doubled, plus one.
constexpr char kProbeValue = 0x21;
constexpr int kProbeExit = 0x21 * 2 + 1;

// A firmware of 64 KiB whose first instruction, 16 bytes before its end, is ours: mov dx,0x501;
// mov al,value; out dx,al; jmp to itself.
std::string ProbeFirmware() {
  std::string rom(0x10000, '\0');
  const char code[] = {'\xba', '\x01', '\x05', '\xb0', kProbeValue, '\xee', '\xeb', '\xfe'};
  rom.replace(0xfff0, sizeof(code), code, sizeof(code));
  return rom;
}

}  // namespace

std::string QemuProgram() { return kProgram; }

std::vector<std::string> QemuCommand(const RunSpec& spec, bool kvm, bool has_kernel,
                                     bool has_initrd, const std::string& cmdline) {
  std::vector<std::string> argv = {
      kProgram, "-name", ToString(spec.id), "-machine", kMachine, "-accel",
      // The translation cache would else take a gigabyte per machine.
      kvm ? "kvm" : "tcg,tb-size=64", "-cpu", "max", "-smp", absl::StrCat(spec.cpu), "-m",
      absl::StrCat(spec.memory_mib), "-nodefaults", "-no-user-config", "-display", "none",
      "-serial", "file:console.log", "-qmp",
      absl::StrCat("unix:", kQmpSocket, ",server=on,wait=off"), "-drive",
      "file=disk.img,format=raw,if=virtio,cache=writeback", "-fw_cfg",
      "name=opt/espalier/metadata,file=metadata.json"};
  if (has_kernel) {
    argv.insert(argv.end(), {"-kernel", "vmlinuz", "-append", cmdline});
    if (has_initrd) argv.insert(argv.end(), {"-initrd", "initrd"});
  }
  std::string network = "user,id=n";
  for (const auto& [name, port] : spec.ports) {
    if (name == kConsole && port.host >= kFirstDisplay) {
      // On loopback whatever the address: whoever reaches a console without a password owns the
      // guest, and there is nowhere to tell a password.
      argv.insert(argv.end(), {"-device", kDisplay, "-vnc",
                               absl::StrCat("127.0.0.1:", port.host - kFirstDisplay)});
      continue;
    }
    absl::StrAppend(&network, ",hostfwd=tcp:", spec.address, ":", port.host, "-:", port.guest);
  }
  argv.insert(argv.end(), {"-netdev", network, "-device", "virtio-net-pci,netdev=n"});
  return argv;
}

bool KvmWorks(Io& io, const std::string& scratch_dir) {
  if (!io.Stat("/dev/kvm").ok()) return false;
#if defined(__x86_64__)
  const std::string firmware = absl::StrCat(scratch_dir, "/kvm-probe.rom");
  if (!io.WriteFile(firmware, ProbeFirmware(), 0600).ok()) return false;
  const absl::StatusOr<ProcessResult> result =
      io.Run({.argv = {kProgram, "-machine", kMachine, "-accel", "kvm", "-cpu", "max", "-m", "16",
                       "-nodefaults", "-no-user-config", "-display", "none", "-device",
                       "isa-debug-exit,iobase=0x501,iosize=1", "-bios", firmware},
              .deadline = absl::Seconds(5),
              // An accelerator that does not work may abort with a large core.
              .max_file_bytes = 1 << 20});
  (void)io.RemoveAll(firmware);
  return result.ok() && result->exit_code == kProbeExit;
#else
  return true;
#endif
}

}  // namespace espalier::agent
