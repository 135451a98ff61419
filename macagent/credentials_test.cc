#include "macagent/credentials.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"
#include "tests/support/fake_resources.h"

namespace espalier::agent {
namespace {

// Keeps one value, and counts who asks.
class OneSecret final : public Secrets {
 public:
  absl::StatusOr<std::string> Reveal(const CallContext& context,
                                     const std::string& sealed) override {
    ++asked;
    EXPECT_EQ(context.caller.host, "mac-01");
    if (sealed == "0123") return "kept";
    return absl::NotFoundError("none");
  }
  int asked = 0;
};

class CredentialsTest : public testing::Test {
 protected:
  void Declare(const std::string& registry, const std::string& file) {
    Resource resource;
    resource.mutable_metadata()->set_name(file);
    auto& spec = *resource.mutable_registry_credential()->mutable_spec();
    spec.set_registry(registry);
    spec.set_username("robot");
    spec.mutable_password()->set_file(file);
    resources_.Put(resource);
  }
  oci::CredentialSource Make() {
    return MakeCredentials(clock_, *log_, io_, resources_, secrets_, "mac-01", "/secrets",
                           [](const std::string&) { return std::nullopt; });
  }

  FakeClock clock_;
  FakeIo io_{clock_};
  FakeResources resources_;
  OneSecret secrets_;
  std::unique_ptr<Log> log_ = MakeNullLog();
};

TEST_F(CredentialsTest, FindsTheOneOfTheRegistryAndReadsItsSecretHere) {
  ASSERT_EQ(io_.MakeDirs("/secrets", 0700), absl::OkStatus());
  ASSERT_EQ(io_.WriteFile("/secrets/harbor", "s3cret\n", 0600), absl::OkStatus());
  Declare("harbor.example", "harbor");
  Declare("other.example:5000", "missing");
  const oci::CredentialSource source = Make();
  EXPECT_EQ(source("harbor.example").username, "robot");
  EXPECT_EQ(source("harbor.example").password, "s3cret");
  EXPECT_EQ(source("nobody.example").username, "");
  // A secret that is not here is no secret: the request goes out without one.
  EXPECT_EQ(source("other.example:5000").username, "");
}

TEST_F(CredentialsTest, AsksTheEngineForWhatItKeepsOnce) {
  for (const char* seal : {"0123", "4567"}) {
    Resource resource;
    resource.mutable_metadata()->set_name(seal);
    auto& spec = *resource.mutable_registry_credential()->mutable_spec();
    spec.set_registry(absl::StrCat(seal, ".example"));
    spec.set_username("robot");
    spec.mutable_password()->set_sealed(seal);
    resources_.Put(resource);
  }
  const oci::CredentialSource source = Make();
  EXPECT_EQ(source("0123.example").password, "kept");
  EXPECT_EQ(source("0123.example").password, "kept");
  EXPECT_EQ(secrets_.asked, 1);
  EXPECT_EQ(source("4567.example").username, "");
}

TEST_F(CredentialsTest, SeesNewOnesAfterAWhile) {
  ASSERT_EQ(io_.MakeDirs("/secrets", 0700), absl::OkStatus());
  ASSERT_EQ(io_.WriteFile("/secrets/a", "x", 0600), absl::OkStatus());
  const oci::CredentialSource source = Make();
  EXPECT_EQ(source("a.example").password, "");
  Declare("a.example", "a");
  EXPECT_EQ(source("a.example").password, "") << "believed for a while";
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(source("a.example").password, "x");
}

}  // namespace
}  // namespace espalier::agent
