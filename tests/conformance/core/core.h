// Core: plays Terraform's core to a started provider: connects as the handshake line says and makes
// single calls of the protocol, so that tests can say what no command line would. One per program,
// made by main; thread-safe once made.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "provider/conform.h"
#include "provider/msgpack.h"
#include "provider/schema.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier::provider {

// Of the handshake line and of the client certificate that the provider was started with.
struct CoreOptions {
  std::string address;
  std::string server_certificate;
  std::string certificate_file;
  std::string key_file;
  // Where an engine stands; empty if there is none.
  std::string engine;
  std::string token;
};

class Core {
 public:
  using Stub = tfplugin6::Provider::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  explicit Core(CoreOptions options);

  const CoreOptions& options() const { return options_; }
  const Schemas& schemas() const { return schemas_; }

  // One call; a status other than OK fails the test, because core shows it as a plugin error.
  template <typename Request, typename Response>
  Response Call(Method<Request, Response> method, const Request& request) const {
    Response response;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(clock_->Now() + absl::Seconds(60)));
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    return response;
  }

  tfplugin6::UpgradeResourceState::Response Upgrade(const std::string& type,
                                                    const std::string& json) const;
  // Prior null is a create. What core would propose is the configuration with the computed
  // attributes of the prior state.
  tfplugin6::PlanResourceChange::Response Plan(const Schema& schema, const Value& prior,
                                               const Value& config) const;
  tfplugin6::ValidateResourceConfig::Response Validate(const Schema& schema,
                                                       const Value& config) const;
  // Configures the provider for the engine of the options.
  void Configure() const;
  // Asks the provider to end, as core does.
  void Shutdown() const;

 private:
  const CoreOptions options_;
  const std::unique_ptr<Clock> clock_;
  const Schemas schemas_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
};

// The one that main made.
const Core& TheCore();
void SetTheCore(std::unique_ptr<Core> core);

// An object of the schema with these attributes, and null for all others.
Value ObjectOf(const Attributes& attributes, Value::Entries entries);
// The smallest configuration that has everything required.
Value MinimalConfig(const Schema& schema);
// A value of the wire in the shape of the schema; fails the test if it does not fit.
Value Decoded(const Schema& schema, const tfplugin6::DynamicValue& wire);

// Summaries and details of the errors.
template <typename Response>
std::string ErrorsOf(const Response& response) {
  std::string text;
  for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
    if (diagnostic.severity() == tfplugin6::Diagnostic::ERROR) {
      text += diagnostic.summary() + ": " + diagnostic.detail() + "\n";
    }
  }
  return text;
}

}  // namespace espalier::provider
