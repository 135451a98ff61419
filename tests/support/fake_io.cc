#include "tests/support/fake_io.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

constexpr std::int64_t kPage = 4096;

// Bytes with holes: only pages that were written are there.
struct Content {
  std::int64_t size = 0;
  std::map<std::int64_t, std::string> pages;

  std::string Read(std::int64_t offset, std::size_t wanted) const {
    const std::int64_t end = std::min<std::int64_t>(size, offset + wanted);
    std::string bytes;
    for (std::int64_t at = offset; at < end;) {
      const std::int64_t inside = at % kPage;
      const std::int64_t count = std::min(kPage - inside, end - at);
      const auto page = pages.find(at / kPage);
      bytes += page == pages.end() ? std::string(count, '\0') : page->second.substr(inside, count);
      at += count;
    }
    return bytes;
  }
  void Write(std::int64_t offset, absl::string_view bytes) {
    size = std::max<std::int64_t>(size, offset + bytes.size());
    while (!bytes.empty()) {
      const std::int64_t inside = offset % kPage;
      const std::size_t count = std::min<std::size_t>(kPage - inside, bytes.size());
      std::string& page = pages[offset / kPage];
      page.resize(kPage);
      page.replace(inside, count, bytes.data(), count);
      offset += count;
      bytes.remove_prefix(count);
    }
  }
  void Truncate(std::int64_t new_size) {
    if (new_size < size) {
      pages.erase(pages.lower_bound((new_size + kPage - 1) / kPage), pages.end());
      const auto last = pages.find(new_size / kPage);
      if (last != pages.end()) {
        std::fill(last->second.begin() + new_size % kPage, last->second.end(), '\0');
      }
    }
    size = new_size;
  }
};

std::string Trimmed(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  return trimmed;
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string Below(const std::string& dir) { return dir == "/" ? dir : absl::StrCat(dir, "/"); }

}  // namespace

struct FakeIo::Node {
  FileInfo::Type type = FileInfo::Type::kFile;
  Content content;
  // What a power failure leaves.
  Content durable;
  absl::Time modified;
};

class FakeIo::Handle final : public File {
 public:
  Handle(FakeIo& io, std::string path, NodePtr node)
      : io_(io), path_(std::move(path)), node_(std::move(node)) {}

  absl::StatusOr<std::string> ReadAt(std::int64_t offset, std::size_t size) override {
    MutexLock lock(io_.mu_);
    ESPALIER_RETURN_IF_ERROR(io_.Enter("ReadAt", path_));
    return node_->content.Read(offset, size);
  }
  absl::Status WriteAt(std::int64_t offset, absl::string_view bytes) override {
    MutexLock lock(io_.mu_);
    ESPALIER_RETURN_IF_ERROR(io_.Enter("WriteAt", path_));
    ESPALIER_RETURN_IF_ERROR(io_.TakeRoom(bytes.size()));
    node_->content.Write(offset, bytes);
    node_->modified = io_.clock_.Now();
    return absl::OkStatus();
  }
  absl::Status Truncate(std::int64_t size) override {
    MutexLock lock(io_.mu_);
    ESPALIER_RETURN_IF_ERROR(io_.Enter("Truncate", path_));
    node_->content.Truncate(size);
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    MutexLock lock(io_.mu_);
    ESPALIER_RETURN_IF_ERROR(io_.Enter("Sync", path_));
    node_->durable = node_->content;
    return absl::OkStatus();
  }
  absl::StatusOr<std::int64_t> Size() override {
    MutexLock lock(io_.mu_);
    return node_->content.size;
  }

 private:
  FakeIo& io_;
  const std::string path_;
  const NodePtr node_;
};

FakeIo::FakeIo(Clock& clock) : clock_(clock) {
  auto root = std::make_shared<Node>();
  root->type = FileInfo::Type::kDirectory;
  nodes_["/"] = root;
  nodes_["."] = std::move(root);
}
FakeIo::~FakeIo() = default;

void FakeIo::FailNext(absl::string_view operation, absl::string_view part,
                      const absl::Status& status, int times, int skip) {
  MutexLock lock(mu_);
  failures_.push_back({std::string(operation), std::string(part), status, times, skip});
}

void FakeIo::SetFreeBytes(std::int64_t bytes) {
  MutexLock lock(mu_);
  free_bytes_ = bytes;
}

