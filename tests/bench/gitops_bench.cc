// gitops_bench [--files N] [--objects-per-file N] [--rounds N]: how long it takes to bring a
// repository of declarations and to read and check it: all of it, and after a commit that changed
// one file. Each fetch is a child process, as in the reconciler.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/source_reader.h"
#include "reconciler/testing/test_repository.h"
#include "tests/bench/fleet_yaml.h"
#include "tests/bench/report.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

struct Size {
  int files = 400;
  int objects_per_file = 25;
  int rounds = 11;
};

class Bench {
 public:
  explicit Bench(const Size& size) : size_(size) {
    for (int file = 0; file < size.files; ++file) Write(file, 8192);
    repository_.CommitText(files_);
  }

  void Run() {
    Timed first = Read();
    Report("gitops/fetch/clone", absl::ToDoubleSeconds(first.fetch), "s");
    Report("gitops/validate/cold", absl::ToDoubleSeconds(first.check), "s");
    std::vector<absl::Duration> fetches;
    std::vector<absl::Duration> checks;
    for (int round = 0; round < size_.rounds; ++round) {
      Write(round % size_.files, 4096 + round);
      repository_.CommitText(files_);
      const Timed changed = Read();
      ESPALIER_CHECK(changed.result.head->parsed == 1);
      fetches.push_back(changed.fetch);
      checks.push_back(changed.check);
    }
    Report("gitops/fetch/one_file", PercentileMs(fetches, 0.5) / 1000, "s");
    Report("gitops/validate/warm", PercentileMs(checks, 0.5) / 1000, "s");
    Report("gitops/fetch/nothing_new", absl::ToDoubleSeconds(Read().fetch), "s");
  }

 private:
  struct Timed {
    ReadResult result;
    absl::Duration fetch;
    absl::Duration check;
  };

  void Write(int file, int memory_mib) {
    std::string& text = files_[absl::StrCat("fleet/", file / 20, "/", file, ".yaml")];
    text.clear();
    for (int i = 0; i < size_.objects_per_file; ++i) text += VmYaml(file, i, memory_mib);
  }

  Timed Read() {
    v1::GitSourceSpec spec;
    spec.set_repository(repository_.path());
    spec.set_path("fleet");
    in_fetch_ = absl::ZeroDuration();
    const absl::Duration start = clock_->Elapsed();
    Timed timed{.result = reader_.Read({.spec = spec})};
    timed.check = clock_->Elapsed() - start - in_fetch_;
    timed.fetch = in_fetch_;
    ESPALIER_CHECK(timed.result.fetched.ok());
    ESPALIER_CHECK(timed.result.head->valid());
    ESPALIER_CHECK(timed.result.head->declared.size() ==
                   static_cast<std::size_t>(size_.files) * size_.objects_per_file);
    return timed;
  }

  const Size size_;
  GitLibrary library_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/fleet.git")};
  std::map<std::string, std::string> files_;
  absl::Duration in_fetch_;
  const Fetch in_child_ = FetchInChild(*io_, {.command = {ESPALIER_RECONCILER, "fetch-child"}});
  SourceReader reader_{library_,
                       *io_,
                       [this](const FetchRequest& request) {
                         const absl::Duration start = clock_->Elapsed();
                         auto answer = in_child_(request);
                         in_fetch_ += clock_->Elapsed() - start;
                         return answer;
                       },
                       absl::StrCat(dir_.path(), "/cache"),
                       "",
                       Environment()};
};

int Main(int argc, char** argv) {
  Size size;
  const std::map<std::string, int*> options = {{"--files", &size.files},
                                               {"--objects-per-file", &size.objects_per_file},
                                               {"--rounds", &size.rounds}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto option = options.find(argv[i]);
    if (option == options.end() || !absl::SimpleAtoi(argv[i + 1], option->second)) {
      std::fprintf(stderr, "usage: gitops_bench [--files N] [--objects-per-file N] [--rounds N]\n");
      return 2;
    }
  }
  Bench(size).Run();
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) { return espalier::Main(argc, argv); }
