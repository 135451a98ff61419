// engine_bench WHAT: measures a running engine from outside, over REST and gRPC on loopback.
//
//   creates   VMs created over REST on four connections, without any host
//   plan      a set of VMs planned, applied and planned again
//   fleet     simulated hosts; from a create to the agent that gets the VM, with few and with many
//             VMs standing; lists; memory; creates with the fleet there
//
// tests/bench/run starts the engine and says where it is.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/mutex.h"
#include "engine/client/remote.h"
#include "tests/bench/light_agents.h"
#include "tests/bench/process_usage.h"
#include "tests/bench/report.h"
#include "tests/bench/rest_client.h"

namespace espalier {
namespace {

struct BenchOptions {
  std::string what;
  std::string grpc;
  std::string http;
  std::string token_file;
  std::string image;
  int pid = 0;
  int hosts = 1000;
  int standing = 10000;
  int objects = 10000;
  int creates = 10000;
  int arrivals = 400;
};

constexpr int kConnections = 4;
constexpr int kCreatesPerSecond = 20;
constexpr int kListRounds = 21;
constexpr std::size_t kPageSize = 500;
// Objects of one apply while the standing VMs are made: what commits at once.
constexpr int kSetSize = 100;
constexpr absl::Duration kPatience = absl::Minutes(5);

// What goes wrong in a benchmark ends it: half a measurement is none.
void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

template <typename Value>
Value Require(absl::StatusOr<Value> value) {
  Require(value.status());
  return *std::move(value);
}

class EngineBench {
 public:
  explicit EngineBench(BenchOptions options) : options_(std::move(options)) {
    const std::string token =
        std::string(absl::StripAsciiWhitespace(Require(io_->ReadFile(options_.token_file, 4096))));
    RemoteOptions remote;
    remote.engine = options_.grpc;
    remote.token = token;
    admin_ = Require(MakeRemote(*clock_, *threads_, *io_, remote));
    rest_ = std::make_unique<RestClient>(options_.http, token);
    // Asked once before anything counts, so that nobody waits for the registry.
    Require(rest_->CreateVm("first", options_.image));
  }

  void Run() {
    if (options_.what == "creates") {
      Creates("rest/creates/no_hosts", options_.creates);
    } else if (options_.what == "plan") {
      Plan();
    } else {
      Fleet();
    }
  }

 private:
  // Closed loop: each connection sends the next create when the last is answered.
  void Creates(const std::string& name, int count) {
    Mutex mu;
    std::vector<absl::Duration> times;
    std::vector<std::unique_ptr<Thread>> threads;
    const absl::Duration cpu = engine_.Processor();
    const absl::Duration start = clock_->Elapsed();
    for (int connection = 0; connection < kConnections; ++connection) {
      threads.push_back(threads_->Start("creates", [&, connection] {
        std::vector<absl::Duration> own;
        for (int i = connection; i < count; i += kConnections) {
          const absl::Duration began = clock_->Elapsed();
          Require(rest_->CreateVm(absl::StrCat("create-", i), options_.image));
          own.push_back(clock_->Elapsed() - began);
        }
        MutexLock lock(mu);
        times.insert(times.end(), own.begin(), own.end());
      }));
    }
    for (auto& thread : threads) thread->Join();
    const double seconds = absl::ToDoubleSeconds(clock_->Elapsed() - start);
    Report(name, count / seconds, "creates/s");
    Report(absl::StrCat(name, "/p99"), PercentileMs(times, 0.99), "ms");
    Report(absl::StrCat(name, "/engine_cpu"),
           absl::ToDoubleMicroseconds(engine_.Processor() - cpu) / count, "us/create");
  }

  ApplyRequest VmSet(const std::string& prefix, int begin, int end) const {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::GIT);
    request.mutable_owner()->set_instance("bench");
    for (int i = begin; i < end; ++i) {
      Declared& declared = *request.add_objects();
      declared.set_source(absl::StrCat("fleet.yaml:", 12 * i + 1));
      Resource& vm = *declared.mutable_resource();
      vm.mutable_metadata()->set_name(absl::StrCat(prefix, i));
      vm.mutable_metadata()->set_namespace_("default");
      (*vm.mutable_metadata()->mutable_labels())["team"] = "ios";
      v1::VmSpec& spec = *vm.mutable_vm()->mutable_spec();
      spec.set_image(options_.image);
      spec.set_cpu(2);
      spec.set_memory_mib(4096);
    }
    return request;
  }

  ApplyResult Apply(const ApplyRequest& request) const {
    CallContext context;
    context.timeout = kPatience;
    ApplyResult result = Require(admin_->resources().Apply(context, request));
    for (const auto& problem : result.problems()) std::cerr << problem.ShortDebugString() << "\n";
    ESPALIER_CHECK(request.dry_run() || result.applied());
    return result;
  }

  void Plan() {
    ApplyRequest set = VmSet("vm-", 0, options_.objects);
    const auto measure = [&](const std::string& name, bool dry_run) {
      set.set_dry_run(dry_run);
      const absl::Duration start = clock_->Elapsed();
      const ApplyResult result = Apply(set);
      ESPALIER_CHECK(result.plan().actions_size() == options_.objects);
      const double seconds = absl::ToDoubleSeconds(clock_->Elapsed() - start);
      Report(name, seconds, "s");
      return seconds;
    };
    measure("plan/new_set", true);
    Report("plan/apply/rate", options_.objects / measure("plan/apply", false), "objects/s");
    measure("plan/unchanged_set", true);
  }

