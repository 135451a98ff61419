#include "macagent/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"

namespace espalier::agent {
namespace {

// How many ports are tried for one mapping. Two macOS guests or some dozens of Linux guests run on
// a host; Orka has ranges of 300.
constexpr std::uint32_t kTried = 1000;

// Chooses a port for every mapping without one; `try_take(port)` takes it if it is free.
template <typename TryTake, typename GiveBack>
absl::Status Choose(RunSpec& spec, TryTake try_take, GiveBack give_back) {
  std::vector<PortMapping*> chosen;
  for (auto& [name, mapping] : spec.ports) {
    if (mapping.host != 0) continue;
    const std::uint32_t first = FirstPort(name);
    for (std::uint32_t port = first; port < first + kTried && mapping.host == 0; ++port) {
      if (try_take(port)) mapping.host = port;
    }
    if (mapping.host == 0) {
      for (PortMapping* taken : chosen) give_back(std::exchange(taken->host, 0));
      return absl::ResourceExhaustedError(
          absl::StrCat("no port from ", first, " to ", first + kTried - 1, " is free for ", name));
    }
    chosen.push_back(&mapping);
  }
  return absl::OkStatus();
}

}  // namespace

std::uint32_t FirstPort(absl::string_view name) {
  if (name == "ssh") return 8822;
  if (name == "vnc") return 5999;
  if (name == "screenshare") return 5900;
  return 10000;
}

absl::Status VirtualPorts::Take(RunSpec& spec) {
  MutexLock lock(mu_);
  return Choose(
      spec,
      [&](std::uint32_t port)
          ABSL_NO_THREAD_SAFETY_ANALYSIS { return taken_.emplace(port, spec.id).second; },
      [&](std::uint32_t port) ABSL_NO_THREAD_SAFETY_ANALYSIS { taken_.erase(port); });
}

void VirtualPorts::Keep(const RunSpec& spec) {
  MutexLock lock(mu_);
  for (const auto& [name, mapping] : spec.ports) {
    if (mapping.host != 0) taken_[mapping.host] = spec.id;
  }
}

void VirtualPorts::ReleaseAllBut(const std::set<RunId>& runs) {
  MutexLock lock(mu_);
  std::erase_if(taken_, [&](const auto& entry) { return runs.count(entry.second) == 0; });
}

MachinePorts::MachinePorts(Random& random, Io& io, std::string shared_dir, std::string state_dir,
                           absl::AnyInvocable<bool(std::uint32_t)> can_bind)
    : random_(random),
      io_(io),
      shared_dir_(std::move(shared_dir)),
      state_dir_(std::move(state_dir)),
      can_bind_(std::move(can_bind)) {}

absl::Status MachinePorts::Take(RunSpec& spec) {
  return Choose(
      spec, [&](std::uint32_t port) { return TryTake(port, spec.id); },
      [&](std::uint32_t port) { Release(port); });
}

void MachinePorts::Keep(const RunSpec& spec) {
  for (const auto& [name, mapping] : spec.ports) {
    if (mapping.host == 0 || taken_.count(mapping.host) > 0) continue;
    // The run has the port whether the claim succeeds or not: it was there before us.
    if (!Claim(mapping.host, spec.id) && Reclaim(mapping.host)) Claim(mapping.host, spec.id);
    taken_[mapping.host] = spec.id;
  }
}

void MachinePorts::ReleaseAllBut(const std::set<RunId>& runs) {
  for (auto it = taken_.begin(); it != taken_.end();) {
    const auto here = it++;
    if (runs.count(here->second) > 0) continue;
    const std::string record = RecordPath(here->second);
    Release(here->first);
    (void)io_.RemoveAll(record);
  }
  if (std::exchange(swept_, true)) return;
  // What an agent before us took and never used: without its record it is nobody's.
  const std::string records = absl::StrCat(state_dir_, "/ports");
  for (const std::string& name : io_.List(records).value_or(std::vector<std::string>())) {
    const absl::StatusOr<RunId> id = ParseRunId(name);
    if (!id.ok() || runs.count(*id) == 0) (void)io_.RemoveAll(absl::StrCat(records, "/", name));
  }
}

bool MachinePorts::TryTake(std::uint32_t port, const RunId& id) {
  if (taken_.count(port) > 0 || !can_bind_(port)) return false;
  if (io_.Stat(PortDir(port)).ok() && !Reclaim(port)) return false;
  if (!Claim(port, id)) return false;
  taken_[port] = id;
  return true;
}

bool MachinePorts::Claim(std::uint32_t port, const RunId& id) {
  // The record is what the claim lives by, so it is there first.
  const std::string record = RecordPath(id);
  if (!io_.MakeDirs(absl::StrCat(state_dir_, "/ports"), 0700).ok()) return false;
  if (!WriteQuickly(record, ToString(id)).ok()) return false;
  const std::string draft = absl::StrCat(shared_dir_, "/new-", random_.Uid());
  // Agents of other users share the directory, hence the modes.
  if (!io_.MakeDirs(shared_dir_, 01777).ok() || !io_.MakeDirs(draft, 0755).ok()) return false;
  if (!WriteQuickly(absl::StrCat(draft, "/owner"), record).ok() ||
      !io_.Rename(draft, PortDir(port)).ok()) {
    (void)io_.RemoveAll(draft);
    return false;
  }
  return true;
}

// Not durable: after a loss of power no run is left that would need its ports.
absl::Status MachinePorts::WriteQuickly(const std::string& path, absl::string_view bytes) {
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, io_.Open(path, /*create=*/true));
  return file->WriteAt(0, bytes);
}

bool MachinePorts::Reclaim(std::uint32_t port) {
  const std::string owner_file = absl::StrCat(PortDir(port), "/owner");
  const absl::StatusOr<std::string> owner = io_.ReadFile(owner_file, limits::kFileBytes);
  if (!owner.ok()) return absl::IsNotFound(owner.status());
  if (!absl::IsNotFound(io_.Stat(*owner).status())) return false;
  // Moved away before it is removed, and looked at again: another agent may have found the same and
  // have put its own claim there since.
  const std::string away = absl::StrCat(shared_dir_, "/old-", random_.Uid());
  if (!io_.Rename(PortDir(port), away).ok()) return false;
  const absl::StatusOr<std::string> moved =
      io_.ReadFile(absl::StrCat(away, "/owner"), limits::kFileBytes);
  if (moved.ok() && *moved != *owner) {
    (void)io_.Rename(away, PortDir(port));
    return false;
  }
  (void)io_.RemoveAll(away);
  return true;
}

void MachinePorts::Release(std::uint32_t port) {
  taken_.erase(port);
  const std::string away = absl::StrCat(shared_dir_, "/old-", random_.Uid());
  if (io_.Rename(PortDir(port), away).ok()) (void)io_.RemoveAll(away);
}

std::string MachinePorts::RecordPath(const RunId& id) const {
  return absl::StrCat(state_dir_, "/ports/", ToString(id));
}

std::string MachinePorts::PortDir(std::uint32_t port) const {
  return absl::StrCat(shared_dir_, "/", port);
}

bool CanBind(const std::string& address, std::uint32_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  if (port > 65535 || inet_pton(AF_INET, address.c_str(), &at.sin_addr) != 1) return false;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  // A port in TIME_WAIT is free; one with a listener is not, whatever this option says.
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool free =
      bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0 && listen(fd, 1) == 0;
  close(fd);
  return free;
}

}  // namespace espalier::agent