void FakeIo::LosePower() {
  MutexLock lock(mu_);
  for (auto& [path, node] : nodes_) node->content = node->durable;
  processes_.clear();
}

void FakeIo::SetRunner(std::function<absl::StatusOr<ProcessResult>(const ProcessOptions&)> runner) {
  MutexLock lock(mu_);
  runner_ = std::move(runner);
}

int FakeIo::calls(absl::string_view operation) const {
  MutexLock lock(mu_);
  const auto found = calls_.find(std::string(operation));
  return found == calls_.end() ? 0 : found->second;
}

absl::Status FakeIo::Enter(absl::string_view operation, const std::string& path) {
  ++calls_[std::string(operation)];
  for (Failure& failure : failures_) {
    if (failure.operation != operation || !absl::StrContains(path, failure.part)) continue;
    if (failure.skip > 0) {
      --failure.skip;
    } else if (failure.times > 0) {
      --failure.times;
      return failure.status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FakeIo::NodePtr> FakeIo::Find(absl::string_view operation, const std::string& path) {
  ESPALIER_RETURN_IF_ERROR(Enter(operation, path));
  const auto found = nodes_.find(Trimmed(path));
  if (found == nodes_.end()) return absl::NotFoundError(absl::StrCat(path, " is not there"));
  return found->second;
}

absl::Status FakeIo::CheckParent(const std::string& path) {
  const auto parent = nodes_.find(ParentOf(path));
  if (parent == nodes_.end() || parent->second->type != FileInfo::Type::kDirectory) {
    return absl::NotFoundError(absl::StrCat("no directory for ", path));
  }
  return absl::OkStatus();
}

absl::Status FakeIo::TakeRoom(std::int64_t bytes) {
  if (bytes > free_bytes_) return absl::ResourceExhaustedError("no space left on device");
  free_bytes_ -= bytes;
  return absl::OkStatus();
}

FakeIo::NodePtr FakeIo::NewFile() {
  auto node = std::make_shared<Node>();
  node->modified = clock_.Now();
  return node;
}

absl::StatusOr<std::string> FakeIo::ReadFile(const std::string& path, std::size_t max_bytes) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("ReadFile", path));
  if (node->type != FileInfo::Type::kFile) return absl::FailedPreconditionError("no file");
  if (node->content.size > static_cast<std::int64_t>(max_bytes)) {
    return absl::ResourceExhaustedError(absl::StrCat("read ", path, ": too large"));
  }
  return node->content.Read(0, node->content.size);
}

absl::Status FakeIo::WriteFile(const std::string& path, absl::string_view bytes, mode_t mode) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("WriteFile", path));
  ESPALIER_RETURN_IF_ERROR(CheckParent(path));
  ESPALIER_RETURN_IF_ERROR(TakeRoom(bytes.size()));
  const NodePtr node = NewFile();
  node->content.Write(0, bytes);
  node->durable = node->content;
  nodes_[path] = node;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> FakeIo::Open(const std::string& path, bool create) {
  MutexLock lock(mu_);
  absl::StatusOr<NodePtr> node = Find("Open", path);
  if (absl::IsNotFound(node.status()) && create) {
    ESPALIER_RETURN_IF_ERROR(CheckParent(path));
    node = nodes_[path] = NewFile();
  }
  if (!node.ok()) return node.status();
  if ((*node)->type != FileInfo::Type::kFile) return absl::FailedPreconditionError("no file");
  return std::make_unique<Handle>(*this, path, *std::move(node));
}

absl::StatusOr<FileInfo> FakeIo::Stat(const std::string& path) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("Stat", path));
  FileInfo info;
  info.type = node->type;
  info.size_bytes = node->content.size;
  info.disk_bytes = static_cast<std::int64_t>(node->content.pages.size()) * kPage;
  info.modified = node->modified;
  return info;
}

