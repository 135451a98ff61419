#include "provider/diagnostic.h"

#include <gtest/gtest.h>

#include "engine/model/validate.h"

namespace espalier::provider {
namespace {

// Core says nothing where such a field is set, and the engine finds what validation has told.
TEST(DiagnosticsTest, WarnOfADeprecatedFieldOnce) {
  Problems problems;
  problems.Warning(kDeprecatedField, "spec.template.cpus", "is deprecated: use cpu");
  problems.Error("invalid_value", "spec.replicas", "is too large");

  Diagnostics validated;
  validated.Add("Invalid espalier_vm_pool", problems);
  ASSERT_EQ(validated.list().size(), 2U);
  const Diagnostic& warning = validated.list()[0];
  EXPECT_EQ(warning.severity, Diagnostic::Severity::kWarning);
  EXPECT_EQ(warning.summary, "Deprecated argument");
  EXPECT_EQ(warning.detail, "template.cpus: is deprecated: use cpu");
  EXPECT_EQ(ToString(warning.path), "template.cpus");
  EXPECT_EQ(validated.list()[1].summary, "Invalid espalier_vm_pool");

  Diagnostics answered;
  for (const Problem& problem : problems.list()) answered.Add("Cannot apply vm pool a", problem);
  ASSERT_EQ(answered.list().size(), 1U);
  EXPECT_EQ(answered.list()[0].summary, "Cannot apply vm pool a");
}

}  // namespace
}  // namespace espalier::provider
