#include "provider/ephemerals.h"

namespace espalier::provider {

const std::vector<EphemeralType>& AllEphemeralTypes() {
  static const std::vector<EphemeralType>& types =
      *new std::vector<EphemeralType>{TokenType(), VmConnectionType()};
  return types;
}

const EphemeralType* FindEphemeralType(absl::string_view type_name) {
  for (const EphemeralType& type : AllEphemeralTypes()) {
    if (type.schema.type_name == type_name) return &type;
  }
  return nullptr;
}

}  // namespace espalier::provider