  void Fleet() {
    LightAgents agents(*clock_, *threads_, *io_, options_.grpc,
                       [this](const std::string& vm, absl::Duration at) { Arrived(vm, at); });
    Require(agents.Start(*admin_, static_cast<std::size_t>(options_.hosts)));
    WaitForRunning(agents, 1);
    Arrivals("few_standing", "few-", agents);

    const std::size_t before = agents.running();
    for (int i = 0; i < options_.standing; i += kSetSize) {
      Apply(VmSet("standing-", i, std::min(i + kSetSize, options_.standing)));
    }
    WaitForRunning(agents, before + static_cast<std::size_t>(options_.standing));
    Arrivals("many_standing", "many-", agents);
    Lists();
    Report("fleet/engine_memory", engine_.PeakMib(), "MiB");
    Creates("rest/creates/with_fleet", options_.creates / 4);
  }

  void WaitForRunning(const LightAgents& agents, std::size_t count) const {
    const absl::Duration deadline = clock_->Elapsed() + kPatience;
    while (agents.running() < count) {
      if (clock_->Elapsed() > deadline) {
        Require(absl::DeadlineExceededError(
            absl::StrCat("only ", agents.running(), " of ", count, " VMs run")));
      }
      clock_->Sleep(absl::Milliseconds(20));
    }
  }

  // Open loop: a create every 50 ms, whatever became of the one before.
  void Arrivals(const std::string& name, const std::string& prefix, const LightAgents& agents) {
    const std::size_t before = agents.running();
    {
      MutexLock lock(mu_);
      created_.clear();
      arrivals_.clear();
    }
    const absl::Duration cpu = engine_.Processor();
    absl::Duration next = clock_->Elapsed();
    for (int i = 0; i < options_.arrivals; ++i) {
      next += absl::Seconds(1) / kCreatesPerSecond;
      clock_->Sleep(next - clock_->Elapsed());
      const std::string vm = absl::StrCat(prefix, i);
      {
        MutexLock lock(mu_);
        created_[vm] = clock_->Elapsed();
      }
      Require(rest_->CreateVm(vm, options_.image));
    }
    WaitForRunning(agents, before + static_cast<std::size_t>(options_.arrivals));
    MutexLock lock(mu_);
    ESPALIER_CHECK(arrivals_.size() == static_cast<std::size_t>(options_.arrivals));
    Report(absl::StrCat("arrival/", name, "/p50"), PercentileMs(arrivals_, 0.5), "ms");
    Report(absl::StrCat("arrival/", name, "/p99"), PercentileMs(arrivals_, 0.99), "ms");
    // Beats of all hosts included.
    Report(absl::StrCat("arrival/", name, "/engine_cpu"),
           absl::ToDoubleMilliseconds(engine_.Processor() - cpu) / options_.arrivals, "ms/create");
  }

  void Arrived(const std::string& vm, absl::Duration at) {
    MutexLock lock(mu_);
    const auto created = created_.find(vm);
    if (created != created_.end()) arrivals_.push_back(at - created->second);
  }

  void Lists() {
    std::vector<absl::Duration> times;
    const absl::Duration cpu = engine_.Processor();
    for (int round = 0; round < kListRounds; ++round) {
      const absl::Duration start = clock_->Elapsed();
      const std::size_t found = Require(rest_->ListVms(kPageSize));
      times.push_back(clock_->Elapsed() - start);
      ESPALIER_CHECK(found >= static_cast<std::size_t>(options_.standing));
    }
    Report("rest/list/p50", PercentileMs(times, 0.5), "ms");
    Report("rest/list/engine_cpu",
           absl::ToDoubleMilliseconds(engine_.Processor() - cpu) / kListRounds, "ms/list");
  }

  const BenchOptions options_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  const ProcessUsage engine_{*io_, options_.pid};
  std::unique_ptr<Remote> admin_;
  std::unique_ptr<RestClient> rest_;

  Mutex mu_;
  std::map<std::string, absl::Duration> created_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Duration> arrivals_ ABSL_GUARDED_BY(mu_);
};

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  espalier::BenchOptions options;
  CLI::App app("Measures a running engine; see tests/bench/run.", "engine_bench");
  app.add_option("what", options.what)
      ->required()
      ->check(CLI::IsMember({"creates", "plan", "fleet"}));
  app.add_option("--grpc", options.grpc)->required();
  app.add_option("--http", options.http)->required();
  app.add_option("--token-file", options.token_file)->required();
  app.add_option("--image", options.image)->required();
  app.add_option("--pid", options.pid)->required();
  app.add_option("--hosts", options.hosts);
  app.add_option("--standing", options.standing);
  app.add_option("--objects", options.objects);
  app.add_option("--creates", options.creates);
  app.add_option("--arrivals", options.arrivals);
  CLI11_PARSE(app, argc, argv);
  espalier::EngineBench(options).Run();
  return 0;
}
