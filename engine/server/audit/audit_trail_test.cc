// The trail as LocalResources keeps it: in both stores, over restarts, within its limits.
#include "engine/server/audit/audit_trail.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/diff.h"
#include "engine/server/auth/authorize.h"
#include "engine/server/auth/tokens.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "engine/store/sqlite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Role = Caller::Role;

CallContext As(const std::string& subject, Role role = Role::kAdmin) {
  CallContext context;
  context.caller.role = role;
  context.caller.subject = subject;
  return context;
}

Resource Image(const std::string& name, const std::string& tag = "1") {
  Resource resource;
  resource.mutable_metadata()->set_name(name);
  resource.mutable_image()->mutable_spec()->set_reference(
      absl::StrCat("registry.example/", name, ":", tag));
  return resource;
}

ApplyRequest SetOf(const std::vector<Resource>& resources, Owner::Manager manager = Owner::CLI) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(manager);
  if (manager == Owner::GIT) request.mutable_owner()->set_instance("fleet");
  for (const Resource& resource : resources) {
    *request.add_objects()->mutable_resource() = resource;
  }
  return request;
}

AuditQuery About(const std::string& kind, const std::string& name = "") {
  AuditQuery query;
  query.mutable_ref()->set_kind(kind);
  query.mutable_ref()->set_name(name);
  return query;
}

class AuditTrailTest : public ::testing::Test {
 protected:
  AuditTrailTest() { Open(); }

