#include "engine/model/field.h"

#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/access.h"
#include "engine/model/size_text.h"
#include "engine/model/testing/read.h"
#include "engine/model/validate.h"
#include "espalier/v1/agent_service.pb.h"
#include "espalier/v1/audit_service.pb.h"
#include "espalier/v1/resources_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::IsEmpty;
using v1::FieldRules;

// Calls `visit` with every field of the message and of all below it, each message once.
void Visit(const Descriptor& message, std::set<const Descriptor*>& seen,
           const std::function<void(const FieldDescriptor&)>& visit) {
  if (message.file()->package() != "espalier.v1" || !seen.insert(&message).second) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    visit(field);
    if (field.message_type() == nullptr) continue;
    if (field.is_map()) {
      const FieldDescriptor& value = *field.message_type()->map_value();
      if (value.message_type() != nullptr) Visit(*value.message_type(), seen, visit);
    } else {
      Visit(*field.message_type(), seen, visit);
    }
  }
}

void VisitSpecs(const std::function<void(const FieldDescriptor&)>& visit) {
  std::set<const Descriptor*> seen;
  for (const KindInfo& kind : AllKinds()) Visit(*kind.spec, seen, visit);
}

TEST(ModelTest, EveryFieldHasAComment) {
  std::set<const Descriptor*> seen;
  const auto check = [](const FieldDescriptor& field) {
    EXPECT_NE(CommentOf(field), "") << field.full_name();
    const google::protobuf::EnumDescriptor* type = field.enum_type();
    for (int i = 0; type != nullptr && i < type->value_count(); ++i) {
      // Managers, verbs and states say all in their name.
      if (type->value(i)->number() == 0 || type->name() == "Manager" || type->name() == "Verb" ||
          field.containing_type() == v1::Condition::descriptor()) {
        continue;
      }
      EXPECT_NE(CommentOf(*type->value(i)), "") << type->value(i)->full_name();
    }
  };
  Visit(*Resource::descriptor(), seen, check);
  Visit(*v1::Plan::descriptor(), seen, check);
  Visit(*v1::DriftReport::descriptor(), seen, check);
  Visit(*v1::ApplyResult::descriptor(), seen, check);
  Visit(*v1::AuditPage::descriptor(), seen, check);
  EXPECT_GT(seen.size(), 40u);
}

TEST(ModelTest, EveryKindHasAComment) {
  for (const KindInfo& kind : AllKinds()) {
    EXPECT_NE(CommentOf(*kind.body->message_type()), "") << kind.name;
    EXPECT_NE(CommentOf(*kind.body), "") << kind.name;
  }
}

// Spec fields stand beside metadata in Terraform, and metadata's names mean the same everywhere.
TEST(ModelTest, NoFieldOfASpecTakesAWordThatIsTaken) {
  std::set<std::string> taken = {"metadata",  "status",     "id",         "timeouts",
                                 "wait_for",  "count",      "for_each",   "provider",
                                 "lifecycle", "depends_on", "connection", "provisioner"};
  for (int i = 0; i < v1::Metadata::descriptor()->field_count(); ++i) {
    taken.insert(v1::Metadata::descriptor()->field(i)->name());
  }
  for (const KindInfo& kind : AllKinds()) {
    for (int i = 0; i < kind.spec->field_count(); ++i) {
      EXPECT_EQ(taken.count(kind.spec->field(i)->name()), 0u) << kind.spec->field(i)->full_name();
    }
    // Stable fields of the status stand there too.
    std::set<std::string> names = taken;
    for (const StableField& field : StableStatusOf(kind)) {
      EXPECT_TRUE(names.insert(field.name).second) << kind.name << " status." << field.name;
    }
  }
}

TEST(ModelTest, EveryScalarOfASpecTellsUnsetFromZero) {
  VisitSpecs([](const FieldDescriptor& field) {
    if (field.is_repeated()) return;
    EXPECT_TRUE(field.has_presence()) << field.full_name();
  });
}

