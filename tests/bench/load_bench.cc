// load_bench: how long it takes to read and check 10,000 objects in 100 files of YAML: cold, and
// warm, as the reconciler does after a commit that changed one file: the others are remembered
// parsed.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/load/load.h"
#include "tests/bench/fleet_yaml.h"
#include "tests/bench/report.h"

namespace espalier {
namespace {

constexpr int kFiles = 100;
constexpr int kObjectsPerFile = 100;
constexpr int kRounds = 5;

std::vector<SourceFile> MakeFiles() {
  std::vector<SourceFile> files;
  for (int file = 0; file < kFiles; ++file) {
    SourceFile source{.path = absl::StrCat("fleet/", file, ".yaml")};
    for (int i = 0; i < kObjectsPerFile; ++i) source.bytes += VmYaml(file, i);
    files.push_back(std::move(source));
  }
  return files;
}

void Run() {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::vector<SourceFile> files = MakeFiles();
  std::vector<std::vector<LoadedObject>> remembered;
  std::vector<absl::Duration> cold;
  std::vector<absl::Duration> warm;
  for (int round = 0; round < kRounds; ++round) {
    Problems problems;
    absl::Duration start = clock->Elapsed();
    remembered.clear();
    for (const SourceFile& file : files) remembered.push_back(LoadFile(file, problems));
    std::vector<LoadedObject> all;
    for (const auto& objects : remembered) all.insert(all.end(), objects.begin(), objects.end());
    ESPALIER_CHECK(Combine(std::move(all), problems).size() == kFiles * kObjectsPerFile);
    cold.push_back(clock->Elapsed() - start);

    start = clock->Elapsed();
    remembered[round] = LoadFile(files[round], problems);
    all.clear();
    for (const auto& objects : remembered) all.insert(all.end(), objects.begin(), objects.end());
    ESPALIER_CHECK(Combine(std::move(all), problems).size() == kFiles * kObjectsPerFile);
    warm.push_back(clock->Elapsed() - start);
    ESPALIER_CHECK(!problems.HasErrors());
  }
  // The best round: what else runs on the machine only adds to it.
  Report("load/10000_objects/cold", PercentileMs(cold, 0) / 1000, "s");
  Report("load/10000_objects/warm", PercentileMs(warm, 0) / 1000, "s");
}

}  // namespace
}  // namespace espalier

int main() { espalier::Run(); }