  void Open() {
    engine_.reset();
    auto opened = LocalResources::Open(clock_, random_, *log_, *store_, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = *std::move(opened);
  }

  // The same history in another engine, as after a restart.
  void Restart() {
    const std::string kept = *store_->Snapshot();
    engine_.reset();
    store_ = MakeMemoryStore("e2");
    ASSERT_TRUE(store_->Restore(kept).ok());
    Open();
  }

  ApplyResult Apply(const ApplyRequest& request, const CallContext& context = As("ana")) {
    auto result = engine_->Apply(context, request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ApplyResult();
  }

  AuditPage List(const AuditQuery& query = {}, const CallContext& context = As("root")) {
    auto page = engine_->audit().List(context, query);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : AuditPage();
  }

  // "create image/a", newest first.
  std::vector<std::string> Words(const AuditQuery& query = {}) {
    std::vector<std::string> words;
    const AuditPage page = List(query);
    for (const AuditEntry& entry : page.entries()) {
      words.push_back(
          absl::StrCat(!entry.refused().empty() ? "REFUSED" : v1::Action::Verb_Name(entry.verb()),
                       " ", entry.ref().kind(), "/", entry.ref().name(), " ", entry.subject()));
    }
    return words;
  }

  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_{1};
  std::unique_ptr<Log> log_ = MakeNullLog();
  std::unique_ptr<Store> store_ = MakeMemoryStore("e1");
  std::unique_ptr<LocalResources> engine_;
};

TEST_F(AuditTrailTest, EveryVerbIsWrittenDownWithTheRevisionOfItsWrite) {
  const ApplyResult made = Apply(SetOf({Image("a")}));
  const ApplyResult changed = Apply(SetOf({Image("a", "2")}), As("ben"));
  ApplyRequest transfer = SetOf({Image("a", "2")}, Owner::GIT);
  transfer.set_transfer(true);
  Apply(transfer);
  ApplyRequest release = SetOf({}, Owner::GIT);
  *release.add_release() = ToProto(Ref{Kind::kImage, "", "a"});
  Apply(release);
  Apply(SetOf({Image("a", "2")}));
  DeleteRequest removal;
  *removal.mutable_ref() = ToProto(Ref{Kind::kImage, "", "a"});
  removal.mutable_owner()->set_manager(Owner::CLI);
  ASSERT_TRUE(engine_->Delete(As("ana"), removal)->applied());

  EXPECT_THAT(Words(),
              ElementsAre("DELETE image/a ana", "ADOPT image/a ana", "RELEASE image/a ana",
                          "ADOPT image/a ana", "UPDATE image/a ben", "CREATE image/a ana"));
  const AuditPage page = List();
  EXPECT_EQ(page.entries(5).revision(), made.revision());
  EXPECT_EQ(page.entries(4).revision(), changed.revision());
  EXPECT_EQ(page.entries(4).changes(0).path(), "spec.reference");
  EXPECT_EQ(page.entries(4).uid(), made.objects(0).metadata().uid());
  // Each begins where the one before it ended.
  for (int i = 0; i + 1 < page.entries_size(); ++i) {
    EXPECT_EQ(page.entries(i).before_hash(), page.entries(i + 1).after_hash()) << i;
    EXPECT_GT(page.entries(i).sequence(), page.entries(i + 1).sequence()) << i;
  }
  EXPECT_EQ(page.entries(4).after_hash(), SpecHash(changed.objects(0)));
}

TEST_F(AuditTrailTest, WhatChangesNothingIsNotWrittenDown) {
  Apply(SetOf({Image("a")}));
  Apply(SetOf({Image("a")}));
  ApplyRequest dry = SetOf({Image("b")});
  dry.set_dry_run(true);
  Apply(dry);
  EXPECT_THAT(Words(), ElementsAre("CREATE image/a ana"));
}

TEST_F(AuditTrailTest, ASetIsOneRecordAndStaysOneCommit) {
  std::vector<Resource> images;
  images.reserve(limits::kAtomicObjects);
  for (std::size_t i = 0; i < limits::kAtomicObjects; ++i) {
    images.push_back(Image(absl::StrCat("image-", i)));
  }
  const std::int64_t before = store_->revision();
  ASSERT_TRUE(Apply(SetOf(images)).applied());
  EXPECT_EQ(store_->revision(), before + 1);
  EXPECT_EQ(List().entries_size(), static_cast<int>(limits::kAtomicObjects));
  EXPECT_EQ(store_->Range("a/", "a0", 0)->items.size(), 1u);
}

TEST_F(AuditTrailTest, PrunedObjectsNameTheReasonAndTheCommit) {
  Apply(SetOf({Image("a"), Image("b")}, Owner::GIT));
  ApplyRequest prune = SetOf({Image("a")}, Owner::GIT);
  prune.mutable_owner()->set_commit("3f2a91c");
  prune.mutable_prune()->set_whole_scope_loaded(true);
  ASSERT_TRUE(Apply(prune, As("source fleet")).applied());
  const AuditEntry last = List().entries(0);
  EXPECT_EQ(last.verb(), v1::Action::DELETE);
  EXPECT_EQ(last.ref().name(), "b");
  EXPECT_EQ(last.owner().commit(), "3f2a91c");
  EXPECT_EQ(last.reason(), "not declared any more");
}

TEST_F(AuditTrailTest, FieldsAreShownAsPlansShowThem) {
  Resource login;
  login.mutable_metadata()->set_name("login");
  v1::RegistryCredentialSpec& spec = *login.mutable_registry_credential()->mutable_spec();
  spec.set_registry("registry.example");
  spec.set_username("u");
  spec.mutable_password()->set_file("first-place");
  Apply(SetOf({login}));
  spec.mutable_password()->set_file("second-place");
  ASSERT_TRUE(Apply(SetOf({login})).applied());
  const AuditEntry entry = List().entries(0);
  ASSERT_GT(entry.changes_size(), 0);
  // Where a secret is found is none; what is one is "(secret)" in every diff.
  EXPECT_EQ(entry.changes(0).path(), "spec.password.file");
}

TEST_F(AuditTrailTest, QueriesNarrowByObjectSubjectAndTime) {
  Apply(SetOf({Image("a"), Image("b")}));
  clock_.Advance(absl::Hours(2));
  Apply(SetOf({Image("b", "2")}), As("ben"));
  EXPECT_THAT(Words(About("image", "b")), ElementsAre("UPDATE image/b ben", "CREATE image/b ana"));
  EXPECT_THAT(Words(About("vm")), IsEmpty());
  AuditQuery by;
  by.set_subject("ben");
  EXPECT_THAT(Words(by), ElementsAre("UPDATE image/b ben"));
  AuditQuery since;
  since.mutable_since()->set_seconds(absl::ToUnixSeconds(clock_.Now() - absl::Hours(1)));
  EXPECT_THAT(Words(since), ElementsAre("UPDATE image/b ben"));
  AuditQuery nameless;
  nameless.mutable_ref()->set_name("b");
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->audit().List(As("root"), nameless).status()));
}

TEST_F(AuditTrailTest, PagesMissNothingAndShowNothingTwice) {
  for (int i = 0; i < 7; ++i) Apply(SetOf({Image("a", absl::StrCat(i))}));
  AuditQuery query;
  query.set_limit(3);
  std::vector<std::int64_t> seen;
  int pages = 0;
  do {
    const AuditPage page = List(query);
    for (const AuditEntry& entry : page.entries()) seen.push_back(entry.sequence());
    query.set_before(page.next_before());
    ++pages;
  } while (query.before() != 0);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
}

