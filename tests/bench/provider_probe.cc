// provider_probe WHAT: measures a running provider from outside, as Terraform's core talks to it.
//
//   schema   the first call after the handshake, and later ones
//   load     plans, creates and reads of VMs; what they cost the provider's process; its memory and
//            its end
//
// tests/bench/run starts the provider and, for `load`, an engine, and says where they are.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "tests/bench/process_usage.h"
#include "tests/bench/provider_core.h"
#include "tests/bench/report.h"

namespace espalier {
namespace {

using provider::Value;

constexpr char kType[] = "espalier_vm";
constexpr int kSchemaCalls = 51;
// So many calls does core make at once, unless told otherwise.
constexpr int kAtOnce = 10;
constexpr absl::Duration kEndTimeout = absl::Seconds(5);
constexpr absl::Duration kEndInterval = absl::Microseconds(200);

struct ProbeOptions {
  std::string what;
  ProviderAddress address;
  int pid = 0;
  std::string engine;
  std::string token;
  std::string image;
  int plans = 10000;
  int creates = 1000;
};

class Probe {
 public:
  Probe(const ProbeOptions& options, Clock& clock, Threads& threads, Io& io)
      : options_(options),
        clock_(clock),
        threads_(threads),
        provider_(io, options.pid),
        core_(clock, io, options.address) {}

  void Schema() {
    const absl::Duration start = clock_.Elapsed();
    core_.GetSchema();
    Report("provider/first_schema", absl::ToDoubleMilliseconds(clock_.Elapsed() - start), "ms");
    std::vector<absl::Duration> calls;
    for (int i = 0; i < kSchemaCalls; ++i) {
      const absl::Duration began = clock_.Elapsed();
      core_.GetSchema();
      calls.push_back(clock_.Elapsed() - began);
    }
    Report("provider/schema", PercentileMs(calls, 0.5), "ms");
  }

  void Load() {
    core_.GetSchema();
    // Without an engine: what a plan itself costs.
    Plan("provider/plan", options_.plans, kAtOnce);
    Plan("provider/lone_plan", options_.plans / 10, 1);
    Report("provider/memory_after_plans", provider_.PeakMib(), "MiB");
    core_.Configure({{"endpoint", Value::String(options_.engine)},
                     {"token", Value::String(options_.token)},
                     {"instance", Value::String("bench")}});
    // Each is also asked of the engine.
    Plan("provider/plan_and_ask", options_.plans / 10, kAtOnce);
    Create();
    // Many more of them: memory must not grow.
    Plan("provider/plan_again", options_.plans, kAtOnce);
    Report("provider/memory_after_all", provider_.PeakMib(), "MiB");
    End();
  }

 private:
  Value Vm(int number) const {
    return core_.Object(kType, {{"name", Value::String(absl::StrCat("bench-", number))},
                                {"image", Value::String(options_.image)},
                                {"power", Value::String("off")}});
  }

  // Makes the calls of 0 to `count`, `at_once` of them at any time, and reports what each cost.
  void Measure(const std::string& name, int count, int at_once,
               absl::FunctionRef<void(int number)> call) {
    const absl::Duration before = provider_.Processor();
    std::vector<std::unique_ptr<Thread>> callers;
    callers.reserve(static_cast<std::size_t>(at_once));
    for (int caller = 0; caller < at_once; ++caller) {
      callers.push_back(threads_.Start("core", [=] {
        for (int i = caller; i < count; i += at_once) call(i);
      }));
    }
    for (auto& caller : callers) caller->Join();
    const absl::Duration used = provider_.Processor() - before;
    Report(name, absl::ToDoubleMicroseconds(used) / std::max(1, count), "us");
  }

  void Plan(const std::string& name, int count, int at_once) {
    Measure(name, count, at_once, [&](int number) { core_.PlanCreate(kType, Vm(number)); });
  }

  void Create() {
    std::vector<Value> configs;
    std::vector<tfplugin6::PlanResourceChange::Response> plans;
    for (int i = 0; i < options_.creates; ++i) {
      configs.push_back(Vm(i));
      plans.push_back(core_.PlanCreate(kType, configs.back()));
    }
    std::vector<tfplugin6::DynamicValue> states(configs.size());
    Measure("provider/create", options_.creates, kAtOnce, [&](int number) {
      states[number] = core_.ApplyCreate(kType, configs[number], plans[number]).new_state();
    });
    Measure("provider/read", options_.creates, kAtOnce,
            [&](int number) { core_.Read(kType, states[number]); });
  }

  void End() {
    core_.Shutdown();
    const absl::Duration start = clock_.Elapsed();
    // It is not our child: its parent collects it later, and it is a zombie until then.
    Wakeup nobody;
    while (!provider_.HasEnded() && clock_.Elapsed() - start < kEndTimeout) {
      clock_.WaitFor(nobody, kEndInterval);
    }
    ESPALIER_CHECK(provider_.HasEnded());
    Report("provider/end", absl::ToDoubleMilliseconds(clock_.Elapsed() - start), "ms");
  }

  const ProbeOptions& options_;
  Clock& clock_;
  Threads& threads_;
  const ProcessUsage provider_;
  ProviderCore core_;
};

int Main(int argc, char** argv) {
  ProbeOptions options;
  CLI::App app("Measures a running provider.");
  app.add_option("what", options.what)->required()->check(CLI::IsMember({"schema", "load"}));
  app.add_option("--socket", options.address.socket)->required();
  app.add_option("--server-certificate", options.address.server_certificate)->required();
  app.add_option("--certificate", options.address.certificate_file)->required();
  app.add_option("--key", options.address.key_file)->required();
  app.add_option("--pid", options.pid, "the provider's process");
  app.add_option("--engine", options.engine);
  app.add_option("--token", options.token);
  app.add_option("--image", options.image);
  app.add_option("--plans", options.plans);
  app.add_option("--creates", options.creates);
  CLI11_PARSE(app, argc, argv);
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Threads> threads = MakeRealThreads();
  Probe probe(options, *clock, *threads, *io);
  if (options.what == "schema") {
    probe.Schema();
  } else {
    probe.Load();
  }
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) { return espalier::Main(argc, argv); }
