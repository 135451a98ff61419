#include "engine/server/secret_admission.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/ref.h"
#include "engine/model/secret_fields.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

constexpr char kNotIntoGit[] = "a secret does not belong into a repository: ";
constexpr char kKeepsNone[] = "this engine keeps no secrets: ";
constexpr char kInstead[] = "name a file or an environment variable of the process that uses it";

std::string ValuePath(const std::string& path) { return absl::StrCat(path, ".value"); }
std::string SealPath(const std::string& path) { return absl::StrCat(path, ".sealed"); }

std::set<std::string> SealsOf(const Resource* resource) {
  std::set<std::string> seals;
  if (resource == nullptr) return seals;
  VisitSecrets(*resource, [&](const std::string&, const v1::SecretRef& secret) {
    if (secret.has_sealed()) seals.insert(secret.sealed());
  });
  return seals;
}

}  // namespace

void SealValues(const Vault* vault, const Owner& owner, v1::Declared& declared, KeptSecrets& kept,
                Problems& problems) {
  const Ref ref = RefOf(declared.resource());
  VisitSecrets(*declared.mutable_resource(), [&](const std::string& path, v1::SecretRef& secret) {
    if (secret.has_file() || secret.has_env() || secret.has_value()) secret.clear_sealed();
    // A value that is not known yet will have a seal that is not.
    for (std::string& unknown : *declared.mutable_unknown()) {
      if (unknown == ValuePath(path)) unknown = SealPath(path);
    }
    if (!secret.has_value()) return;
    if (owner.manager() == Owner::GIT) {
      problems.Error("secret_in_git", ValuePath(path), absl::StrCat(kNotIntoGit, kInstead));
    } else if (vault == nullptr) {
      problems.Error("no_secret_store", ValuePath(path), absl::StrCat(kKeepsNone, kInstead));
    } else if (secret.value().size() <= limits::kSecretBytes) {
      secret.set_sealed(vault->SealOf(ref, path, secret.value()));
      kept[secret.sealed()] = {ref, path, vault->Keep(ref, path, secret.value())};
    }
    secret.clear_value();
  });
}

void CheckSeals(const ApplyRequest& request, const KeptSecrets& kept, const Objects& objects,
                Problems& problems) {
  for (const v1::Declared& declared : request.objects()) {
    const Resource& resource = declared.resource();
    if (resource.body_case() == kNoKind) continue;
    const Ref ref = RefOf(resource);
    VisitSecrets(resource, [&](const std::string& path, const v1::SecretRef& secret) {
      if (!secret.has_sealed()) return;
      const auto given = kept.find(secret.sealed());
      if (given != kept.end() && given->second.ref == ref && given->second.path == path) return;
      std::string standing;
      if (const Resource* current = objects.Find(ref); current != nullptr) {
        VisitSecrets(*current, [&](const std::string& at, const v1::SecretRef& known) {
          if (at == path) standing = known.sealed();
        });
      }
      if (standing == secret.sealed()) return;
      Problem& problem = problems.Error(
          "secret_not_kept", SealPath(path),
          "the engine keeps no value under this seal here (any more): give it as value");
      *problem.mutable_ref() = ToProto(ref);
      SetPosition(declared.source(), problem);
    });
  }
}

std::vector<StoreOp> SecretOps(const Resource* before, const Resource* after,
                               const KeptSecrets& kept) {
  std::vector<StoreOp> ops;
  const std::set<std::string> had = SealsOf(before);
  const std::set<std::string> has = SealsOf(after);
  for (const std::string& sealed : has) {
    const auto given = kept.find(sealed);
    if (given != kept.end()) ops.push_back(given->second.op);
  }
  for (const std::string& sealed : had) {
    if (!has.contains(sealed)) ops.push_back(Vault::Forget(sealed));
  }
  return ops;
}

bool HasValues(const ApplyRequest& request) {
  bool has = false;
  for (const v1::Declared& declared : request.objects()) {
    VisitSecrets(declared.resource(), [&](const std::string&, const v1::SecretRef& secret) {
      has = has || secret.has_value();
    });
  }
  return has;
}

ApplyRequest WithoutValues(const ApplyRequest& request) {
  ApplyRequest without = request;
  for (v1::Declared& declared : *without.mutable_objects()) {
    std::vector<std::string> unknown;
    VisitSecrets(*declared.mutable_resource(), [&](const std::string& path, v1::SecretRef& secret) {
      if (!secret.has_value()) return;
      secret.clear_value();
      unknown.push_back(ValuePath(path));
    });
    for (std::string& path : unknown) declared.add_unknown(std::move(path));
  }
  return without;
}

}  // namespace espalier
