// Small things that the files of this folder say or read in the same way. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/model/diff.h"
#include "engine/model/kind.h"
#include "engine/model/policy.h"
#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "engine/plan/ownership.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {

// "2026-11-21T05:12Z".
std::string TimeText(const google::protobuf::Timestamp& time);

// What the reason of an override begins with in the audit trail.
inline constexpr absl::string_view kOverrideReason = "override: ";

// Puts "fleet.yaml:12" into file and line of the problem.
void SetPosition(absl::string_view source, Problem& problem);

// Name, labels and annotations: all that a declaration says beside the spec.
v1::Metadata DeclaredMetadata(const Resource& declared);
// Declared annotations with the engine's own notes as they stand: nobody but the engine's
// controllers declares or takes away one of those.
Annotations WithEngineNotes(const Annotations& declared, const Annotations& standing,
                            bool by_engine);
// The notes with the policies of another declaration instead of their own.
Annotations WithPolicies(Annotations notes, const Annotations& policies);
// Labels, annotations and spec as JSON, as `Edited.declared_json` keeps them.
std::string DeclaredJson(const Resource& resource);

// "ci/build", as Terraform imports it.
std::string ImportId(const Ref& ref);
// "cordon by ana: disk swap", quoted as a JSON string.
std::string HoldText(const v1::Hold& hold);

// The path of the first change that forces a replacement.
std::string FirstReplacing(const std::vector<FieldChange>& changes);
// Whether a change at this path stops, restarts or moves what runs.
bool IsDisruptive(const KindInfo& info, absl::string_view path);

// Why `claimant` may not `verb` what it does not own, naming both owners and their sources.
Problem ConflictProblem(Claim claim, const Resource& current, const v1::Owner& claimant,
                        absl::string_view verb);

}  // namespace espalier
