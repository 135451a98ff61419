#include "provider/crash.h"

#include <signal.h>
#include <unistd.h>
#include <unwind.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <utility>

namespace espalier::provider {
namespace {

constexpr int kFrames = 64;

// Only what may be called from a signal handler: no allocation, no locks, no stdio.
void Print(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void PrintAddress(std::uintptr_t address) {
  char text[2 + 2 * sizeof(address) + 2] = "0x";
  constexpr int kDigits = 2 * sizeof(address);
  for (int i = 0; i < kDigits; ++i) {
    text[2 + i] = "0123456789abcdef"[(address >> (4 * (kDigits - 1 - i))) & 15];
  }
  text[2 + kDigits] = '\n';
  text[3 + kDigits] = '\0';
  Print(text);
}

_Unwind_Reason_Code PrintFrame(_Unwind_Context* context, void* count) {
  PrintAddress(_Unwind_GetIP(context));
  return ++*static_cast<int*>(count) < kFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

void OnCrash(int number) {
  Print("panic: ");
  Print(number == SIGSEGV   ? "invalid memory access"
        : number == SIGABRT ? "aborted"
        : number == SIGFPE  ? "invalid arithmetic"
        : number == SIGBUS  ? "bus error"
                            : "illegal instruction");
  Print("\n\nterraform-provider-espalier, stack:\n");
  int count = 0;
  _Unwind_Backtrace(&PrintFrame, &count);
  // The handler was installed for one crash: the default action now ends the process.
  ::raise(number);
}

// Who has overflowed its stack has no room on it for the handler. Pages that nobody touches cost
// nothing. To be called by each thread.
void StandByForOverflow() {
  static constexpr std::size_t kBytes = 64 << 10;
  alignas(16) static thread_local char stack[kBytes];
  stack_t other = {};
  other.ss_sp = stack;
  other.ss_size = kBytes;
  ::sigaltstack(&other, nullptr);
}

class StandingBy final : public Threads {
 public:
  explicit StandingBy(std::unique_ptr<Threads> threads) : threads_(std::move(threads)) {}

  std::unique_ptr<Thread> Start(absl::string_view name, absl::AnyInvocable<void()> body) override {
    return threads_->Start(name, [body = std::move(body)]() mutable {
      StandByForOverflow();
      body();
    });
  }

 private:
  const std::unique_ptr<Threads> threads_;
};

}  // namespace

void ReportCrashesToCore() {
  StandByForOverflow();
  struct sigaction action = {};
  action.sa_handler = &OnCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) {
    ::sigaction(number, &action, nullptr);
  }
}

std::unique_ptr<Threads> ReportingThreads(std::unique_ptr<Threads> threads) {
  return std::make_unique<StandingBy>(std::move(threads));
}

}  // namespace espalier::provider
