// ProviderCore: plays Terraform's core to a running provider: makes its calls. For benchmarks: what
// goes wrong ends the program. Thread-safe but for GetSchema, which comes first.
#pragma once

#include <string>

#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "provider/value.h"
#include "tests/support/plugin_channel.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier {

class ProviderCore {
 public:
  ProviderCore(Clock& clock, Io& io, const ProviderAddress& address);

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
  const PluginChannel channel_;
  tfplugin6::GetProviderSchema::Response schema_;
};

}  // namespace espalier
