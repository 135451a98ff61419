// Secrets that are given as values: how they get into the store, what is seen of them, and who is
// told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/codec.h"
#include "engine/server/auth/authorize.h"
#include "engine/server/local_resources.h"
#include "engine/server/vault.h"
#include "engine/store/memory.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Role = Caller::Role;

constexpr char kKeyFile[] = "/data/secrets.key";

CallContext As(Role role, const std::string& of = "") {
  CallContext context;
  context.caller = {.role = role, .subject = "somebody"};
  if (role == Role::kAgent) context.caller.host = of;
  if (role == Role::kReconciler) context.caller.source = of;
  return context;
}

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    EXPECT_TRUE(io_.MakeDirs("/data", 0700).ok());
    Open();
  }

  // Again: as after a restart, with what was stored.
  void Open() {
    authorized_.reset();
    engine_.reset();
    const std::string snapshot = store_->Snapshot().value();
    store_ = MakeMemoryStore("e1");
    EXPECT_TRUE(store_->Restore(snapshot).ok());
    opened_at_ = store_->revision();
    vault_ = Vault::Open(io_, *log_, *store_, kKeyFile).value();
    engine_ =
        LocalResources::Open(clock_, random_, *log_, *store_, {.vault = vault_.get()}).value();
    authorized_ = std::make_unique<AuthorizedResources>(*engine_, nullptr);
  }

  static Resource Credential(const std::string& value, const std::string& user = "robot") {
    Resource resource;
    resource.mutable_metadata()->set_name("harbor");
    v1::RegistryCredentialSpec& spec = *resource.mutable_registry_credential()->mutable_spec();
    spec.set_registry("r.example");
    spec.set_username(user);
    spec.mutable_password()->set_value(value);
    return resource;
  }
  // The same with what stands there.
  Resource WithSeal(const std::string& sealed, const std::string& user) {
    Resource resource = Credential("", user);
    resource.mutable_registry_credential()->mutable_spec()->mutable_password()->clear_value();
    resource.mutable_registry_credential()->mutable_spec()->mutable_password()->set_sealed(sealed);
    return resource;
  }
  static ApplyRequest SetOf(const Resource& resource, Owner::Manager manager = Owner::CLI) {
    ApplyRequest request;
    request.mutable_owner()->set_manager(manager);
    *request.add_objects()->mutable_resource() = resource;
    return request;
  }

  ApplyResult Apply(const ApplyRequest& request, Role role = Role::kAdmin) {
    absl::StatusOr<ApplyResult> result = authorized_->Apply(As(role), request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ApplyResult();
  }
  ApplyResult Give(const std::string& value) { return Apply(SetOf(Credential(value))); }

  static std::vector<std::string> CodesOf(const ApplyResult& result) {
    std::vector<std::string> codes;
    for (const Problem& problem : result.problems()) codes.push_back(problem.code());
    return codes;
  }
  static std::vector<std::string> ChangesOf(const ApplyResult& result) {
    std::vector<std::string> lines;
    for (const v1::Action& action : result.plan().actions()) {
      for (const v1::FieldChange& change : action.changes()) {
        lines.push_back(absl::StrCat(change.path(), " ", change.before(), " -> ",
                                     change.unknown() ? "?" : change.after()));
      }
    }
    return lines;
  }

  Resource Stored() {
    return engine_->Get(As(Role::kAdmin), Ref{Kind::kRegistryCredential, "", "harbor"}).value();
  }
  std::string Seal() { return Stored().registry_credential().spec().password().sealed(); }
  std::size_t Kept() { return store_->Range("s/", "s0", 0)->items.size(); }
  // Everything that the store holds, or held since it was opened, as bytes.
  std::string AllBytes() {
    std::string bytes = *store_->Snapshot();
    const std::vector<StoreEvent> events = *store_->EventsAfter(opened_at_, 0);
    for (const StoreEvent& event : events) absl::StrAppend(&bytes, event.value);
    return bytes;
  }

  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  FakeIo io_{clock_};
  Random random_{1};
  const std::unique_ptr<Log> log_ = MakeNullLog();
  std::unique_ptr<Store> store_ = MakeMemoryStore("e1");
  std::int64_t opened_at_ = 0;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<LocalResources> engine_;
  std::unique_ptr<AuthorizedResources> authorized_;
};

