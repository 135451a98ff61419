// TestSigner: signs commits as ssh-keygen does, and wrongly where a test asks for it: other
// purposes, keys in tokens without the token. For tests.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace espalier {

struct TestSignature {
  std::string purpose = "git";
  std::string hash = "sha512";
  // What is claimed to have been signed with; empty: the key's own.
  std::string algorithm;
  // Of a key in a token.
  char flags = 1;
};

class TestSigner {
 public:
  // An Ed25519 key made of the seed; `token`: of the kind that lives in one.
  explicit TestSigner(char seed, bool token = false);
  ~TestSigner();

  // As it stands in a GitSource.
  std::string PublicKey() const;
  // The armour of a signature of `message`.
  std::string Sign(absl::string_view message, const TestSignature& how = {}) const;

 private:
  struct Impl;
  std::string WireKey() const;

  const std::unique_ptr<Impl> impl_;
};

// Bytes between the lines that mark an SSH signature.
std::string SshArmour(absl::string_view bytes);

}  // namespace espalier
