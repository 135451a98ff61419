// ESPALIER_CHECK: what must hold if the program itself is right. Always on. Never use it on bytes
// that came from outside: those are answered with a status or a Problem.
#pragma once

namespace espalier {

// Prints file, line and the condition to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace espalier

#define ESPALIER_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::espalier::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
