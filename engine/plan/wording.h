// Small things that the files of this folder say or read in the same way. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/model/diff.h"
#include "engine/model/kind.h"
#include "engine/model/problem.h"
#include "engine/model/ref.h"
#include "engine/plan/ownership.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {

absl::Time TimeOf(const google::protobuf::Timestamp& time);
void SetTime(absl::Time time, google::protobuf::Timestamp& out);
// "2026-11-21T05:12Z".
std::string TimeText(const google::protobuf::Timestamp& time);

// Puts "fleet.yaml:12" into file and line of the problem.
void SetPosition(absl::string_view source, Problem& problem);

// Name, labels and annotations: all that a declaration says beside the spec.
v1::Metadata DeclaredMetadata(const Resource& declared);
// Declared annotations with the engine's own ones (below "espalier/"), which nobody has to declare
// and which no declaration takes away.
google::protobuf::Map<std::string, std::string> WithOwnNotes(
    const google::protobuf::Map<std::string, std::string>& declared,
    const google::protobuf::Map<std::string, std::string>& standing);
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
