#include "engine/server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/mutex.h"

namespace espalier {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// Seconds; from an answer out of memory to a large set on a slow disk.
const prometheus::Histogram::BucketBoundaries kBuckets = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};

std::string CodeName(absl::StatusCode code) {
  return absl::AsciiStrToLower(absl::StatusCodeToString(code));
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& calls =
      BuildCounter()
          .Name("espalier_calls_total")
          .Help("Calls by interface, method and status code.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& rejected = BuildCounter()
                                                          .Name("espalier_calls_rejected_total")
                                                          .Help("Calls without a valid token.")
                                                          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds = BuildHistogram()
                                                           .Name("espalier_call_duration_seconds")
                                                           .Help("How long calls took.")
                                                           .Register(registry);
  prometheus::Family<prometheus::Gauge>& objects =
      BuildGauge().Name("espalier_objects").Help("Objects by kind.").Register(registry);
  prometheus::Gauge& watches =
      BuildGauge().Name("espalier_watches").Help("Open watches.").Register(registry).Add({});
  prometheus::Gauge& sessions = BuildGauge()
                                    .Name("espalier_sessions")
                                    .Help("Hosts heard since the engine started.")
                                    .Register(registry)
                                    .Add({});
  prometheus::Gauge& revision = BuildGauge()
                                    .Name("espalier_store_revision")
                                    .Help("Revision of the last write.")
                                    .Register(registry)
                                    .Add({});

  // Family::Add takes a lock and compares labels each time; calls are counted through these
  // instead.
  using Key = std::pair<std::string, absl::StatusCode>;
  Mutex mu;
  std::map<Key, prometheus::Counter*> counters ABSL_GUARDED_BY(mu);
  std::map<std::string, prometheus::Histogram*> histograms ABSL_GUARDED_BY(mu);
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::CountCall(absl::string_view interface, absl::string_view method,
                        absl::StatusCode code, absl::Duration took) {
  prometheus::Counter* counter = nullptr;
  prometheus::Histogram* histogram = nullptr;
  {
    MutexLock lock(families_->mu);
    const std::string name = absl::StrCat(interface, "/", method);
    prometheus::Counter*& known = families_->counters[{name, code}];
    if (known == nullptr) {
      known = &families_->calls.Add({{"interface", std::string(interface)},
                                     {"method", std::string(method)},
                                     {"code", CodeName(code)}});
    }
    counter = known;
    prometheus::Histogram*& bars = families_->histograms[name];
    if (bars == nullptr) {
      bars = &families_->seconds.Add(
          {{"interface", std::string(interface)}, {"method", std::string(method)}}, kBuckets);
    }
    histogram = bars;
  }
  counter->Increment();
  histogram->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::CountRejected(absl::string_view interface) {
  families_->rejected.Add({{"interface", std::string(interface)}}).Increment();
}

std::string Metrics::Text(const Gauges& gauges) {
  for (const auto& [kind, count] : gauges.objects) {
    families_->objects.Add({{"kind", kind}}).Set(static_cast<double>(count));
  }
  families_->watches.Set(static_cast<double>(gauges.watches));
  families_->sessions.Set(static_cast<double>(gauges.sessions));
  families_->revision.Set(static_cast<double>(gauges.revision));
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace espalier
