// Policies: what an object's annotations below "espalier/" say about how its owner's declarations
// are carried out. The engine's own notes stand below the same prefix; nobody declares those. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/field_glob.h"
#include "engine/model/kind.h"
#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "espalier/v1/cluster.pb.h"
#include "espalier/v1/git_source.pb.h"

namespace espalier {

// The engine's own notes: who made an object by hand, and the template of a pool's member.
inline constexpr char kCreatedByNote[] = "espalier/created-by";
inline constexpr char kTemplateNote[] = "espalier/template";

// The policies, as annotations.
inline constexpr char kPrunePolicy[] = "espalier/prune";
inline constexpr char kManagedPolicy[] = "espalier/managed";
inline constexpr char kCreateOnlyPolicy[] = "espalier/create-only";
inline constexpr char kIgnorePolicy[] = "espalier/ignore";
inline constexpr char kRecreatePolicy[] = "espalier/recreate";
inline constexpr char kDriftPolicy[] = "espalier/drift";
inline constexpr char kReadyTimeoutPolicy[] = "espalier/ready-timeout";

struct ObjectPolicies {
  // Goes away when it is not declared any more.
  bool prune = true;
  // Belongs to who declares it. Otherwise the declaration counts as given up.
  bool managed = true;
  // Made once, and never brought back to what is declared.
  bool create_only = false;
  // A change of what is immutable makes a new incarnation. Otherwise it is refused.
  bool recreate = true;
  // Written when the object is made, and left alone from then on.
  std::vector<FieldGlob> ignore;
  // Instead of what its source says.
  std::optional<v1::DriftPolicy::Mode> drift;
  // How long it may take to become ready after an apply, instead of what its source says.
  std::optional<absl::Duration> ready_timeout;
};

using Annotations = google::protobuf::Map<std::string, std::string>;

// Whether the annotation is the engine's own, and not for anybody to declare.
bool IsEngineNote(absl::string_view key);
// Whether it is a policy.
bool IsPolicy(absl::string_view key);

// What the annotations say. What CheckPolicies would find fault with says nothing.
ObjectPolicies PoliciesOf(const Annotations& annotations);

// Unknown keys below "espalier/" and unknown values are errors, with the nearest that is known.
void CheckPolicies(const Resource& resource, Problems& problems);

using IgnoreRules = google::protobuf::Map<std::string, v1::IgnoreRule>;

// Rules read once, to be asked about many objects. What CheckIgnoreRules would find fault with says
// nothing.
class IgnoreBook {
 public:
  explicit IgnoreBook(const IgnoreRules& rules);

  // Adds the fields to leave alone in the object of this name.
  void AddFields(const Ref& ref, std::vector<FieldGlob>& out) const;

 private:
  struct Page {
    // Empty: all of them.
    std::vector<Kind> kinds;
    std::vector<std::string> names;
    std::vector<FieldGlob> fields;
  };
  std::vector<Page> pages_;
};

// Errors in rules that stand at `path`: kinds that there are not, fields that none of the kinds
// has.
void CheckIgnoreRules(const IgnoreRules& rules, const std::string& path, Problems& problems);

// Whether `text` is of the form, in which each "*" stands for any text. Never worse than the
// product of both lengths.
bool MatchesGlob(absl::string_view glob, absl::string_view text);

}  // namespace espalier