TEST_F(AuditTrailTest, ARestartKeepsItAndGoesOnAfterIt) {
  Apply(SetOf({Image("a")}));
  Restart();
  Apply(SetOf({Image("b")}));
  EXPECT_THAT(Words(), ElementsAre("CREATE image/b ana", "CREATE image/a ana"));
  EXPECT_EQ(store_->Range("a/", "a0", 0)->items.size(), 2u) << "no number is given twice";
}

TEST_F(AuditTrailTest, ARefusalIsWrittenDownOnceAnHour) {
  Apply(SetOf({Image("a")}, Owner::GIT));
  const std::int64_t before = store_->revision();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Apply(SetOf({Image("a", "2")})).applied());
  EXPECT_EQ(store_->revision(), before + 1);
  const AuditEntry entry = List().entries(0);
  EXPECT_THAT(entry.refused(), HasSubstr("is owned by git fleet"));
  EXPECT_EQ(entry.revision(), 0);
  EXPECT_EQ(entry.owner().manager(), Owner::CLI);
  // Another subject is news, and so is the same one after an hour.
  Apply(SetOf({Image("a", "2")}), As("ben"));
  clock_.Advance(absl::Hours(1));
  Apply(SetOf({Image("a", "2")}));
  EXPECT_EQ(Words().size(), 4u);
}

TEST_F(AuditTrailTest, MistakesDryRunsAndControllersAreNoRefusals) {
  Apply(SetOf({Image("a")}, Owner::GIT));
  EXPECT_FALSE(Apply(SetOf({Image("a", "2")}), As("controller", Role::kController)).applied());
  ApplyRequest dry = SetOf({Image("a", "2")});
  dry.set_dry_run(true);
  EXPECT_FALSE(Apply(dry).applied());
  EXPECT_FALSE(Apply(SetOf({Image("Not a name")})).applied());
  EXPECT_EQ(Words().size(), 1u);
}

TEST_F(AuditTrailTest, WhoMayNotIsWrittenDownByWhateverCall) {
  AuthorizedResources guarded(*engine_, &engine_->audit());
  EXPECT_FALSE(guarded.Apply(As("vera", Role::kViewer), SetOf({Image("a")})).ok());
  DeleteRequest removal;
  *removal.mutable_ref() = ToProto(Ref{Kind::kImage, "", "a"});
  EXPECT_FALSE(guarded.Delete(As("vera", Role::kViewer), removal).ok());
  StatusWrite report;
  report.set_writer(StatusWrite::OBSERVED);
  report.mutable_resource()->mutable_metadata()->set_name("mac-02");
  report.mutable_resource()->mutable_host();
  CallContext agent = As("host mac-01", Role::kAgent);
  agent.caller.host = "mac-01";
  EXPECT_FALSE(guarded.UpdateStatus(agent, {&report, 1})[0].ok());
  Tokens tokens(clock_, random_, *store_, engine_->audit());
  EXPECT_FALSE(tokens.Revoke(As("vera", Role::kViewer), "t1").ok());
  EXPECT_THAT(Words(), ElementsAre("REFUSED token/t1 vera", "REFUSED host/mac-02 host mac-01",
                                   "REFUSED image/a vera"))
      << "apply and delete are refused alike";
}

TEST_F(AuditTrailTest, TokensAreWrittenDownForAdminsOnly) {
  Tokens tokens(clock_, random_, *store_, engine_->audit());
  v1::CreateTokenRequest request;
  request.mutable_token()->set_role(v1::TokenInfo::VIEWER);
  request.mutable_token()->set_subject("vera");
  const auto made = tokens.Create(As("ana"), request);
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(tokens.Revoke(As("ben"), made->token().id()).ok());
  const std::string name = made->token().id();
  EXPECT_THAT(Words(),
              ElementsAre("DELETE token/" + name + " ben", "CREATE token/" + name + " ana"));
  const AuditEntry creation = List().entries(1);
  EXPECT_EQ(creation.changes(0).path(), "role");
  EXPECT_EQ(creation.changes(0).after(), "\"viewer\"");
  const auto kept = store_->Range("a/", "a0", 0);
  ASSERT_TRUE(kept.ok());
  for (const KeyValue& item : kept->items) {
    EXPECT_THAT(item.value, ::testing::Not(HasSubstr(made->secret().substr(17))));
  }
  EXPECT_EQ(List({}, As("ed", Role::kEditor)).entries_size(), 0);
}

TEST_F(AuditTrailTest, ReadersAreAllButAgents) {
  Apply(SetOf({Image("a")}));
  for (const Role role : {Role::kAdmin, Role::kEditor, Role::kViewer, Role::kReconciler}) {
    EXPECT_EQ(List({}, As("x", role)).entries_size(), 1);
  }
  EXPECT_TRUE(absl::IsPermissionDenied(
      engine_->audit().List(As("host mac-01", Role::kAgent), {}).status()));
}

