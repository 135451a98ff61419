#include "engine/render/table.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace espalier {
namespace {

TEST(TableTest, AlignsColumnsAndEndsLines) {
  Table table({"NAME", "IP", "STATUS"});
  EXPECT_TRUE(table.empty());
  table.AddRow({"vm-pl452", "10.221.188.32", "Running"});
  table.AddRow({"\xc3\xa9", "", "Pending"});
  table.AddRow({"short"});
  EXPECT_EQ(table.ToText(),
            "NAME      IP             STATUS\n"
            "vm-pl452  10.221.188.32  Running\n"
            "\xc3\xa9                        Pending\n"
            "short\n");
}

TEST(TableTest, DefusesCells) {
  Table table({"NAME"});
  table.AddRow({"a\x1b[2J\nb"});
  EXPECT_EQ(table.ToText(), "NAME\na?[2J b\n");
}

TEST(TableTest, ShowsTheColumnsOfAKind) {
  Resource vm;
  vm.mutable_metadata()->set_name("build");
  vm.mutable_metadata()->set_namespace_("ci");
  vm.mutable_metadata()->mutable_created_at()->set_seconds(1000);
  vm.mutable_vm()->mutable_spec()->set_image("sonoma");
  vm.mutable_vm()->mutable_spec()->set_memory_mib(4915);
  v1::VmStatus& status = *vm.mutable_vm()->mutable_status();
  status.mutable_placement()->set_phase(v1::VmPlacement::RUNNING);
  status.mutable_placement()->set_host("mac-01");
  status.mutable_observed()->set_ip("10.0.0.5");
  const KindInfo& kind = InfoOf(Kind::kVm);
  const std::string narrow = ObjectsTable(kind, {vm}, false, absl::FromUnixSeconds(1090));
  EXPECT_EQ(narrow,
            "NAME   NAMESPACE  STATUS   HOST    IP        PORTS  AGE\n"
            "build  ci         running  mac-01  10.0.0.5  -      90s\n");
  const std::string wide = ObjectsTable(kind, {vm}, true, absl::FromUnixSeconds(1090));
  EXPECT_NE(wide.find("IMAGE"), std::string::npos);
  EXPECT_NE(wide.find("4.80G"), std::string::npos);
}

}  // namespace
}  // namespace espalier
