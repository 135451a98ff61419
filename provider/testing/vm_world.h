// VmWorld: core's calls about one managed VM, ci/build, in a ProviderWorld. One thread.
#pragma once

#include <string>
#include <vector>

#include "provider/testing/provider_world.h"

namespace espalier::provider {

class VmWorld : protected ProviderWorld {
 protected:
  explicit VmWorld(Log* log = nullptr) : ProviderWorld(log) {}

  // What one call gave. Errors and warnings are summary and detail.
  struct Result {
    Value state;
    Value identity;
    std::string private_data;
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
    std::vector<std::string> replaces;
  };

  // A configuration of the VM; `more` stands beside what it has, or in its place.
  Value Config(Value::Entries more = {});

  Result Plan(const Value& prior, const Value& config, const std::string& private_data = "");
  Result Apply(const Value& prior, const Value& planned, const std::string& private_data = "");
  Result Read(const Value& state, const std::string& private_data = "");
  // By id, or by identity if that is not null.
  Result Import(const std::string& id, const Value& identity = Value());

  Value DecodeState(const tfplugin6::DynamicValue& wire);
  Value DecodeIdentity(const tfplugin6::ResourceIdentityData& wire);

  // The VM as the engine has it; null if it is not there.
  const Resource* Stored();

  const Ref ref_{Kind::kVm, "ci", "build"};
  const Schema& schema_ = *schemas_.FindResource("espalier_vm");

 private:
  template <typename Response>
  Result ResultOf(const Response& response);
};

}  // namespace espalier::provider