TEST_F(AuditTrailTest, TheOldestGoInBulkAndRefusalsPushOutNoDeeds) {
  Apply(SetOf({Image("first")}));
  // Refusals without end: each about another object, from hour to hour.
  const Caller vera = {.role = Role::kViewer, .subject = "vera"};
  std::size_t refused = 0;
  for (int hour = 0; hour < 12; ++hour) {
    for (std::size_t i = 0; i < limits::kAuditRefusalsPerHour + 100; ++i, ++refused) {
      v1::Ref ref;
      ref.set_kind("vm");
      ref.set_name(absl::StrCat("vm-", refused));
      engine_->audit().Refused(vera, Owner(), {{.ref = ref, .code = "x", .message = "no"}});
    }
    clock_.Advance(absl::Hours(1));
  }
  ASSERT_GT(refused, limits::kAuditRefusals * 2);
  const std::size_t kept = store_->Range("x/", "x0", 0)->items.size();
  EXPECT_LE(kept, limits::kAuditRefusals + limits::kAuditRefusals / 10);
  EXPECT_GE(kept, limits::kAuditRefusals);
  EXPECT_EQ(Words(About("image")).size(), 1u);
  // What is there can be read to its end.
  AuditQuery query;
  std::size_t read = 0;
  do {
    const AuditPage page = List(query);
    read += static_cast<std::size_t>(page.entries_size());
    query.set_before(page.next_before());
  } while (query.before() != 0);
  EXPECT_EQ(read, kept + 1);
}

TEST_F(AuditTrailTest, DeedsBeyondTheLimitGoRecordByRecord) {
  const std::vector<AuditEntry> deeds(limits::kAtomicObjects);
  const std::size_t full = limits::kAuditChanges / limits::kAtomicObjects;
  for (std::size_t i = 0; i < full * 12 / 10; ++i) {
    Transaction transaction;
    transaction.ops.push_back(engine_->audit().Append(As("ben").caller, deeds));
    ASSERT_TRUE(store_->Commit(transaction).ok());
  }
  EXPECT_GT(store_->Range("a/", "a0", 0)->items.size(), full);
  // Whoever writes next sweeps.
  Apply(SetOf({Image("a")}));
  EXPECT_EQ(store_->Range("a/", "a0", 0)->items.size(), full);
  EXPECT_EQ(List().entries(0).subject(), "ana");
  Restart();
  EXPECT_EQ(List().entries(0).subject(), "ana");
  EXPECT_EQ(store_->Range("a/", "a0", 0)->items.size(), full);
}

TEST_F(AuditTrailTest, WhatIsTooOldGoesWithTheSweep) {
  Apply(SetOf({Image("a")}));
  clock_.Advance(absl::Hours(24) * limits::kAuditDays + absl::Hours(1));
  Apply(SetOf({Image("b")}));
  ASSERT_TRUE(engine_->Sweep().ok());
  EXPECT_THAT(Words(), ElementsAre("CREATE image/b ana"));
}

TEST_F(AuditTrailTest, TheLastDeedOfEachIsFoundForMany) {
  Apply(SetOf({Image("a"), Image("b")}));
  Apply(SetOf({Image("a", "2")}), As("ben"));
  const Ref a{Kind::kImage, "", "a"};
  const Ref b{Kind::kImage, "", "b"};
  const Ref c{Kind::kImage, "", "c"};
  const auto last =
      engine_->audit().LastOfEach({a, b, c}, {v1::Action::CREATE, v1::Action::UPDATE});
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last.at(a).subject(), "ben");
  EXPECT_EQ(last.at(b).subject(), "ana");
  EXPECT_EQ(engine_->audit().LastOfEach({a}, {v1::Action::CREATE}).at(a).subject(), "ana");
}

TEST(AuditOnSqliteTest, TheTrailIsThereWhenTheFileIsOpenedAgain) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  const auto log = MakeNullLog();
  Random random(1);
  const TempDir directory;
  for (int start = 0; start < 3; ++start) {
    auto store =
        OpenSqliteStore(*clock, *threads, absl::StrCat(directory.path(), "/espalier.db")).value();
    {
      auto engine = LocalResources::Open(*clock, random, *log, *store, {}).value();
      ASSERT_TRUE(engine->Apply(As("ana"), SetOf({Image("a", absl::StrCat(start))}))->applied());
      EXPECT_EQ(engine->audit().List(As("root"), {})->entries_size(), start + 1);
    }
    ASSERT_TRUE(store->Close().ok());
  }
}

}  // namespace
}  // namespace espalier
