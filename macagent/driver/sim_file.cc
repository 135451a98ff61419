#include "macagent/driver/sim_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"

namespace espalier::agent {
namespace {

// How soon an order of a person is seen, and how soon the person sees that it was.
constexpr absl::Duration kOrdersEvery = absl::Milliseconds(250);
constexpr absl::Duration kAnswerEvery = absl::Milliseconds(20);
constexpr std::int64_t kSomeImageBytes = std::int64_t{24} << 30;

std::string StatePath(const std::string& dir) { return absl::StrCat(dir, "/state.json"); }
std::string OrdersDir(const std::string& dir) { return absl::StrCat(dir, "/orders"); }

absl::Status CarryOut(SimHypervisor& machine, const std::vector<std::string>& words) {
  const std::size_t n = words.size();
  if (n == 2 && words[0] == "kill-vm") return machine.KillVm(words[1]);
  if ((n == 2 || n == 3) && words[0] == "add-vm") {
    return machine.AddVm(words[1], n == 3 ? words[2] : "darwin");
  }
  if (n == 2 && words[0] == "add-image") return machine.AddImage(words[1], kSomeImageBytes);
  if (std::int64_t bytes = 0;
      n == 3 && words[0] == "add-image" && absl::SimpleAtoi(words[2], &bytes) && bytes >= 0) {
    return machine.AddImage(words[1], bytes);
  }
  if (n == 2 && words[0] == "remove-image") return machine.RemoveImage(words[1]);
  if (n == 1 && words[0] == "reboot") return machine.Reboot();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::StrJoin(words, " "),
                   "\" is no order: kill-vm NAME, add-vm NAME [OS], "
                   "add-image NAME [BYTES], remove-image NAME, reboot"));
}

class FileSimDriver final : public Driver {
 public:
  FileSimDriver(Clock& clock, Io& io, std::string dir, std::unique_ptr<SimHypervisor> machine)
      : clock_(clock),
        io_(io),
        dir_(std::move(dir)),
        machine_(std::move(machine)),
        driver_(MakeSimDriver(*machine_)) {}

  Capacity GetCapacity() const override { return driver_->GetCapacity(); }
  absl::StatusOr<std::string> Prepare(const RunSpec& spec) override {
    return driver_->Prepare(spec);
  }
  absl::Status Start(const RunSpec& spec) override { return driver_->Start(spec); }
  absl::Status Stop(const RunId& id, absl::Duration grace) override {
    return driver_->Stop(id, grace);
  }
  absl::Status Renew(const RunId& id, absl::Duration until) override {
    return driver_->Renew(id, until);
  }
  absl::Status SetFence(const RunId& id, bool fence, absl::Duration until) override {
    return driver_->SetFence(id, fence, until);
  }
  absl::Status Forget(const RunId& id) override { return driver_->Forget(id); }

  absl::StatusOr<Listing> List() override {
    ESPALIER_RETURN_IF_ERROR(TakeOrders());
    ESPALIER_ASSIGN_OR_RETURN(Listing listing, driver_->List());
    listing.look_again = std::min(listing.look_again, clock_.Elapsed() + kOrdersEvery);
    return listing;
  }

 private:
  absl::Status TakeOrders() {
    // One at a time: the host's loop and its lease both look, and an order is carried out once.
    MutexLock lock(mu_);
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<std::string> names, io_.List(OrdersDir(dir_)));
    for (const std::string& name : names) {
      // What WriteFile is still writing has a dot in its name, as answers have.
      if (absl::StrContains(name, ".")) continue;
      const std::string path = absl::StrCat(OrdersDir(dir_), "/", name);
      absl::StatusOr<std::string> order = io_.ReadFile(path, limits::kFileBytes);
      if (absl::IsNotFound(order.status())) continue;
      ESPALIER_RETURN_IF_ERROR(order.status());
      const absl::Status done = CarryOut(*machine_, absl::StrSplit(*order, '\n'));
      if (!done.ok()) {
        ESPALIER_RETURN_IF_ERROR(io_.WriteFile(absl::StrCat(path, ".err"), done.message(), 0600));
      }
      ESPALIER_RETURN_IF_ERROR(io_.RemoveAll(path));
    }
    return absl::OkStatus();
  }

  Clock& clock_;
  Io& io_;
  const std::string dir_;
  const std::unique_ptr<SimHypervisor> machine_;
  const std::unique_ptr<Driver> driver_;
  Mutex mu_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> MakeFileSimDriver(Clock& clock, Random& random, Io& io,
                                                          const std::string& dir,
                                                          const SimOptions& options) {
  ESPALIER_RETURN_IF_ERROR(io.MakeDirs(OrdersDir(dir), 0700));
  SimState state;
  const absl::StatusOr<std::string> text = io.ReadFile(StatePath(dir), limits::kFileBytes);
  if (text.ok()) {
    ESPALIER_ASSIGN_OR_RETURN(state, DecodeSimState(*text));
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  auto save = [&io, path = StatePath(dir)](const SimState& now) {
    return Annotate(io.WriteFile(path, EncodeSimState(now), 0600), "saving the simulated host");
  };
  if (state.boot_id.empty()) {
    state.boot_id = random.Uid();
    ESPALIER_RETURN_IF_ERROR(save(state));
  }
  auto machine =
      std::make_unique<SimHypervisor>(clock, random, options, std::move(state), std::move(save));
  return std::make_unique<FileSimDriver>(clock, io, dir, std::move(machine));
}

absl::Status GiveSimOrder(Clock& clock, Random& random, Io& io, const std::string& dir,
                          const std::vector<std::string>& words, absl::Duration timeout) {
  ESPALIER_RETURN_IF_ERROR(io.Stat(StatePath(dir)).status());
  const std::string path = absl::StrCat(OrdersDir(dir), "/", random.Uid());
  ESPALIER_RETURN_IF_ERROR(io.WriteFile(path, absl::StrJoin(words, "\n"), 0600));
  const absl::Duration deadline = clock.Elapsed() + timeout;
  while (io.Stat(path).ok()) {
    if (clock.Elapsed() >= deadline) {
      ESPALIER_RETURN_IF_ERROR(io.RemoveAll(path));
      return absl::DeadlineExceededError(absl::StrCat("no agent looks after ", dir));
    }
    clock.Sleep(kAnswerEvery);
  }
  const std::string answer_path = absl::StrCat(path, ".err");
  const absl::StatusOr<std::string> answer = io.ReadFile(answer_path, limits::kFileBytes);
  if (!answer.ok()) return absl::OkStatus();
  ESPALIER_RETURN_IF_ERROR(io.RemoveAll(answer_path));
  return absl::FailedPreconditionError(*answer);
}

}  // namespace espalier::agent
