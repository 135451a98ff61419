#include "reconciler/forge/login.h"

#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "reconciler/forge/json.h"

namespace espalier::forge {

absl::StatusOr<std::string> Login::Get() {
  ESPALIER_ASSIGN_OR_RETURN(const std::string token, token_.Get());
  const std::string digest = Sha256Hex(token);
  {
    MutexLock lock(mu_);
    if (digest_ == digest) return name_;
  }
  ESPALIER_ASSIGN_OR_RETURN(const Node user, api_.Get("/user"));
  std::string name = TextAt(user, field_);
  if (name.empty()) return absl::UnavailableError("the forge does not say whose token it is");
  MutexLock lock(mu_);
  name_ = name;
  digest_ = digest;
  return name;
}

}  // namespace espalier::forge
