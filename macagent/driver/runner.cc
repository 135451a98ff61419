#include "macagent/driver/runner.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/call_context.h"
#include "engine/base/limits.h"
#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "macagent/driver/qemu.h"
#include "macagent/driver/qmp.h"
#include "macagent/driver/run_record.h"
#include "macagent/driver/unix_socket.h"

namespace espalier::agent {
namespace {

// How often the machine is looked at between questions.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
// A machine that was told to quit and is there after this long is killed.
constexpr absl::Duration kQuitPatience = absl::Seconds(2);
// Of qemu's last words, what goes into a message.
constexpr std::size_t kLastWords = 300;

// qemu as a child of this process: who waits for it in a thread knows its end for certain.
class Machine {
 public:
  Machine(Threads& threads, Io& io, std::vector<std::string> argv) {
    thread_ = threads.Start("qemu", [this, &io, argv = std::move(argv)] {
      absl::StatusOr<ProcessResult> result =
          io.Run({.argv = argv, .deadline = absl::InfiniteDuration(), .cancellation = &kill_});
      MutexLock lock(mu_);
      result_ = std::move(result);
    });
  }
  ~Machine() {
    kill_.Cancel();
    thread_->Join();
  }

  void Kill() { kill_.Cancel(); }
  std::optional<absl::StatusOr<ProcessResult>> result() {
    MutexLock lock(mu_);
    return result_;
  }

 private:
  Cancellation kill_;
  std::unique_ptr<Thread> thread_;
  Mutex mu_;
  std::optional<absl::StatusOr<ProcessResult>> result_ ABSL_GUARDED_BY(mu_);
};

class Runner {
 public:
  Runner(Clock& clock, Io& io, RunState run) : clock_(clock), io_(io), run_(std::move(run)) {}

  // Until the machine has ended.
  void Watch(Machine& machine, UnixServer& server) {
    while (true) {
      server.Serve(kLookEvery, [&](absl::string_view line) { return Answer(line); });
      if (const auto result = machine.result(); result.has_value()) {
        Conclude(*result);
        return;
      }
      LookAtMachine();
      const absl::Duration now = clock_.Elapsed();
      if (run_.spec.fence && now >= run_.spec.lease_until && !fenced_) {
        fenced_ = true;
        kill_at_ = now + kQuitPatience;
        Quit();
      }
      if (run_.phase == RunPhase::kStopping && now >= quit_at_) {
        quit_at_ = absl::InfiniteDuration();
        kill_at_ = std::min(kill_at_, now + kQuitPatience);
        Quit();
      }
      if (now >= kill_at_) machine.Kill();
    }
  }

  // It was told to stop before it began.
  void NeverStarted() { run_.phase = RunPhase::kStopped; }

  absl::Status Save() { return io_.WriteFile(kRunFile, EncodeRun(run_), 0600); }

 private:
  std::string Answer(absl::string_view line) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    std::int64_t number = 0;
    if (words[0] == "status" && words.size() == 1) return EncodeRun(run_);
    if (words[0] == "fence" && words.size() == 3 && absl::SimpleAtoi(words[2], &number)) {
      run_.spec.fence = words[1] == "1";
      run_.spec.lease_until = std::max(run_.spec.lease_until, absl::Microseconds(number));
      return "ok";
    }
    if (words[0] == "renew" && words.size() == 2 && absl::SimpleAtoi(words[1], &number)) {
      run_.spec.lease_until = std::max(run_.spec.lease_until, absl::Microseconds(number));
      return "ok";
    }
    if (words[0] == "stop" && words.size() == 2 && absl::SimpleAtoi(words[1], &number)) {
      Stop(absl::Milliseconds(number));
      return "ok";
    }
    return "not understood";
  }

  void Stop(absl::Duration grace) {
    if (run_.phase == RunPhase::kStopping) return;
    run_.phase = RunPhase::kStopping;
    quit_at_ = clock_.Elapsed() + grace;
    PressPowerButton();
  }

