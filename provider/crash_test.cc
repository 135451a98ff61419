#include "provider/crash.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace espalier::provider {
namespace {

// A sanitizer has handlers of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

volatile int deep = 1;

// Has no end that a compiler could see.
int Overflow(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return deep != 0 ? Overflow(depth + 1) + frame[0] : 0;
}

TEST(CrashDeathTest, AnOverflowOfTheStackIsTold) {
  EXPECT_EXIT(
      {
        ReportCrashesToCore();
        Overflow(0);
      },
      testing::KilledBySignal(SIGSEGV), "panic: invalid memory access\n\n.*stack:\n0x");
}

TEST(CrashDeathTest, AnOverflowOfAnotherThreadIsTold) {
  EXPECT_EXIT(
      {
        ReportCrashesToCore();
        ReportingThreads(MakeRealThreads())->Start("deep", [] { Overflow(0); })->Join();
      },
      testing::KilledBySignal(SIGSEGV), "panic: invalid memory access\n\n.*stack:\n0x");
}

#endif

}  // namespace
}  // namespace espalier::provider
