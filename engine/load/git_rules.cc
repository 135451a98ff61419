#include "engine/load/git_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/load/place.h"
#include "engine/model/kind.h"
#include "engine/model/ref.h"
#include "engine/model/secret_fields.h"

namespace espalier {

void RefuseWhatIsNotFromGit(absl::Span<const std::string> kinds,
                            const std::vector<LoadedObject>& objects, Problems& problems) {
  const bool names_credentials =
      std::any_of(kinds.begin(), kinds.end(), [](const std::string& kind) {
        const KindInfo* info = FindKind(kind);
        return info != nullptr && info->kind == Kind::kRegistryCredential;
      });
  for (const LoadedObject& object : objects) {
    VisitSecrets(object->resource(), [&](const std::string& path, const v1::SecretRef& secret) {
      if (!secret.has_value()) return;
      Problem& problem = problems.Error("secret_in_git", absl::StrCat(path, ".value"),
                                        "a secret does not belong into a repository: name a file "
                                        "or an environment variable of the process that uses it");
      *problem.mutable_ref() = ToProto(RefOf(object->resource()));
      SetPlace(object->source(), problem);
    });
    const KindInfo& info = InfoOf(object->resource().body_case());
    std::string why;
    if (info.not_from_git) {
      why = absl::StrCat("a ", info.name, " says who may declare what, so git may not declare one");
    } else if (info.kind == Kind::kRegistryCredential && !names_credentials) {
      // They say where passwords are sent.
      why = "git may declare registry credentials only if the source's kinds name them";
    } else {
      continue;
    }
    Problem& problem = problems.Error("not_from_git", "", why);
    *problem.mutable_ref() = ToProto(RefOf(object->resource()));
    SetPlace(object->source(), problem);
  }
}

}  // namespace espalier
