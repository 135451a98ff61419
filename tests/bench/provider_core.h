// ProviderCore: plays Terraform's core to a running provider: connects with mutual TLS after the
// handshake line and makes its calls. For benchmarks: what goes wrong ends the program. One thread.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "provider/value.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier {

// Where a provider listens, and what core shows to it.
struct ProviderAddress {
  // Of the handshake line: the path of the socket, and the certificate, DER in base64.
  std::string socket;
  std::string server_certificate;
  // PEM files.
  std::string certificate_file;
  std::string key_file;
};

class ProviderCore {
 public:
  ProviderCore(Clock& clock, Io& io, const ProviderAddress& address);
  ~ProviderCore();

  // Asks for the schema; later calls use the last answer.
  void GetSchema();
  // Everything that is not in `given` is null. Unset values of the provider block are null too.
  void Configure(const provider::Value::Entries& given);

  // An object of the type, as core would send it: every attribute is there.
  provider::Value Object(const std::string& type_name, const provider::Value::Entries& given) const;

  // What is planned for an object that is not there. The proposal has null for what is computed, as
  // core's has.
  tfplugin6::PlanResourceChange::Response PlanCreate(const std::string& type_name,
                                                     const provider::Value& config);
  // Does it; the new state.
  tfplugin6::ApplyResourceChange::Response ApplyCreate(
      const std::string& type_name, const provider::Value& config,
      const tfplugin6::PlanResourceChange::Response& plan);
  tfplugin6::ReadResource::Response Read(const std::string& type_name,
                                         const tfplugin6::DynamicValue& state);
  // Says goodbye. The provider ends.
  void Shutdown();

 private:
  Clock& clock_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<tfplugin6::Provider::Stub> stub_;
  tfplugin6::GetProviderSchema::Response schema_;
};

}  // namespace espalier
