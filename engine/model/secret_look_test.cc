#include "engine/model/secret_look.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/model/validate.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

std::string Letters(std::size_t count) { return std::string(count, 'a'); }

TEST(SecretLookTest, KnowsTheFormsOfTokens) {
  for (const std::string& secret : {
           absl::StrCat("-----BEGIN OPENSSH PRIVATE KEY", "-----\nAAAA\n"),
           absl::StrCat("-----BEGIN RSA PRIVATE KEY", "-----"),
           absl::StrCat("ghp_", Letters(36)),
           absl::StrCat("token=ghs_", Letters(36), ";"),
           absl::StrCat("github_pat_", Letters(22)),
           absl::StrCat("Bearer glpat-", Letters(20)),
           absl::StrCat("AKIA", std::string(16, 'Q')),
           absl::StrCat("esp_", Letters(8), "_", Letters(40)),
           std::string("https://ana:hunter2@git.example/fleet.git"),
       }) {
    EXPECT_TRUE(LooksLikeSecret(secret)) << secret;
  }
  for (const std::string& text : {
           std::string(),
           std::string("registry.example/macos/sonoma:14.6@sha256:") + Letters(64),
           absl::StrCat("ghp_", Letters(8)),
           absl::StrCat("-----BEGIN CERTIFICATE-----\n", Letters(64)),
           std::string("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI") + Letters(40),
           std::string("https://git.example:8443/fleet.git"),
           std::string("https://ana@git.example/fleet.git"),
           std::string("https://ana:$PASSWORD@git.example/"),
           std::string("ssh://git@git.example:22/fleet.git"),
           std::string("://:@"),
           std::string("://"),
       }) {
    EXPECT_FALSE(LooksLikeSecret(text)) << text;
  }
}

// A warning, wherever a text may stand, that does not say the text again.
TEST(SecretLookTest, B14WarnsOfSecretsWithoutRepeatingThem) {
  const std::string secret = absl::StrCat("ghp_", Letters(36));
  Resource vm;
  vm.mutable_metadata()->set_name("build");
  (*vm.mutable_metadata()->mutable_annotations())["note"] = secret;
  v1::VmSpec& spec = *vm.mutable_vm()->mutable_spec();
  spec.set_image("sonoma");
  (*spec.mutable_guest_metadata())["token"] = secret;
  Problems problems;
  Validate(vm, {}, problems);
  EXPECT_FALSE(problems.HasErrors());
  ASSERT_EQ(problems.list().size(), 2u);
  EXPECT_EQ(problems.list()[0].path(), "metadata.annotations[note]");
  EXPECT_EQ(problems.list()[1].path(), "spec.guest_metadata[token]");

  // It is not repeated where it is wrong for another reason either.
  spec.set_image(secret);
  Validate(vm, {}, problems);
  EXPECT_TRUE(problems.HasErrors());
  for (const Problem& problem : problems.list()) {
    EXPECT_EQ(problem.message().find(secret), std::string::npos) << ToString(problem);
  }
}

}  // namespace
}  // namespace espalier