TEST_F(SecretsTest, AreStoredEncryptedAndShownToNobody) {
  const ApplyResult result = Give("hush-4711");
  ASSERT_TRUE(result.applied()) << result.ShortDebugString();
  EXPECT_THAT(result.SerializeAsString(), Not(HasSubstr("hush-4711")));
  EXPECT_THAT(ChangesOf(result), testing::Contains("spec.password.sealed  -> \"(secret)\""));
  EXPECT_THAT(Stored().SerializeAsString(), Not(HasSubstr("hush-4711")));
  EXPECT_EQ(Seal().size(), 32u);
  EXPECT_THAT(AllBytes(), Not(HasSubstr("hush-4711")));
  EXPECT_THAT(AllBytes(), HasSubstr("r.example")) << "looked into the wrong bytes";
}

TEST_F(SecretsTest, AreToldToWhoeverUsesThem) {
  Give("hush");
  for (const Role role : {Role::kController, Role::kAgent}) {
    EXPECT_EQ(vault_->Reveal(As(role), Seal()).value(), "hush");
  }
  Open();
  EXPECT_EQ(vault_->Reveal(As(Role::kController), Seal()).value(), "hush") << "after a restart";
}

TEST_F(SecretsTest, AreToldToNobodyElse) {
  Give("hush");
  Resource source;
  source.mutable_metadata()->set_name("fleet");
  source.mutable_git_source()->mutable_spec()->set_repository("https://r.example/fleet");
  source.mutable_git_source()->mutable_spec()->mutable_webhook_secret()->set_value("psst");
  const ApplyResult made = Apply(SetOf(source));
  ASSERT_TRUE(made.applied()) << made.ShortDebugString();
  const std::string of_source = made.objects(0).git_source().spec().webhook_secret().sealed();

  for (const Role role : {Role::kAdmin, Role::kEditor, Role::kViewer}) {
    EXPECT_TRUE(absl::IsPermissionDenied(vault_->Reveal(As(role), Seal()).status()));
    EXPECT_TRUE(absl::IsPermissionDenied(vault_->Reveal(As(role), "none").status()))
        << "nobody learns what there is by asking for it";
  }
  EXPECT_TRUE(absl::IsPermissionDenied(vault_->Reveal(As(Role::kAgent), of_source).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(vault_->Reveal(As(Role::kReconciler), Seal()).status()));
  EXPECT_TRUE(
      absl::IsPermissionDenied(vault_->Reveal(As(Role::kReconciler, "other"), of_source).status()));
  EXPECT_EQ(vault_->Reveal(As(Role::kReconciler, "fleet"), of_source).value(), "psst");
  EXPECT_EQ(vault_->Reveal(As(Role::kReconciler), of_source).value(), "psst");
  for (const char* wrong : {"", "none", "../", "0123456789abcdef0123456789abcdef"}) {
    EXPECT_TRUE(absl::IsNotFound(vault_->Reveal(As(Role::kAgent), wrong).status())) << wrong;
  }
}

TEST_F(SecretsTest, TheSameAgainIsNoChange) {
  Give("hush");
  const std::string before = Seal();
  const ApplyResult again = Give("hush");
  EXPECT_EQ(again.plan().noops(), 1u);
  EXPECT_EQ(Seal(), before);
}

TEST_F(SecretsTest, AnotherIsAChangeThatDoesNotSayWhat) {
  Give("hush");
  const std::string before = Seal();
  const ApplyResult other = Give("psst");
  EXPECT_EQ(other.plan().updates(), 1u);
  EXPECT_THAT(ChangesOf(other), ElementsAre("spec.password.sealed \"(secret)\" -> \"(secret)\""));
  EXPECT_EQ(vault_->Reveal(As(Role::kAgent), Seal()).value(), "psst");
  EXPECT_TRUE(absl::IsNotFound(vault_->Reveal(As(Role::kAgent), before).status()));
  EXPECT_EQ(Kept(), 1u);
}

// What was agreed to is what is done, of secrets too.
TEST_F(SecretsTest, PlansOfDifferentSecretsHaveDifferentDigests) {
  const auto digest = [&](const std::string& value) {
    ApplyRequest request = SetOf(Credential(value));
    request.set_dry_run(true);
    return Apply(request).plan().digest();
  };
  Give("hush");
  EXPECT_NE(digest("one"), digest("two"));
  EXPECT_EQ(digest("one"), digest("one"));
}

TEST_F(SecretsTest, ASealThatIsGivenBackKeepsTheValue) {
  Give("hush");
  const std::string seal = Seal();
  const ApplyResult renamed = Apply(SetOf(WithSeal(seal, "ana")));
  ASSERT_TRUE(renamed.applied()) << renamed.ShortDebugString();
  EXPECT_THAT(ChangesOf(renamed), ElementsAre("spec.username \"robot\" -> \"ana\""));
  EXPECT_EQ(vault_->Reveal(As(Role::kAgent), Seal()).value(), "hush");
  // As a merge patch leaves it: what was read, and what is wanted.
  Resource both = Credential("psst");
  both.mutable_registry_credential()->mutable_spec()->mutable_password()->set_sealed(seal);
  EXPECT_TRUE(Apply(SetOf(both)).applied());
  EXPECT_EQ(vault_->Reveal(As(Role::kAgent), Seal()).value(), "psst");
}

TEST_F(SecretsTest, ASealIsGoodInItsPlaceAlone) {
  const std::string made_up = "0123456789abcdef0123456789abcdef";
  EXPECT_THAT(CodesOf(Apply(SetOf(WithSeal(made_up, "ana")))), ElementsAre("secret_not_kept"));
  Give("hush");
  EXPECT_THAT(CodesOf(Apply(SetOf(WithSeal(made_up, "ana")))), ElementsAre("secret_not_kept"));
  // Neither of another object that is there, nor of one that is given along with it.
  Resource thief = WithSeal(Seal(), "ana");
  thief.mutable_metadata()->set_name("thief");
  EXPECT_THAT(CodesOf(Apply(SetOf(thief))), ElementsAre("secret_not_kept"));
  ApplyRequest both = SetOf(Credential("hush"));
  *both.add_objects()->mutable_resource() = thief;
  EXPECT_THAT(CodesOf(Apply(both)), ElementsAre("secret_not_kept"));
}

TEST_F(SecretsTest, GoWithTheirObject) {
  Give("hush");
  DeleteRequest request;
  *request.mutable_ref() = ToProto(Ref{Kind::kRegistryCredential, "", "harbor"});
  request.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As(Role::kAdmin), request)->applied());
  EXPECT_EQ(Kept(), 0u);
}

