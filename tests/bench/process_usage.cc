#include "tests/bench/process_usage.h"

#include <ctime>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

constexpr std::size_t kFileBytes = 65536;

}  // namespace

ProcessUsage::ProcessUsage(Io& io, pid_t pid) : io_(io), pid_(pid) {}

absl::Duration ProcessUsage::Processor() const {
  clockid_t clock = 0;
  timespec used = {};
  ESPALIER_CHECK(clock_getcpuclockid(pid_, &clock) == 0);
  ESPALIER_CHECK(clock_gettime(clock, &used) == 0);
  return absl::DurationFromTimespec(used);
}

double ProcessUsage::PeakMib() const {
  for (absl::string_view line : absl::StrSplit(Proc("status"), '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    double kib = 0;
    if (words.size() > 1 && words[0] == "VmHWM:" && absl::SimpleAtod(words[1], &kib)) {
      return kib / 1024;
    }
  }
  ESPALIER_CHECK(!"no VmHWM");
  return 0;
}

bool ProcessUsage::HasEnded() const {
  // The state follows the program's name in brackets, which may hold anything.
  const std::string text = Proc("stat");
  const std::size_t name_end = text.rfind(") ");
  return name_end == std::string::npos || text[name_end + 2] == 'Z';
}

std::string ProcessUsage::Proc(const std::string& file) const {
  return io_.ReadFile(absl::StrCat("/proc/", pid_, "/", file), kFileBytes).value_or("");
}

}  // namespace espalier
