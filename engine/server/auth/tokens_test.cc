#include "engine/server/auth/tokens.h"

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/io.h"
#include "engine/base/random.h"
#include "engine/store/memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

CallContext As(Caller::Role role) {
  CallContext context;
  context.caller.role = role;
  return context;
}

class TokensTest : public testing::Test {
 protected:
  v1::CreateTokenResponse Make(v1::TokenInfo::Role role, const std::string& host = "",
                               std::int64_t ttl_seconds = 0) {
    v1::CreateTokenRequest request;
    request.mutable_token()->set_role(role);
    request.mutable_token()->set_host(host);
    request.set_ttl_seconds(ttl_seconds);
    auto made = tokens_.Create(As(Caller::Role::kAdmin), request);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *made : v1::CreateTokenResponse();
  }

  FakeClock clock_;
  Random random_{7};
  std::unique_ptr<Store> store_ = MakeMemoryStore();
  std::unique_ptr<Log> log_ = MakeNullLog();
  AuditTrail audit_{clock_, *log_, *store_};
  Tokens tokens_{clock_, random_, *store_, audit_};
};

TEST_F(TokensTest, ATokenProvesRoleAndHost) {
  const auto made = Make(v1::TokenInfo::AGENT, "mac-01");
  const auto identity = tokens_.Authenticate(made.secret());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->caller.role, Caller::Role::kAgent);
  EXPECT_EQ(identity->caller.host, "mac-01");
  EXPECT_EQ(identity->caller.subject, "host mac-01");
  EXPECT_EQ(identity->token_id, made.token().id());
}

TEST_F(TokensTest, AnythingElseIsRefusedInTheSameWords) {
  const auto made = Make(v1::TokenInfo::EDITOR);
  std::string changed = made.secret();
  changed.back() = changed.back() == 'a' ? 'b' : 'a';
  const std::string words(tokens_.Authenticate("").status().message());
  for (const std::string& token :
       {std::string("esp_"), std::string("esp__"), changed, made.secret() + "0",
        absl::StrCat("esp_", made.token().id(), "_"), std::string("esp_ffff_00"),
        absl::StrCat("Esp", made.secret().substr(3)), std::string(1 << 16, '_')}) {
    const auto identity = tokens_.Authenticate(token);
    ASSERT_FALSE(identity.ok()) << token;
    EXPECT_EQ(identity.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(identity.status().message(), words);
  }
}

TEST_F(TokensTest, TheStoreHoldsNoSecret) {
  const auto made = Make(v1::TokenInfo::ADMIN);
  const std::string secret = made.secret().substr(made.secret().rfind('_') + 1);
  ASSERT_EQ(secret.size(), 64u);
  const auto all = store_->Range("", "", 0);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->items.size(), 2u) << "the token, and who made it";
  for (const KeyValue& item : all->items) {
    EXPECT_TRUE(absl::StrContains(item.value, made.token().id()));
    EXPECT_FALSE(absl::StrContains(item.value, secret));
  }
}

TEST_F(TokensTest, ARevokedTokenIsRefused) {
  const auto made = Make(v1::TokenInfo::VIEWER);
  EXPECT_TRUE(tokens_.Stands(made.token().id()));
  ASSERT_TRUE(tokens_.Revoke(As(Caller::Role::kAdmin), made.token().id()).ok());
  EXPECT_FALSE(tokens_.Stands(made.token().id()));
  EXPECT_FALSE(tokens_.Authenticate(made.secret()).ok());
  EXPECT_TRUE(absl::IsNotFound(tokens_.Revoke(As(Caller::Role::kAdmin), made.token().id())));
}

TEST_F(TokensTest, ATokenEndsByItsTime) {
  const auto made = Make(v1::TokenInfo::VIEWER, "", 60);
  clock_.Advance(absl::Seconds(59));
  EXPECT_TRUE(tokens_.Authenticate(made.secret()).ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(tokens_.Authenticate(made.secret()).ok());
  EXPECT_FALSE(tokens_.Stands(made.token().id()));
  Make(v1::TokenInfo::VIEWER);
  EXPECT_EQ(tokens_.List(As(Caller::Role::kAdmin))->tokens_size(), 1) << "the old one is swept";
}

TEST_F(TokensTest, OnlyAdminsHandleTokens) {
  for (const Caller::Role role : {Caller::Role::kEditor, Caller::Role::kViewer,
                                  Caller::Role::kAgent, Caller::Role::kReconciler}) {
    v1::CreateTokenRequest request;
    request.mutable_token()->set_role(v1::TokenInfo::ADMIN);
    EXPECT_TRUE(absl::IsPermissionDenied(tokens_.Create(As(role), request).status()));
    EXPECT_TRUE(absl::IsPermissionDenied(tokens_.Revoke(As(role), "x")));
    EXPECT_TRUE(absl::IsPermissionDenied(tokens_.List(As(role)).status()));
  }
}

TEST_F(TokensTest, ARoleNeedsWhatItNeeds) {
  v1::CreateTokenRequest request;
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(As(Caller::Role::kAdmin), request).status()));
  request.mutable_token()->set_role(v1::TokenInfo::AGENT);
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(As(Caller::Role::kAdmin), request).status()));
  request.mutable_token()->set_role(v1::TokenInfo::EDITOR);
  request.mutable_token()->set_host("mac-01");
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(As(Caller::Role::kAdmin), request).status()));
}

}  // namespace
}  // namespace espalier