TEST_F(SecretsTest, GoWhenSomethingElseIsNamed) {
  Give("hush");
  Resource named = Credential("");
  named.mutable_registry_credential()->mutable_spec()->mutable_password()->clear_value();
  named.mutable_registry_credential()->mutable_spec()->mutable_password()->set_env("PASSWORD");
  ASSERT_TRUE(Apply(SetOf(named)).applied());
  EXPECT_EQ(Kept(), 0u);
}

TEST_F(SecretsTest, APreviewKeepsNothing) {
  ApplyRequest request = SetOf(Credential("hush"));
  request.set_dry_run(true);
  EXPECT_EQ(Apply(request).plan().creates(), 1u);
  EXPECT_EQ(Kept(), 0u);
}

// Who may plan but not apply could otherwise try values until the plan says "no change".
TEST_F(SecretsTest, ReadersCannotTryValues) {
  Give("hush");
  for (const Role role : {Role::kViewer, Role::kEditor}) {
    for (const char* guess : {"hush", "psst"}) {
      ApplyRequest request = SetOf(Credential(guess));
      request.set_dry_run(true);
      const ApplyResult result = Apply(request, role);
      EXPECT_THAT(ChangesOf(result), ElementsAre("spec.password.sealed \"(secret)\" -> ?"))
          << guess;
    }
  }
}

TEST_F(SecretsTest, DoNotBelongIntoGit) {
  const ApplyResult result = Apply(SetOf(Credential("hush-4711"), Owner::GIT));
  EXPECT_THAT(CodesOf(result), testing::Contains("secret_in_git"));
  EXPECT_THAT(result.SerializeAsString(), Not(HasSubstr("hush-4711")));
  EXPECT_EQ(result.problems(0).path(), "spec.password.value");
}

TEST_F(SecretsTest, AreBounded) {
  const ApplyResult result = Give(std::string(limits::kSecretBytes + 1, 'x'));
  EXPECT_THAT(CodesOf(result), ElementsAre("invalid_value"));
  EXPECT_LT(result.ByteSizeLong(), limits::kSecretBytes);
  EXPECT_TRUE(Give(std::string(limits::kSecretBytes, 'x')).applied());
}

