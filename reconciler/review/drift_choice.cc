#include "reconciler/review/drift_choice.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/load/place.h"
#include "engine/model/diff.h"

namespace espalier {
namespace {

// Objects and fields of one pull request: more than that nobody reads, and what is left is asked
// for again.
constexpr std::size_t kObjects = 200;
constexpr std::size_t kFields = 1000;

bool IsSecret(const FieldChange& change) {
  return change.before() == kSecretChange || change.after() == kSecretChange;
}

// Why nothing that a file could say makes this row go away; empty: its fields may.
std::string WhyNot(const v1::DriftRow& row) {
  switch (row.class_()) {
    case v1::DriftRow::CHANGED:
      if (row.changes_size() > 0) return "";
      return absl::StrCat("no field of it was changed: ", row.detail());
    case v1::DriftRow::MISSING:
      return absl::StrCat("it is missing (", row.detail(),
                          "); if that is meant, take its declaration out");
    case v1::DriftRow::CONFLICT:
      return row.detail();
    case v1::DriftRow::UNKNOWN:
      return absl::StrCat("nobody knows how it is: ", row.detail());
    default:
      return "the branch does not declare it";
  }
}

class Chooser {
 public:
  Chooser(const LoadedSet& set, const std::set<Ref>& asked) : asked_(asked) {
    for (const LoadedObject& declared : set.declared) {
      sources_[RefOf(declared->resource())] = declared->source();
    }
  }

  void Take(const v1::DriftRow& row) {
    const absl::StatusOr<Ref> ref = FromProto(row.ref());
    if (!ref.ok()) return;
    const auto source = sources_.find(*ref);
    const bool declared = source != sources_.end();
    const bool comes_and_goes = row.class_() == v1::DriftRow::UNKNOWN || row.has_healed_at();
    if (asked_.empty() ? !declared || comes_and_goes : !asked_.contains(*ref)) return;
    seen_.insert(*ref);
    const std::string why = declared ? WhyNot(row) : "the branch does not declare it";
    if (!why.empty()) return LeaveOut(ToHuman(*ref), why);
    if (choice_.objects.size() == kObjects) {
      return LeaveOut(ToHuman(*ref),
                      "there is more of it than one pull request takes; ask again "
                      "when this one is merged");
    }
    Choose(*ref, source->second, row);
  }

  DriftChoice Finish() {
    for (const Ref& ref : asked_) {
      if (seen_.contains(ref)) continue;
      LeaveOut(ToHuman(ref),
               sources_.contains(ref) ? "it has not drifted" : "the branch does not declare it");
    }
    return std::move(choice_);
  }

 private:
  void LeaveOut(std::string what, std::string why) {
    choice_.left_out.push_back({std::move(what), std::move(why)});
  }

  void Choose(const Ref& ref, const std::string& source, const v1::DriftRow& row) {
    ChosenObject object{.ref = ref, .row = row};
    object.row.clear_changes();
    Problem place;
    SetPlace(source, place);
    object.file = place.file();
    for (const FieldChange& change : row.changes()) {
      const std::string what = absl::StrCat(ToHuman(ref), " ", change.path());
      if (IsSecret(change)) {
        LeaveOut(what, "it is a secret");
      } else if (fields_ == kFields) {
        LeaveOut(what,
                 "there are more than one pull request takes; ask again when this one is "
                 "merged");
      } else {
        *object.row.add_changes() = change;
        ++fields_;
      }
    }
    if (object.row.changes_size() > 0) choice_.objects.push_back(std::move(object));
  }

  const std::set<Ref>& asked_;
  std::map<Ref, std::string> sources_;
  std::set<Ref> seen_;
  std::size_t fields_ = 0;
  DriftChoice choice_;
};

}  // namespace

DriftChoice ChooseDrift(const DriftReport& report, const LoadedSet& set,
                        const std::set<Ref>& asked) {
  Chooser chooser(set, asked);
  for (const v1::DriftRow& row : report.rows()) chooser.Take(row);
  return chooser.Finish();
}

std::vector<PatchRequest::File> EditsFor(const std::vector<ChosenObject>& objects) {
  std::map<std::string, PatchRequest::File> files;
  for (const ChosenObject& object : objects) {
    PatchRequest::File& file = files[object.file];
    file.path = object.file;
    ObjectEdits& edits = file.objects.emplace_back();
    edits.object = object.ref;
    for (const FieldChange& change : object.row.changes()) {
      FieldEdit& edit = edits.fields.emplace_back();
      edit.path = change.path();
      if (change.has_after()) edit.value = change.after();
    }
  }
  std::vector<PatchRequest::File> list;
  list.reserve(files.size());
  for (auto& [path, file] : files) list.push_back(std::move(file));
  return list;
}

}  // namespace espalier