TEST(ModelTest, MapsHaveStringKeysAndEnumsAnInvalidZero) {
  std::set<const Descriptor*> seen;
  Visit(*Resource::descriptor(), seen, [](const FieldDescriptor& field) {
    if (field.is_map()) {
      EXPECT_EQ(field.message_type()->map_key()->type(), FieldDescriptor::TYPE_STRING)
          << field.full_name();
    }
    if (field.enum_type() != nullptr) {
      EXPECT_THAT(field.enum_type()->value(0)->name(), ::testing::HasSubstr("UNSPECIFIED"));
    }
  });
}

TEST(ModelTest, OptionsFitTheirFields) {
  VisitSpecs([](const FieldDescriptor& field) {
    const FieldRules& rules = RulesOf(field);
    const std::string& name = field.full_name();
    if (rules.has_min() && rules.has_max()) {
      EXPECT_LE(rules.min(), rules.max()) << name;
    }
    if (!rules.ref().empty()) {
      EXPECT_NE(FindKind(rules.ref()), nullptr) << name;
      EXPECT_EQ(field.type(), FieldDescriptor::TYPE_STRING) << name;
    }
    EXPECT_FALSE(Has(rules, FieldRules::REQUIRED) && rules.has_default_()) << name;
    if (!rules.key_pattern().empty()) {
      EXPECT_TRUE(field.is_map()) << name;
    }
    if (rules.has_default_()) {
      EXPECT_FALSE(field.is_repeated()) << name;
    }
    if (!rules.pattern().empty()) {
      EXPECT_TRUE(rules.has_max() || !field.is_repeated()) << name;
    }
  });
  for (const KindInfo& kind : AllKinds()) {
    for (const std::vector<std::string>& group : ExactlyOneOf(*kind.spec)) {
      for (const std::string& name : group) {
        EXPECT_NE(kind.spec->FindFieldByName(name), nullptr) << kind.name << " " << name;
      }
    }
  }
}

// Whoever sets a field that goes away is told what to do instead; and nobody who leaves it out is.
TEST(ModelTest, DeprecatedFieldsCanBeLeftOutAndSayWhatToDoInstead) {
  std::set<const Descriptor*> seen;
  Visit(*Resource::descriptor(), seen, [](const FieldDescriptor& field) {
    EXPECT_EQ(IsDeprecated(field), !DeprecationIn(CommentOf(field)).empty())
        << field.full_name()
        << ": `deprecated = true` goes with \"Deprecated: ...\" in the comment";
    if (!IsDeprecated(field)) return;
    EXPECT_FALSE(Has(RulesOf(field), FieldRules::REQUIRED)) << field.full_name();
    EXPECT_FALSE(RulesOf(field).has_default_()) << field.full_name();
  });
}

// What is kept of a secret is its seal, which stands in the secret's place.
TEST(ModelTest, EverySecretHasASealBesideIt) {
  int secrets = 0;
  std::set<const Descriptor*> seen;
  Visit(*Resource::descriptor(), seen, [&](const FieldDescriptor& field) {
    const bool sealed = Has(RulesOf(field), FieldRules::SEALED);
    if (!sealed && !Has(RulesOf(field), FieldRules::SECRET)) return;
    if (!sealed) ++secrets;
    EXPECT_EQ(field.containing_type(), v1::SecretRef::descriptor()) << field.full_name();
    EXPECT_EQ(field.type(), FieldDescriptor::TYPE_STRING) << field.full_name();
    EXPECT_FALSE(RulesOf(field).has_default_()) << field.full_name();
  });
  EXPECT_EQ(secrets, 1);
}

TEST(ModelTest, EveryDefaultIsValid) {
  for (const KindInfo& kind : AllKinds()) {
    Resource resource;
    SetKind(resource, kind.kind);
    resource.mutable_metadata()->set_name(kind.builtin.empty() ? "it" : kind.builtin[0]);
    ApplyDefaults(resource);
    Problems problems;
    Validate(resource, {}, problems);
    for (const Problem& problem : problems.list()) {
      EXPECT_EQ(problem.code(), "missing_field") << ToString(problem);
    }
  }
}

TEST(FieldTest, WritesEnumsInLowerCaseWithoutPrefix) {
  const auto* restart = v1::VmSpec::descriptor()->FindFieldByName("restart")->enum_type();
  EXPECT_THAT(EnumNames(*restart), ::testing::ElementsAre("always", "on_failure", "never"));
}

