#include "engine/model/secret_fields.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/testing/read.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> PathsOf(const Resource& resource) {
  std::vector<std::string> paths;
  VisitSecrets(resource, [&](const std::string& path, const v1::SecretRef& secret) {
    paths.push_back(absl::StrCat(path, "=", secret.env()));
  });
  return paths;
}

TEST(SecretFieldsTest, AreFoundWhereverTheyStand) {
  EXPECT_THAT(PathsOf(Make("RegistryCredential", R"({"password":{"env":"A"}})")),
              ElementsAre("spec.password=A"));
  EXPECT_THAT(
      PathsOf(Make("GitSource", R"({"webhook_secret":{"env":"A"},"proxy":{"password":{"env":"B"}},)"
                                R"("forge":{"github_app":{"private_key":{"env":"C"}}}})")),
      ElementsAre("spec.webhook_secret=A", "spec.proxy.password=B",
                  "spec.forge.github_app.private_key=C"));
}

TEST(SecretFieldsTest, AreNotThereWhereNoneAreGiven) {
  EXPECT_THAT(PathsOf(Make("GitSource", "{}")), IsEmpty());
  EXPECT_THAT(PathsOf(Make("Vm", R"({"image":"a"})")), IsEmpty());
  EXPECT_THAT(PathsOf(Resource()), IsEmpty());
}

TEST(SecretFieldsTest, CanBeChangedInTheirPlace) {
  Resource source = Make("GitSource", R"({"proxy":{"password":{"value":"hush"}}})");
  VisitSecrets(source, [](const std::string&, v1::SecretRef& secret) { secret.clear_value(); });
  EXPECT_FALSE(source.git_source().spec().proxy().password().has_value());
}

}  // namespace
}  // namespace espalier
