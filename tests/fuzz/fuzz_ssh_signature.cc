// What stands in a commit of a stranger: the commit taken apart, its signature and a key. Whatever
// it is, it is read in one way or refused, and no bytes are invented.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "reconciler/git/signature.h"
#include "reconciler/git/signed_commit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto commit = espalier::SplitCommit(text); commit.ok()) {
    ESPALIER_CHECK(commit->payload.size() + commit->signature.size() <= text.size());
    // What was signed has no signature in its header any more.
    const auto again = espalier::SplitCommit(commit->payload);
    ESPALIER_CHECK(again.ok() && again->signature.empty());
    ESPALIER_CHECK(again->payload == commit->payload);
    ESPALIER_CHECK(again->committed_at == commit->committed_at);
  }
  if (const auto signature = espalier::ParseSshSignature(text); signature.ok()) {
    // Nobody signs the empty commit.
    ESPALIER_CHECK(!espalier::VerifySshSignature(*signature, "").ok());
  }
  if (const auto key = espalier::ParseSshPublicKey(text); key.ok()) {
    ESPALIER_CHECK(espalier::SshFingerprint(*key).size() == 50);
  }
  return 0;
}