TEST(FieldTest, HasAWordForEveryNumberOfAnEnum) {
  EXPECT_EQ(EnumWord(v1::Action::REPLACE), "replace");
  EXPECT_EQ(EnumWord(v1::Action::VERB_UNSPECIFIED), "");
  EXPECT_EQ(EnumWord(static_cast<v1::Action::Verb>(4711)), "4711") << "of a newer engine";
}

TEST(FieldTest, ReadsCommentsOfMessagesFieldsAndValues) {
  EXPECT_EQ(CommentOf(*v1::VmSpec::descriptor()->FindFieldByName("cpu")), "Virtual CPUs.");
  EXPECT_EQ(
      CommentOf(*v1::Vm::descriptor()),
      "Vm: one virtual machine. Image, cpu, memory and disk are what it is; all else changes in "
      "place.");
  EXPECT_EQ(CommentOf(*v1::VmSpec::Power_descriptor()->FindValueByName("ON")), "Runs.");
  EXPECT_EQ(CommentOf(*v1::VmStatus::descriptor()), "");
}

TEST(FieldTest, ReadsWhatToDoInsteadOfADeprecatedField) {
  EXPECT_EQ(DeprecationIn("Virtual CPUs. Deprecated: use cpu."), "use cpu");
  EXPECT_EQ(DeprecationIn("Deprecated:  use cpu. It counts more."), "use cpu. It counts more");
  EXPECT_EQ(DeprecationIn("Whether the field is deprecated."), "");
  EXPECT_EQ(DeprecationIn("Virtual CPUs. Deprecated:"), "");
}

TEST(FieldTest, KnowsTheStableFieldsOfAStatus) {
  std::vector<std::string> paths;
  for (const StableField& field : StableStatusOf(InfoOf(Kind::kVm))) {
    std::vector<std::string> parts;
    parts.reserve(field.path.size());
    for (const FieldDescriptor* part : field.path) parts.push_back(part->name());
    paths.push_back(absl::StrCat(field.name, "=", absl::StrJoin(parts, ".")));
  }
  EXPECT_THAT(paths, ::testing::ElementsAre(
                         "host=status.placement.host", "image_digest=status.placement.image_digest",
                         "ip=status.observed.ip", "ports=status.observed.ports"));
}

TEST(ColumnsTest, AreThoseOfTheGolden) {
  std::string text;
  for (const KindInfo& kind : AllKinds()) {
    absl::StrAppend(&text, kind.name, ":");
    for (const ColumnInfo& column : ColumnsOf(kind)) {
      absl::StrAppend(&text, " ", column.header, column.wide ? "*" : "");
    }
    absl::StrAppend(&text, "\n");
  }
  EXPECT_EQ(text, Golden("columns.txt", text));
  if (UpdatesGoldens()) GTEST_SKIP() << "rewritten";
}

// HEADER -> cell for one object.
std::string Cell(const std::string& header, const Resource& resource,
                 absl::Time now = absl::InfinitePast()) {
  for (const ColumnInfo& column : ColumnsOf(InfoOf(resource.body_case()))) {
    if (column.header == header) return CellOf(column, resource, now);
  }
  return "no such column";
}

TEST(ColumnsTest, PrintCellsInTheirFormats) {
  Resource vm = Make("Vm", R"({"image":"a","cpu":3,"memory_mib":4915})");
  EXPECT_EQ(Cell("NAME", vm), "it");
  EXPECT_EQ(Cell("NAMESPACE", vm), "-");
  EXPECT_EQ(Cell("STATUS", vm), "-");
  EXPECT_EQ(Cell("CPU", vm), "3");
  EXPECT_EQ(Cell("MEMORY", vm), "4.80G");
  EXPECT_EQ(Cell("PORTS", vm), "-");
  v1::VmStatus& status = *vm.mutable_vm()->mutable_status();
  status.mutable_placement()->set_phase(v1::VmPlacement::RUNNING);
  (*status.mutable_observed()->mutable_ports())["vnc"] = 5999;
  (*status.mutable_observed()->mutable_ports())["ssh"] = 8822;
  EXPECT_EQ(Cell("STATUS", vm), "running");
  EXPECT_EQ(Cell("PORTS", vm), "ssh:8822,vnc:5999");

  Resource image = Make("Image", R"({"reference":"r.example/a"})");
  EXPECT_EQ(Cell("SIZE", image), "-");
  image.mutable_image()->mutable_status()->set_digest("sha256:0123456789abcdef");
  image.mutable_image()->mutable_status()->set_disk_bytes(std::int64_t{32} << 30);
  EXPECT_EQ(Cell("DIGEST", image), "0123456789ab");
  EXPECT_EQ(Cell("SIZE", image), "32G");

  Resource cache = Make("ImageCache", R"({"images":["a","r/b"],"all_hosts":true})");
  EXPECT_EQ(Cell("IMAGES", cache), "a,r/b");
  EXPECT_EQ(Cell("WANTED", cache), "0");

  Resource host = Make("Host", "{}");
  EXPECT_EQ(Cell("IMAGES", host), "0");
  (*host.mutable_host()->mutable_status()->mutable_observed()->mutable_images())["sha256:1"];
  EXPECT_EQ(Cell("IMAGES", host), "1");
}

