#include "provider/crash.h"

#include <signal.h>
#include <unistd.h>
#include <unwind.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

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

}  // namespace

void ReportCrashesToCore() {
  struct sigaction action = {};
  action.sa_handler = &OnCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) {
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace espalier::provider
