// Secrets on their way into the store: what is given as a value leaves the object before anything
// else sees it, and a seal stands in its place. Pure but for the vault.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/model/problem.h"
#include "engine/plan/objects.h"
#include "engine/server/vault.h"

namespace espalier {

// A value that was given, where, and what stores it.
struct KeptSecret {
  Ref ref;
  std::string path;
  StoreOp op;
};
// Those of a set, by their seals.
using KeptSecrets = std::map<std::string, KeptSecret>;

// Puts seals in place of the values of a declared object, and takes seals away that stand beside
// something else. `vault` null: nothing can be kept, and a value is a problem. It is one from git
// as well: what everybody reads there is no secret. REQUIRES: the object has its defaults.
void SealValues(const Vault* vault, const Owner& owner, v1::Declared& declared, KeptSecrets& kept,
                Problems& problems);

// A seal that was given must be the one that stands in that place, or of the set's own values.
void CheckSeals(const ApplyRequest& request, const KeptSecrets& kept, const Objects& objects,
                Problems& problems);

// What a write of the object has to change beside it. Null: it is not there.
std::vector<StoreOp> SecretOps(const Resource* before, const Resource* after,
                               const KeptSecrets& kept);

// The set with "will change to what is not known yet" in place of values; the set itself if it has
// none. A plan says whether a value is the one that is kept: nobody may try who could not give it.
ApplyRequest WithoutValues(const ApplyRequest& request);
bool HasValues(const ApplyRequest& request);

}  // namespace espalier
