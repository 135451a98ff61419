#include "engine/plan/left_alone.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"
#include "engine/model/diff.h"
#include "engine/plan/wording.h"

namespace espalier {

std::string LeaveAlone(const Resource& live, const ObjectPolicies& policies,
                       const IgnoreBook& rules, Resource& declared) {
  std::vector<FieldGlob> globs = policies.ignore;
  rules.AddFields(RefOf(declared), globs);
  if (globs.empty() && !policies.create_only) return "";
  const Resource said = declared;
  if (policies.create_only) {
    *declared.mutable_metadata()->mutable_labels() = live.metadata().labels();
    *declared.mutable_metadata()->mutable_annotations() = live.metadata().annotations();
    MutableSpec(declared)->CopyFrom(SpecOf(live));
  }
  KeepFields(globs, live, declared);
  *declared.mutable_metadata()->mutable_annotations() =
      WithPolicies(declared.metadata().annotations(), said.metadata().annotations());
  const std::vector<FieldChange> kept = Diff(said, declared);
  if (kept.empty()) return "";
  if (policies.create_only) {
    return absl::StrCat("made once, left as it is: ", kCreateOnlyPolicy, " is true");
  }
  std::string text;
  for (const FieldChange& change : kept) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", change.path());
  }
  return absl::StrCat(text, kept.size() == 1 ? " is" : " are", " left alone");
}

}  // namespace espalier