absl::StatusOr<std::vector<std::string>> FakeIo::List(const std::string& dir) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("List", dir));
  if (node->type != FileInfo::Type::kDirectory) {
    return absl::FailedPreconditionError("not a directory");
  }
  const std::string prefix = Below(Trimmed(dir));
  std::vector<std::string> names;
  for (const auto& [path, entry] : nodes_) {
    if (!absl::StartsWith(path, prefix) || path.size() == prefix.size()) continue;
    const std::string name = path.substr(prefix.size());
    if (!absl::StrContains(name, '/')) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status FakeIo::MakeDirs(const std::string& path, mode_t mode) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("MakeDirs", path));
  const std::string whole = Trimmed(path);
  for (std::size_t end = whole.find('/', 1);; end = whole.find('/', end + 1)) {
    NodePtr& node = nodes_[whole.substr(0, end)];
    if (node == nullptr) {
      node = NewFile();
      node->type = FileInfo::Type::kDirectory;
    }
    if (node->type != FileInfo::Type::kDirectory) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status FakeIo::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("Rename", from));
  ESPALIER_RETURN_IF_ERROR(CheckParent(to));
  std::vector<std::pair<std::string, NodePtr>> moved = {{Trimmed(to), node}};
  const std::string prefix = Below(Trimmed(from));
  for (const auto& [path, entry] : nodes_) {
    if (!absl::StartsWith(path, prefix)) continue;
    moved.emplace_back(absl::StrCat(Below(Trimmed(to)), path.substr(prefix.size())), entry);
  }
  std::erase_if(nodes_, [&](const auto& entry) {
    return entry.first == Trimmed(from) || absl::StartsWith(entry.first, prefix);
  });
  for (auto& [path, entry] : moved) nodes_[path] = std::move(entry);
  return absl::OkStatus();
}

absl::Status FakeIo::LinkFile(const std::string& from, const std::string& to) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("LinkFile", from));
  ESPALIER_RETURN_IF_ERROR(CheckParent(to));
  if (!nodes_.emplace(Trimmed(to), node).second) {
    return absl::AlreadyExistsError(absl::StrCat(to, " is there"));
  }
  return absl::OkStatus();
}

absl::Status FakeIo::RemoveAll(const std::string& path) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("RemoveAll", path));
  const std::string whole = Trimmed(path);
  // The analysis of locks does not see into a lambda: what is freed is added up outside of it.
  std::int64_t freed = 0;
  std::erase_if(nodes_, [&](const auto& entry) {
    const bool gone = entry.first == whole || absl::StartsWith(entry.first, Below(whole));
    if (gone) freed += static_cast<std::int64_t>(entry.second->content.pages.size()) * kPage;
    return gone;
  });
  free_bytes_ += freed;
  return absl::OkStatus();
}

absl::Status FakeIo::CloneFile(const std::string& from, const std::string& to) {
  MutexLock lock(mu_);
  ESPALIER_ASSIGN_OR_RETURN(const NodePtr node, Find("CloneFile", from));
  ESPALIER_RETURN_IF_ERROR(CheckParent(to));
  const NodePtr copy = NewFile();
  copy->content = node->content;
  nodes_[to] = copy;
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> FakeIo::FreeBytes(const std::string& path) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Find("FreeBytes", path).status());
  return free_bytes_;
}

absl::StatusOr<ProcessResult> FakeIo::Run(const ProcessOptions& options) {
  std::function<absl::StatusOr<ProcessResult>(const ProcessOptions&)> runner;
  const std::string program = options.argv.empty() ? "" : options.argv[0];
  {
    MutexLock lock(mu_);
    ESPALIER_RETURN_IF_ERROR(Enter("Run", program));
    runner = runner_;
  }
  if (!runner) return absl::NotFoundError(absl::StrCat("program ", program, " is not on PATH"));
  return runner(options);
}

absl::StatusOr<pid_t> FakeIo::Spawn(const SpawnOptions& options) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("Spawn", options.argv.empty() ? "" : options.argv[0]));
  const pid_t pid = next_pid_++;
  processes_.insert(pid);
  return pid;
}

absl::Status FakeIo::Kill(pid_t pid, int signal) {
  MutexLock lock(mu_);
  ESPALIER_RETURN_IF_ERROR(Enter("Kill", absl::StrCat(pid)));
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return absl::NotFoundError(absl::StrCat("no process ", pid));
  if (signal == SIGKILL || signal == SIGTERM) processes_.erase(found);
  return absl::OkStatus();
}

bool FakeIo::IsAlive(pid_t pid) {
  MutexLock lock(mu_);
  return processes_.contains(pid);
}

}  // namespace espalier