  void LookAtMachine() {
    if (qmp_ == nullptr) {
      absl::StatusOr<std::unique_ptr<Qmp>> qmp = Qmp::Connect(".", kQmpSocket);
      if (!qmp.ok()) return;
      qmp_ = *std::move(qmp);
      if (run_.phase == RunPhase::kStarting) {
        run_.phase = RunPhase::kRunning;
        (void)Save();
      } else {
        PressPowerButton();
      }
      if (fenced_) Quit();
    }
    qmp_->Poll();
  }
  void PressPowerButton() {
    if (qmp_ != nullptr) (void)qmp_->Send("system_powerdown");
  }
  void Quit() {
    if (qmp_ != nullptr) (void)qmp_->Send("quit");
  }

  void Conclude(const absl::StatusOr<ProcessResult>& result) {
    if (qmp_ != nullptr) qmp_->Poll();
    const std::string reason = qmp_ == nullptr ? "" : qmp_->shutdown_reason();
    if (fenced_) {
      run_.phase = RunPhase::kFenced;
      run_.message = "the engine was not heard for the run lease";
    } else if (run_.phase == RunPhase::kStopping || reason == "guest-shutdown") {
      run_.phase = RunPhase::kStopped;
    } else {
      run_.phase = RunPhase::kFailed;
      run_.message = Obituary(result, reason);
    }
  }
  static std::string Obituary(const absl::StatusOr<ProcessResult>& result,
                              const std::string& reason) {
    if (!result.ok()) return absl::StrCat("qemu: ", result.status().message());
    absl::string_view words = absl::StripAsciiWhitespace(result->err);
    if (words.size() > kLastWords) words.remove_prefix(words.size() - kLastWords);
    return absl::StrCat("qemu ended with ", result->exit_code, reason.empty() ? "" : ", ", reason,
                        words.empty() ? "" : ": ", words);
  }

  Clock& clock_;
  Io& io_;
  RunState run_;
  std::unique_ptr<Qmp> qmp_;
  bool fenced_ = false;
  absl::Duration quit_at_ = absl::InfiniteDuration();
  absl::Duration kill_at_ = absl::InfiniteDuration();
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "espalier-agent run-vm: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int RunVm(Clock& clock, Threads& threads, Io& io, const std::string& self) {
  const absl::StatusOr<std::string> text = io.ReadFile(kRunFile, limits::kFileBytes);
  if (!text.ok()) return Fail(text.status());
  absl::StatusOr<RunState> run = DecodeRun(*text);
  if (!run.ok()) return Fail(run.status());
  // An older runner of this bundle has gone on, or has come to an end.
  if (run->phase != RunPhase::kStarting) return 0;
  absl::StatusOr<std::unique_ptr<UnixServer>> server = UnixServer::Listen(".", kRunnerSocket);
  if (!server.ok()) return Fail(server.status());

  const bool kvm = io.Stat("use-kvm").ok();
  const std::string cmdline = io.ReadFile("cmdline", limits::kFileBytes).value_or("");
  std::vector<std::string> argv = {self, "tied"};
  for (std::string& word :
       QemuCommand(run->spec, kvm, io.Stat("vmlinuz").ok(), io.Stat("initrd").ok(), cmdline)) {
    argv.push_back(std::move(word));
  }
  Runner runner(clock, io, *std::move(run));
  if (io.Stat(kStopFile).ok()) {
    runner.NeverStarted();
  } else {
    Machine machine(threads, io, std::move(argv));
    runner.Watch(machine, **server);
  }
  (void)io.RemoveAll(kQmpSocket);
  const absl::Status saved = runner.Save();
  server->reset();
  (void)io.RemoveAll(kRunnerSocket);
  return saved.ok() ? 0 : Fail(saved);
}

int ExecTied(char** argv) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before that.
  if (getppid() == 1) return 1;
#endif
  execvp(argv[0], argv);
  std::fprintf(stderr, "%s: %s\n", argv[0], std::strerror(errno));
  return 127;
}

}  // namespace espalier::agent
