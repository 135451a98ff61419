// store_bench [--quick] [DIR]: how fast the SQLite store writes and opens, on the disk of DIR (a
// temporary folder by default). Values have 500 bytes, like objects do. --quick writes a twentieth.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/io.h"
#include "engine/base/mutex.h"
#include "engine/store/sqlite.h"
#include "tests/bench/report.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

class StoreBench {
 public:
  StoreBench(std::string path, int share) : path_(std::move(path)), share_(share) {}

  void Run() {
    const double sync_ms = DiskSync();
    Open();
    Single(sync_ms);
    for (const int writers : {4, 16, 64, 256}) Grouped(writers, 1);
    Grouped(4, 100);
    Fill();
    Close();
    const absl::Duration start = clock_->Elapsed();
    Open();
    Report("store/open/20000_keys_and_history",
           absl::ToDoubleMilliseconds(clock_->Elapsed() - start), "ms");
    Close();
  }

 private:
  void Open() {
    auto store = OpenSqliteStore(*clock_, *threads_, path_);
    ESPALIER_CHECK(store.ok());
    store_ = std::move(store).value();
  }
  void Close() {
    ESPALIER_CHECK(store_->Close().ok());
    store_ = nullptr;
  }

  // What the disk itself takes to sync four more KiB: no commit can be faster. The median.
  double DiskSync() {
    const std::unique_ptr<Io> io = MakeRealIo();
    const auto file = io->Open(path_ + ".sync", /*create=*/true);
    ESPALIER_CHECK(file.ok());
    const std::string page(4096, 'x');
    std::vector<absl::Duration> times;
    for (int i = 0; i < 1000; ++i) {
      ESPALIER_CHECK((*file)->WriteAt(static_cast<std::int64_t>(page.size()) * i, page).ok());
      const absl::Duration start = clock_->Elapsed();
      ESPALIER_CHECK((*file)->Sync().ok());
      times.push_back(clock_->Elapsed() - start);
    }
    Report("disk/sync/p50", PercentileMs(times, 0.5), "ms");
    Report("disk/sync/p99", PercentileMs(times, 0.99), "ms");
    return PercentileMs(times, 0.5);
  }

  // One writer that waits for each commit.
  void Single(double sync_ms) {
    std::vector<absl::Duration> times;
    for (int i = 0; i < 3000 / share_; ++i)
      times.push_back(Commit(absl::StrCat("single/", i % 1000), 1));
    Report("store/single/p50", PercentileMs(times, 0.5), "ms");
    Report("store/single/p50_over_disk_sync", PercentileMs(times, 0.5) / sync_ms, "ratio");
    Report("store/single/p99", PercentileMs(times, 0.99), "ms");
    Report("store/single/max", PercentileMs(times, 1), "ms");
  }

  // Writers that each wait for their own commit share syncs of the disk.
  void Grouped(int writers, int ops) {
    const int commits = std::max(40000 / share_ / ops / writers, 10);
    Mutex mu;
    std::vector<absl::Duration> times;
    std::vector<std::unique_ptr<Thread>> threads;
    const absl::Duration start = clock_->Elapsed();
    for (int writer = 0; writer < writers; ++writer) {
      threads.push_back(threads_->Start("writer", [&, writer] {
        std::vector<absl::Duration> own;
        for (int i = 0; i < commits; ++i) {
          own.push_back(Commit(absl::StrCat("grouped/", writer, "/", i % 100), ops));
        }
        MutexLock lock(mu);
        times.insert(times.end(), own.begin(), own.end());
      }));
    }
    for (auto& thread : threads) thread->Join();
    const double seconds = absl::ToDoubleSeconds(clock_->Elapsed() - start);
    const std::string name = absl::StrCat("store/grouped/", writers, "_writers_of_", ops);
    Report(absl::StrCat(name, "/writes"), writers * commits * ops / seconds, "writes/s");
    Report(absl::StrCat(name, "/p99"), PercentileMs(times, 0.99), "ms");
  }

  // 20,000 live keys and a full history behind them.
  void Fill() {
    for (int i = 0; i < 1000 / share_; ++i) Commit(absl::StrCat("fill/", i % 200), 100);
  }

  absl::Duration Commit(const std::string& key, int ops) {
    static const std::string& value = *new std::string(500, 'x');
    Transaction transaction;
    for (int i = 0; i < ops; ++i) {
      transaction.ops.push_back({StoreOp::Type::kPut, absl::StrCat(key, "/", i), value});
    }
    const absl::Duration start = clock_->Elapsed();
    ESPALIER_CHECK(store_->Commit(transaction).ok());
    return clock_->Elapsed() - start;
  }

  const std::string path_;
  // One of so many writes is made.
  const int share_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  std::unique_ptr<Store> store_;
};

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  const espalier::TempDir temporary;
  std::string dir = temporary.path();
  int share = 1;
  for (const absl::string_view argument : std::vector<absl::string_view>(argv + 1, argv + argc)) {
    if (argument == "--quick") {
      share = 20;
    } else {
      dir = std::string(argument);
    }
  }
  espalier::StoreBench(dir + "/store_bench.db", share).Run();
}
