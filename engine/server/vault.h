// Vault: keeps secrets that were given as values, encrypted, in the store under keys of their own
// ("s/" and the seal), beside the objects that have the seals. The key lies in a file, outside of
// the store: whoever has a copy of the one still lacks the other. Owned by the daemon. Thread-safe.
//
// A seal is a keyed hash of the value and of the place that it was given for: the same value again
// is told by it, and nobody without the key can try values.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/api/secrets.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/model/ref.h"
#include "engine/store/store.h"

namespace espalier {

class Vault final : public Secrets {
 public:
  // Reads the key, or makes it if there is none and nothing is kept. FAILED_PRECONDITION: what is
  // kept was encrypted with another key, or the key is missing; INVALID_ARGUMENT: the file holds no
  // key. `forget`: opens all the same, for ForgetAll. Everything borrowed must outlive it.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(Io& io, Log& log, Store& store,
                                                     const std::string& key_file,
                                                     bool forget = false);

  std::string SealOf(const Ref& ref, const std::string& path, const std::string& value) const;
  // What stores and removes the value under its seal, for the transaction that writes the object.
  StoreOp Keep(const Ref& ref, const std::string& path, const std::string& value) const;
  static StoreOp Forget(const std::string& sealed);

  // Removes all that is kept, for good: the way out for those who have lost the key.
  absl::Status ForgetAll();

  absl::StatusOr<std::string> Reveal(const CallContext& context,
                                     const std::string& sealed) override;

 private:
  Vault(Log& log, Store& store, std::string key);

  // Whether `key_file`'s key is the one that what is kept was encrypted with.
  absl::Status CheckKey(const std::string& key_file) const;

  Log& log_;
  Store& store_;
  // 32 bytes each, made of the file's key: no key serves two ends.
  const std::string encryption_key_;
  const std::string sealing_key_;
  // Names the key; tells nothing of it.
  const std::string key_id_;
};

}  // namespace espalier