// One that is longer than a transaction may be is stored in parts like any other.
TEST_F(SecretsTest, ManyLargeOnesAreStoredInParts) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  for (int i = 0; i < 100; ++i) {
    Resource credential = Credential(absl::StrCat(i, std::string(60000, 'x')));
    credential.mutable_metadata()->set_name(absl::StrCat("r", i));
    *request.add_objects()->mutable_resource() = credential;
  }
  EXPECT_TRUE(Apply(request).applied());
  EXPECT_EQ(Kept(), 100u);
}

TEST_F(SecretsTest, AreNotTakenByAnEngineThatKeepsNone) {
  const std::unique_ptr<Store> store = MakeMemoryStore("e2");
  const auto engine = LocalResources::Open(clock_, random_, *log_, *store, {}).value();
  const ApplyResult result = engine->Apply(As(Role::kAdmin), SetOf(Credential("hush"))).value();
  EXPECT_THAT(CodesOf(result), ElementsAre("no_secret_store"));
  EXPECT_FALSE(result.applied());
}

TEST_F(SecretsTest, TheKeyIsMadeOnceAndIsNotInTheStore) {
  const std::string key = io_.ReadFile(kKeyFile, 4096).value();
  EXPECT_EQ(key.size(), 65u);
  Give("hush");
  EXPECT_THAT(AllBytes(), Not(HasSubstr(key.substr(0, 64))));
  Open();
  EXPECT_EQ(io_.ReadFile(kKeyFile, 4096).value(), key);
}

TEST_F(SecretsTest, WithoutItsKeyTheEngineDoesNotStart) {
  Give("hush");
  const std::string key = io_.ReadFile(kKeyFile, 4096).value();
  ASSERT_TRUE(io_.RemoveAll(kKeyFile).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Vault::Open(io_, *log_, *store_, kKeyFile).status()));
  EXPECT_FALSE(io_.ReadFile(kKeyFile, 4096).ok()) << "the way back must stay open";
  ASSERT_TRUE(io_.WriteFile(kKeyFile, std::string(64, 'a'), 0600).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Vault::Open(io_, *log_, *store_, kKeyFile).status()));
  ASSERT_TRUE(io_.WriteFile(kKeyFile, "not a key", 0600).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Vault::Open(io_, *log_, *store_, kKeyFile).status()));
  ASSERT_TRUE(io_.WriteFile(kKeyFile, key, 0600).ok());
  Open();
  EXPECT_EQ(vault_->Reveal(As(Role::kAgent), Seal()).value(), "hush");
}

TEST_F(SecretsTest, WhoHasLostTheKeyMayForgetAndGiveThemAgain) {
  Give("hush");
  ASSERT_TRUE(io_.RemoveAll(kKeyFile).ok());
  auto vault = Vault::Open(io_, *log_, *store_, kKeyFile, /*forget=*/true);
  ASSERT_TRUE(vault.ok()) << vault.status();
  EXPECT_TRUE((*vault)->ForgetAll().ok());
  EXPECT_EQ(Kept(), 0u);
  Open();
  EXPECT_TRUE(absl::IsNotFound(vault_->Reveal(As(Role::kAgent), Seal()).status()));
  EXPECT_EQ(Give("hush").plan().updates(), 1u);
  EXPECT_EQ(vault_->Reveal(As(Role::kAgent), Seal()).value(), "hush");
}

// Bytes that somebody moved from one place of the store to another open nothing.
TEST_F(SecretsTest, AreBoundToTheirPlace) {
  Give("hush");
  const KeyValue kept = store_->Range("s/", "s0", 1)->items[0];
  v1::SecretRecord record;
  ASSERT_TRUE(record.ParseFromString(kept.value));
  record.set_path("spec.elsewhere");
  ASSERT_TRUE(
      store_->Commit({.ops = {{StoreOp::Type::kPut, kept.key, record.SerializeAsString()}}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(vault_->Reveal(As(Role::kAgent), Seal()).status()));
}

TEST_F(SecretsTest, AProcessRemembersWhatItWasTold) {
  Give("hush");
  const Reveal reveal = RevealThrough(*vault_, As(Role::kAgent).caller);
  EXPECT_EQ(reveal(Seal()).value(), "hush");
  const std::string seal = Seal();
  ASSERT_TRUE(vault_->ForgetAll().ok());
  EXPECT_EQ(reveal(seal).value(), "hush");
  EXPECT_TRUE(absl::IsNotFound(RevealThrough(*vault_, As(Role::kAgent).caller)(seal).status()));
}

}  // namespace
}  // namespace espalier
