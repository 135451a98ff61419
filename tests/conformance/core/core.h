// Core: plays Terraform's core to a started provider: makes single calls of the protocol, so that
// tests can say what no command line would. One per program, made by main; thread-safe once made.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "provider/schema.h"
#include "provider/value.h"
#include "tests/support/plugin_channel.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

struct CoreOptions {
  ProviderAddress address;
  // Where an engine stands; empty if there is none.
  std::string engine;
  std::string token;
};

class Core {
 public:
  using Stub = PluginChannel::Stub;
  template <typename Request, typename Response>
  using Method = PluginChannel::Method<Request, Response>;

  explicit Core(CoreOptions options);

  const CoreOptions& options() const { return options_; }
  const Schemas& schemas() const { return schemas_; }

  // One call; a status other than OK fails the test, because core shows it as a plugin error.
  template <typename Request, typename Response>
  Response Call(Method<Request, Response> method, const Request& request) const {
    Response response;
    const grpc::Status status = channel_.Call(method, request, response);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    return response;
  }

  // The same of a call that is answered in parts.
  template <typename Request, typename Event>
  std::vector<Event> Stream(PluginChannel::StreamMethod<Request, Event> method,
                            const Request& request) const {
    std::vector<Event> events;
    const grpc::Status status = channel_.Stream(method, request, events);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    return events;
  }
  // A call of this name with these bytes for its request.
  grpc::Status CallWithBytes(const std::string& method, const std::string& request) const {
    return channel_.CallWithBytes(method, request);
  }

  tfplugin6::UpgradeResourceState::Response Upgrade(const std::string& type,
                                                    const std::string& json) const;
  // Prior null is a create. What core would propose is the configuration with the computed
  // attributes of the prior state.
  tfplugin6::PlanResourceChange::Response Plan(const Schema& schema, const Value& prior,
                                               const Value& config) const;
  // `write_only_allowed`: what core says of itself since 1.11.
  tfplugin6::ValidateResourceConfig::Response Validate(const Schema& schema, const Value& config,
                                                       bool write_only_allowed = true) const;
  // Configures the provider for the engine of the options.
  void Configure() const;
  // Asks the provider to end, as core does.
  void Shutdown() const;

 private:
  const CoreOptions options_;
  const std::unique_ptr<Clock> clock_;
  const Schemas schemas_;
  const PluginChannel channel_;
};

// The one that main made.
const Core& TheCore();
void SetTheCore(std::unique_ptr<Core> core);

// The smallest configuration that has everything required.
Value MinimalConfig(const Schema& schema);

}  // namespace espalier::provider
