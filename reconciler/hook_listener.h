// HookListener: the socket that forges post to, where people read the plans that pull requests link
// to, and where the metrics are. The server below it bounds what a sender may take of size and time
// before anything is looked at.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/address.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/http.h"
#include "engine/listen/http_call.h"
#include "engine/listen/http_server.h"

namespace espalier {

class HookListener {
 public:
  struct Options {
    Address address;
    // Within which all of a request must be there, headers and body, however it is sent.
    absl::Duration request_time = absl::Seconds(10);
  };

  // Called on the listener's threads: the status that answers a POST to /hooks/<source>.
  using Handler = std::function<int(const std::string& source, const HttpHeaders& headers,
                                    absl::string_view body)>;

  // Called on the listener's threads: what GET /plans/<source>/<digest> (or <digest>.json) answers;
  // an error is "not there".
  using ReadPlan = std::function<absl::StatusOr<std::string>(
      const std::string& source, const std::string& digest, bool as_json)>;

  // Called on the listener's threads: what GET /metrics answers.
  using ReadMetrics = std::function<std::string()>;

  // Listens from now on; port 0 takes a free one. FAILED_PRECONDITION beyond loopback (there is no
  // TLS here: a proxy in front has it); UNAVAILABLE if the address is taken. Borrowed: clock and
  // threads.
  static absl::StatusOr<std::unique_ptr<HookListener>> Start(Clock& clock, Threads& threads,
                                                             const Options& options,
                                                             Handler handler, ReadPlan read_plan,
                                                             ReadMetrics read_metrics);
  // With the port that was chosen.
  const Address& address() const { return address_; }

  // Takes no more, waits for what is under way, and joins. Once, before it is destroyed.
  void Stop();

 private:
  HookListener(Handler handler, ReadPlan read_plan, ReadMetrics read_metrics);

  // Before the body is there; status 0 goes on.
  static HttpAnswer Admit(const HttpCall& call);
  HttpAnswer Answer(const HttpCall& call) const;

  const Handler handler_;
  const ReadPlan read_plan_;
  const ReadMetrics read_metrics_;
  std::unique_ptr<HttpServer> server_;
  Address address_;
};

}  // namespace espalier
