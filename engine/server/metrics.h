// Metrics: what the server counts about itself, in Prometheus' text form. prometheus-cpp stays in
// the .cc. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace espalier {

// What is measured when somebody looks.
struct Gauges {
  // By kind: "vm".
  std::map<std::string, std::size_t> objects;
  std::size_t watches = 0;
  std::size_t sessions = 0;
  std::int64_t revision = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // A call that has ended. `interface` is "grpc" or "rest"; `method` comes from a fixed set.
  void CountCall(absl::string_view interface, absl::string_view method, absl::StatusCode code,
                 absl::Duration took);
  // A call that was not let in: no token, or a bad one.
  void CountRejected(absl::string_view interface);

  std::string Text(const Gauges& gauges);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace espalier
