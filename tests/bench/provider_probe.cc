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

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "tests/bench/process_usage.h"
#include "tests/bench/provider_core.h"
#include "tests/bench/report.h"

namespace espalier {
namespace {

using provider::Value;

constexpr char kType[] = "espalier_vm";
constexpr int kSchemaCalls = 51;
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
  Probe(const ProbeOptions& options, Clock& clock, Io& io)
      : options_(options),
        clock_(clock),
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
    Plan("provider/plan", options_.plans);
    Report("provider/memory_after_plans", provider_.PeakMib(), "MiB");
    core_.Configure({{"endpoint", Value::String(options_.engine)},
                     {"token", Value::String(options_.token)},
                     {"instance", Value::String("bench")}});
    // Each is also asked of the engine.
    Plan("provider/plan_and_ask", options_.plans / 10);
    Create();
    // Many more of them: memory must not grow.
    Plan("provider/plan_again", options_.plans);
    Report("provider/memory_after_all", provider_.PeakMib(), "MiB");
    End();
  }

 private:
  Value Vm(int number) const {
    return core_.Object(kType, {{"name", Value::String(absl::StrCat("bench-", number))},
                                {"image", Value::String(options_.image)},
                                {"power", Value::String("off")}});
  }

  void Plan(const std::string& name, int count) {
    const absl::Duration before = provider_.Processor();
    for (int i = 0; i < count; ++i) core_.PlanCreate(kType, Vm(i));
    ReportEach(name, provider_.Processor() - before, count);
  }

  void Create() {
    std::vector<Value> configs;
    std::vector<tfplugin6::PlanResourceChange::Response> plans;
    for (int i = 0; i < options_.creates; ++i) {
      configs.push_back(Vm(i));
      plans.push_back(core_.PlanCreate(kType, configs.back()));
    }
    std::vector<tfplugin6::DynamicValue> states;
    absl::Duration before = provider_.Processor();
    for (int i = 0; i < options_.creates; ++i) {
      states.push_back(core_.ApplyCreate(kType, configs[i], plans[i]).new_state());
    }
    ReportEach("provider/create", provider_.Processor() - before, options_.creates);
    before = provider_.Processor();
    for (const tfplugin6::DynamicValue& state : states) core_.Read(kType, state);
    ReportEach("provider/read", provider_.Processor() - before, options_.creates);
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

  static void ReportEach(const std::string& name, absl::Duration all, int count) {
    Report(name, absl::ToDoubleMicroseconds(all) / std::max(1, count), "us");
  }

  const ProbeOptions& options_;
  Clock& clock_;
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
  Probe probe(options, *clock, *io);
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
