#include "provider/incarnations.h"

namespace espalier::provider {

void Incarnations::Remember(const Ref& ref, const std::string& uid) {
  if (uid.empty()) return;
  MutexLock lock(mu_);
  uids_[ref] = uid;
}

void Incarnations::Forget(const Ref& ref) {
  MutexLock lock(mu_);
  uids_.erase(ref);
}

std::string Incarnations::Find(const Ref& ref) const {
  MutexLock lock(mu_);
  const auto found = uids_.find(ref);
  return found == uids_.end() ? std::string() : found->second;
}

}  // namespace espalier::provider
