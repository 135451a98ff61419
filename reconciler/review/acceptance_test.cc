#include "reconciler/review/acceptance_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/model/diff.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// A source with the VMs a, b and c of namespace ci in one file, and what has become of them.
class AcceptanceTest : public testing::Test {
 protected:
  AcceptanceTest() {
    for (const char* name : {"a", "b", "c"}) {
      auto declared = std::make_shared<v1::Declared>();
      declared->mutable_resource()->mutable_vm();
      declared->mutable_resource()->mutable_metadata()->set_name(name);
      declared->mutable_resource()->mutable_metadata()->set_namespace_("ci");
      declared->set_source("fleet/vms.yaml:3");
      set_.declared.push_back(std::move(declared));
    }
  }

  v1::DriftRow& Add(v1::DriftRow::Class row_class, const std::string& name) {
    v1::DriftRow& row = *report_.add_rows();
    row.set_class_(row_class);
    *row.mutable_ref() = ToProto({Kind::kVm, "ci", name});
    row.set_detail("detail");
    row.set_actor("eva");
    return row;
  }
  static void Change(v1::DriftRow& row, const char* path, const char* before, const char* after) {
    FieldChange& change = *row.add_changes();
    change.set_path(path);
    change.set_before(before);
    if (after != nullptr) change.set_after(after);
  }
  static std::vector<std::string> Lines(const std::vector<LeftOut>& left_out) {
    std::vector<std::string> lines;
    lines.reserve(left_out.size());
    for (const LeftOut& one : left_out) lines.push_back(absl::StrCat(one.what, ": ", one.why));
    return lines;
  }

  LoadedSet set_;
  DriftReport report_;
};

TEST_F(AcceptanceTest, TakesFieldsOfDeclaredObjectsAndSaysWhatItLeaves) {
  v1::DriftRow& a = Add(v1::DriftRow::CHANGED, "a");
  Change(a, "spec.cpu", "4", "8");
  Change(a, "spec.ttl_seconds", "60", nullptr);
  Change(a, "spec.token", kSecretChange, kSecretChange);
  Add(v1::DriftRow::MISSING, "b");
  Add(v1::DriftRow::MISSING, "c").mutable_healed_at()->set_seconds(1);
  Add(v1::DriftRow::UNMANAGED, "other");
  const DriftChoice choice = ChooseDrift(report_, set_, {});
  ASSERT_THAT(choice.objects, SizeIs(1));
  EXPECT_EQ(choice.objects[0].file, "fleet/vms.yaml");
  EXPECT_THAT(Lines(choice.left_out),
              ElementsAre("vm ci/a spec.token: it is a secret",
                          AllOf(HasSubstr("vm ci/b: it is missing (detail)"))));
  const auto files = EditsFor(choice.objects);
  ASSERT_THAT(files, SizeIs(1));
  const std::vector<FieldEdit>& fields = files[0].objects[0].fields;
  ASSERT_THAT(fields, SizeIs(2));
  EXPECT_EQ(fields[0].value, "8");
  EXPECT_EQ(fields[1].value, std::nullopt);
}

TEST_F(AcceptanceTest, TakesOnlyWhatWasAskedFor) {
  Change(Add(v1::DriftRow::CHANGED, "a"), "spec.cpu", "4", "8");
  Change(Add(v1::DriftRow::CHANGED, "b"), "spec.cpu", "4", "8");
  Add(v1::DriftRow::UNMANAGED, "other");
  const DriftChoice choice = ChooseDrift(report_, set_,
                                         {{Kind::kVm, "ci", "b"},
                                          {Kind::kVm, "ci", "c"},
                                          {Kind::kVm, "ci", "other"},
                                          {Kind::kVm, "ci", "none"}});
  ASSERT_THAT(choice.objects, SizeIs(1));
  EXPECT_EQ(choice.objects[0].ref.name, "b");
  EXPECT_THAT(Lines(choice.left_out), ElementsAre("vm ci/other: the branch does not declare it",
                                                  "vm ci/c: it has not drifted",
                                                  "vm ci/none: the branch does not declare it"));
}

TEST_F(AcceptanceTest, DeclaresWhatCouldBeWrittenAndNamesTheRest) {
  v1::DriftRow& row = Add(v1::DriftRow::CHANGED, "a");
  Change(row, "spec.cpu", "4", "8");
  Change(row, "spec.image", "\"x/a:1\"", "\"x/a:<b>\"");
  const DriftChoice choice = ChooseDrift(report_, set_, {});
  PatchResult result;
  PatchResult::File& file = result.files.emplace_back();
  file.path = "fleet/vms.yaml";
  file.edited.bytes = "new";
  file.edited.objects = {{{.line = 12}, {.done = absl::FailedPreconditionError("odd")}}};
  const AcceptedDrift accepted = AcceptedIn(choice, result);
  ASSERT_THAT(accepted.files, SizeIs(1));
  EXPECT_EQ(accepted.counts, "1 field of 1 object");
  EXPECT_THAT(Lines(accepted.left_out), ElementsAre("vm ci/a spec.image: fleet/vms.yaml: odd"));
  const ProposedChange change =
      ChangeOf("fleet", std::string(40, 'c'), {.author = "a_na"}, accepted);
  EXPECT_EQ(change.branch, "espalier/accept-drift-fleet");
  EXPECT_EQ(change.title, "Accept the drift of fleet");
  EXPECT_THAT(change.body, AllOf(HasSubstr("vms.yaml:12"), HasSubstr("eva"), HasSubstr("a_na"),
                                 HasSubstr("Left out")));

  result.files[0].edited.objects[0][0].done = absl::FailedPreconditionError("odd");
  EXPECT_THAT(AcceptedIn(choice, result).files, SizeIs(0));
}

}  // namespace
}  // namespace espalier
