#include "engine/plan/wording.h"

#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/model/codec.h"
#include "engine/model/field.h"
#include "engine/model/timestamp.h"

namespace espalier {

std::string TimeText(const google::protobuf::Timestamp& time) { return MinuteText(TimeOf(time)); }

void SetPosition(absl::string_view source, Problem& problem) {
  const std::size_t colon = source.rfind(':');
  std::int32_t line = 0;
  if (colon != absl::string_view::npos && absl::SimpleAtoi(source.substr(colon + 1), &line)) {
    problem.set_file(std::string(source.substr(0, colon)));
    problem.set_line(line);
  } else {
    problem.set_file(std::string(source));
  }
}

v1::Metadata DeclaredMetadata(const Resource& declared) {
  v1::Metadata metadata;
  metadata.set_name(declared.metadata().name());
  *metadata.mutable_labels() = declared.metadata().labels();
  *metadata.mutable_annotations() = declared.metadata().annotations();
  return metadata;
}

Annotations WithEngineNotes(const Annotations& declared, const Annotations& standing,
                            bool by_engine) {
  Annotations notes;
  for (const auto& [key, value] : declared) {
    if (by_engine || !IsEngineNote(key)) notes.insert({key, value});
  }
  for (const auto& [key, value] : standing) {
    if (IsEngineNote(key)) notes.insert({key, value});
  }
  return notes;
}

Annotations WithPolicies(Annotations notes, const Annotations& policies) {
  for (auto note = notes.begin(); note != notes.end();) {
    note = IsPolicy(note->first) ? notes.erase(note) : std::next(note);
  }
  for (const auto& [key, value] : policies) {
    if (IsPolicy(key)) notes.insert({key, value});
  }
  return notes;
}

std::string DeclaredJson(const Resource& resource) {
  Resource declared = resource;
  *declared.mutable_metadata() = DeclaredMetadata(resource);
  declared.mutable_metadata()->set_namespace_(resource.metadata().namespace_());
  return ToJson(declared, Indent::kNone, /*with_status=*/false);
}

std::string ImportId(const Ref& ref) {
  return ref.ns.empty() ? ref.name : absl::StrCat(ref.ns, "/", ref.name);
}

std::string HoldText(const v1::Hold& hold) {
  return absl::StrCat("\"by ", hold.by(), ": ", hold.why(), "\"");
}

std::string FirstReplacing(const std::vector<FieldChange>& changes) {
  for (const FieldChange& change : changes) {
    if (change.forces_replace()) return change.path();
  }
  return "";
}

bool IsDisruptive(const KindInfo& info, absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "spec.")) return false;
  const std::string name(path.substr(0, path.find_first_of(".[")));
  const google::protobuf::FieldDescriptor* field = info.spec->FindFieldByName(name);
  return field != nullptr && Has(RulesOf(*field), v1::FieldRules::DISRUPTIVE);
}

Problem ConflictProblem(Claim claim, const Resource& current, const v1::Owner& claimant,
                        absl::string_view verb) {
  const v1::Owner& owner = current.metadata().owner();
  Problem problem;
  problem.set_severity(Problem::ERROR);
  *problem.mutable_ref() = ToProto(RefOf(current));
  if (claim == Claim::kMemberOnly) {
    SetCode("controller_owned", problem);
    problem.set_message(
        absl::StrCat("is a member of ", owner.instance(), " and changes through it only"));
    return problem;
  }
  SetCode("owner_conflict", problem);
  problem.set_message(absl::StrCat("is owned by ", OwnerText(owner), "; ", OwnerText(claimant),
                                   " may not ", verb, " it without an override or a transfer"));
  return problem;
}

}  // namespace espalier
