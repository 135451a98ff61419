// Incarnations: which objects Terraform's state knows, as far as this process has been shown. Core
// plans the replacement of a tainted object as a plain create and does not say that the old one is
// still there; without this, that plan would be refused because the object exists. It is used for
// diagnostics only. Thread-safe.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "engine/base/mutex.h"
#include "engine/model/ref.h"

namespace espalier::provider {

class Incarnations {
 public:
  // State holds this incarnation of the object. An empty uid says nothing.
  void Remember(const Ref& ref, const std::string& uid);
  // The object is gone.
  void Forget(const Ref& ref);
  // The uid, or empty.
  std::string Find(const Ref& ref) const;

 private:
  mutable Mutex mu_;
  std::map<Ref, std::string> uids_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::provider