TEST(ColumnsTest, PrintSizesAsPeopleReadThem) {
  EXPECT_EQ(SizeText(12), "12B");
  EXPECT_EQ(SizeText(749'568), "732K");
  EXPECT_EQ(SizeText(8.0 * 1024 * 1024 * 1024), "8G");
  EXPECT_EQ(SizeText(6.4 * 1024 * 1024 * 1024), "6.40G");
}

TEST(ColumnsTest, PrintTheAgeOfAnObject) {
  Resource host = Make("Host", "{}");
  const absl::Time created = absl::FromUnixSeconds(1738324800);
  EXPECT_EQ(Cell("AGE", host, created), "-");
  host.mutable_metadata()->mutable_created_at()->set_seconds(1738324800);
  EXPECT_EQ(Cell("AGE", host), "2025-01-31T12:00:00Z");
  const std::pair<absl::Duration, const char*> cases[] = {
      {absl::ZeroDuration(), "0s"}, {absl::Seconds(119), "119s"},    {absl::Seconds(120), "2m"},
      {absl::Minutes(119), "119m"}, {absl::Minutes(120), "2h"},      {absl::Hours(47), "47h"},
      {absl::Hours(48), "2d"},      {absl::Hours(24 * 400), "400d"}, {absl::Seconds(-5), "0s"}};
  for (const auto& [age, text] : cases) EXPECT_EQ(Cell("AGE", host, created + age), text);
}

TEST(AccessTest, FindsReferencesWhereverTheyStand) {
  const auto references = [](const Resource& resource) {
    std::vector<std::string> lines;
    for (const Reference& reference : ReferencesOf(resource)) {
      lines.push_back(absl::StrCat(reference.path, "=", ToString(reference.target)));
    }
    return lines;
  };
  EXPECT_THAT(
      references(Make("VmPool", R"({"template":{"image":"sonoma","host":"mac-01"}})")),
      ::testing::ElementsAre("metadata.namespace=namespace/default",
                             "spec.template.image=image/sonoma", "spec.template.host=host/mac-01"));
  EXPECT_THAT(references(Make("ImageCache", R"({"images":["a","r.example/b","c"],"hosts":["h"]})")),
              ::testing::ElementsAre("spec.images[0]=image/a", "spec.images[2]=image/c",
                                     "spec.hosts[0]=host/h"));
  EXPECT_THAT(references(Make("Image", R"({"reference":"r.example/a"})")), IsEmpty());
  EXPECT_THAT(references(Resource()), IsEmpty());
}

TEST(AccessTest, GivesThePartsOfAnyKind) {
  for (const KindInfo& kind : AllKinds()) {
    Resource resource;
    SetKind(resource, kind.kind);
    EXPECT_EQ(resource.body_case(), kind.kind);
    EXPECT_EQ(SpecOf(resource).GetDescriptor(), kind.spec);
    EXPECT_EQ(MutableStatus(resource)->GetDescriptor(), kind.status);
    const google::protobuf::Message* spec = MutableSpec(resource);
    const google::protobuf::Message* status = MutableStatus(resource);
    EXPECT_EQ(spec, &SpecOf(resource));
    EXPECT_EQ(status, &StatusOf(resource));
  }
}

}  // namespace
}  // namespace espalier
