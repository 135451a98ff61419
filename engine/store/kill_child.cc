// The program that kill_test kills: store_kill_child FILE. Writers on four threads commit as fast
// as they can and say so on standard output once each commit is acknowledged: "<writer>
// <number>\n".
//
// Each commit writes the writer's number under two keys, so that a commit stored by half shows.
// Logs are swept and compacted often, so that the kill falls into those as well.
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/store/sqlite.h"

namespace espalier {
namespace {

constexpr int kWriters = 4;

void Write(Store& store, int writer) {
  const std::string left = absl::StrCat("left/", writer);
  const std::string right = absl::StrCat("right/", writer);
  // Makes the log grow by a page every second commit, so that there is something to checkpoint.
  const std::string filler(2000, 'x');
  int number = 0;
  if (const auto last = store.Get(left); last.ok()) {
    ESPALIER_CHECK(absl::SimpleAtoi(last->value, &number));
  }
  for (;;) {
    ++number;
    const std::string value = absl::StrCat(number);
    const auto revision =
        store.Commit({{},
                      {{StoreOp::Type::kPut, left, value},
                       {StoreOp::Type::kPut, right, value},
                       {StoreOp::Type::kPut, absl::StrCat("fill/", writer), filler}}});
    ESPALIER_CHECK(revision.ok());
    const std::string line = absl::StrCat(writer, " ", number, "\n");
    // So few bytes are written to a pipe as a whole.
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) return;
    if (number % 32 == 0) ESPALIER_CHECK(store.Compact(*revision - 10).ok());
  }
}

int Main(const std::string& path) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  const auto store = OpenSqliteStore(*clock, *threads, path);
  ESPALIER_CHECK(store.ok());
  std::vector<std::unique_ptr<Thread>> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.push_back(threads->Start("writer", [&, writer] { Write(**store, writer); }));
  }
  for (auto& writer : writers) writer->Join();
  return (*store)->Close().ok() ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) { return argc == 2 ? espalier::Main(argv[1]) : 2; }
