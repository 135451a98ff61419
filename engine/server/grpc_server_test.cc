// Engine and client over the wire: what goes in at one end comes out at the other, and what happens
// when either end, the token or the connection goes away.
#include "engine/server/grpc_server.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/retry_after.h"
#include "engine/client/remote.h"
#include "engine/server/testing/test_engine.h"
#include "gtest/gtest.h"

namespace espalier {
namespace {

using v1::TokenInfo;

// Reads a watch until `enough` says so, for at most ten seconds.
template <typename Enough>
absl::StatusOr<std::vector<Event>> ReadUntil(TestEngine& engine, Watch& watch, Enough enough) {
  std::vector<Event> events;
  const absl::Duration deadline = engine.clock().Elapsed() + absl::Seconds(10);
  while (engine.clock().Elapsed() < deadline) {
    absl::StatusOr<WatchBatch> batch = watch.Next(deadline);
    if (!batch.ok()) return std::move(batch).status();
    for (Event& event : *batch->mutable_events()) events.push_back(std::move(event));
    if (enough(*batch, events)) return events;
  }
  return absl::DeadlineExceededError(absl::StrCat("saw ", events.size(), " events"));
}

Query Images() {
  Query query;
  query.add_kinds("image");
  return query;
}

CallContext Patient() {
  CallContext context;
  context.timeout = absl::Seconds(10);
  return context;
}

TEST(GrpcServerTest, WhatIsAppliedIsReadListedAndDeleted) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::EDITOR);
  Resources& resources = remote->resources();
  const auto applied = resources.Apply(Patient(), ImageSet("sonoma"));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_TRUE(applied->applied());
  EXPECT_EQ(applied->plan().creates(), 1u);

  const auto found = resources.Get(Patient(), {Kind::kImage, "", "sonoma"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->image().spec().reference(), "r.example/a:1");
  EXPECT_FALSE(found->metadata().uid().empty());

  const auto page = resources.List(Patient(), Images());
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->items_size(), 1);

  DeleteRequest request;
  *request.mutable_ref() = ToProto({Kind::kImage, "", "sonoma"});
  request.mutable_owner()->set_manager(Owner::CLI);
  const auto deleted = resources.Delete(Patient(), request);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(absl::IsNotFound(resources.Get(Patient(), {Kind::kImage, "", "sonoma"}).status()));
}

TEST(GrpcServerTest, TheAuditTrailNamesTheTokensSubject) {
  TestEngine engine;
  const auto editor = engine.ConnectAs(TokenInfo::EDITOR);
  ASSERT_TRUE(editor->resources().Apply(AdminContext(), ImageSet("sonoma")).ok());
  AuditQuery query;
  query.mutable_ref()->set_kind("image");
  const auto page = editor->audit().List(Patient(), query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries_size(), 1);
  EXPECT_EQ(page->entries(0).subject(), "editor");
  EXPECT_EQ(page->entries(0).owner().manager(), Owner::CLI);
  const auto agent = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  EXPECT_TRUE(absl::IsPermissionDenied(agent->audit().List(Patient(), query).status()));
}

TEST(GrpcServerTest, TheActorIsTheTokensSubjectWhateverTheClientSays) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  const auto applied = remote->resources().Apply(AdminContext(), ImageSet("sonoma"));
  EXPECT_TRUE(absl::IsPermissionDenied(applied.status())) << applied.status();
}

TEST(GrpcServerTest, WithoutAValidTokenNothingIsAnswered) {
  TestEngine engine;
  for (const std::string token : {"", "esp_x_y", "garbage"}) {
    const auto remote = engine.Connect(token);
    Resources& resources = remote->resources();
    EXPECT_TRUE(absl::IsUnauthenticated(resources.List(Patient(), Query()).status())) << token;
    EXPECT_TRUE(absl::IsUnauthenticated(remote->ListTokens(Patient()).status())) << token;
    auto watch = resources.StartWatch(Patient(), Query(), "");
    ASSERT_TRUE(watch.ok());
    EXPECT_TRUE(absl::IsUnauthenticated(
        (*watch)->Next(engine.clock().Elapsed() + absl::Seconds(10)).status()));
    v1::Beat beat;
    beat.set_host("mac-01");
    EXPECT_TRUE(absl::IsUnauthenticated(remote->lease().Beat(Patient(), beat).status())) << token;
  }
}

TEST(GrpcServerTest, AWatchShowsFirstWhatIsThereAndThenWhatHappens) {
  TestEngine engine;
  ASSERT_TRUE(engine.resources().Apply(AdminContext(), ImageSet("first")).ok());
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  auto watch = remote->resources().StartWatch(Patient(), Images(), "");
  ASSERT_TRUE(watch.ok()) << watch.status();
  std::string resume;
  auto seen = ReadUntil(engine, **watch, [&](const WatchBatch& batch, const auto&) {
    resume = batch.resume();
    return batch.synced();
  });
  ASSERT_TRUE(seen.ok()) << seen.status();
  ASSERT_EQ(seen->size(), 1u);
  EXPECT_EQ(seen->front().resource().metadata().name(), "first");

  ASSERT_TRUE(engine.resources().Apply(AdminContext(), ImageSet("second")).ok());
  seen = ReadUntil(engine, **watch, [](const auto&, const auto& all) { return !all.empty(); });
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->front().resource().metadata().name(), "second");

  // Another watch goes on from the token of the first.
  auto later = remote->resources().StartWatch(Patient(), Images(), resume);
  ASSERT_TRUE(later.ok()) << later.status();
  seen = ReadUntil(engine, **later, [](const auto&, const auto& all) { return !all.empty(); });
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->front().resource().metadata().name(), "second");
}

TEST(GrpcServerTest, AWatchRaisesTheWakeupThatItWasGiven) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  auto watch = remote->resources().StartWatch(Patient(), Images(), "");
  ASSERT_TRUE(watch.ok()) << watch.status();
  Wakeup wakeup;
  (*watch)->NotifyOn(wakeup);
  std::vector<Event> events;
  const absl::Duration deadline = engine.clock().Elapsed() + absl::Seconds(10);
  bool synced = false;
  while (events.empty() && engine.clock().WaitUntil(wakeup, deadline)) {
    auto batch = (*watch)->Next(engine.clock().Elapsed());
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!synced && batch->synced()) {
      synced = true;
      ASSERT_TRUE(engine.resources().Apply(AdminContext(), ImageSet("sonoma")).ok());
    }
    events.insert(events.end(), batch->events().begin(), batch->events().end());
  }
  EXPECT_EQ(events.size(), 1u);
}

TEST(GrpcServerTest, RevokingATokenEndsItsWatchAndNoOther) {
  TestEngine engine;
  std::string id;
  const auto revoked = engine.Connect(engine.NewToken(TokenInfo::VIEWER, "", &id));
  const auto other = engine.ConnectAs(TokenInfo::VIEWER);
  auto ends = revoked->resources().StartWatch(Patient(), Images(), "");
  auto stays = other->resources().StartWatch(Patient(), Images(), "");
  const auto synced = [](const WatchBatch& batch, const auto&) { return batch.synced(); };
  ASSERT_TRUE(ReadUntil(engine, **ends, synced).ok());
  ASSERT_TRUE(ReadUntil(engine, **stays, synced).ok());

  const auto admin = engine.ConnectAs(TokenInfo::ADMIN);
  ASSERT_TRUE(admin->RevokeToken(Patient(), id).ok());
  const auto end = ReadUntil(engine, **ends, [](const auto&, const auto&) { return false; });
  EXPECT_TRUE(absl::IsUnauthenticated(end.status())) << end.status();

  ASSERT_TRUE(engine.resources().Apply(AdminContext(), ImageSet("sonoma")).ok());
  EXPECT_TRUE(
      ReadUntil(engine, **stays, [](const auto&, const auto& all) { return !all.empty(); }).ok());
}

TEST(GrpcServerTest, ASlowWatcherHoldsUpNobodyElse) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  auto slow = remote->resources().StartWatch(Patient(), Images(), "");
  auto quick = remote->resources().StartWatch(Patient(), Images(), "");
  ASSERT_TRUE(slow.ok() && quick.ok());
  // Far more than gRPC's own buffers take.
  constexpr int kWrites = 300;
  for (int i = 0; i < kWrites; ++i) {
    ApplyRequest set = ImageSet("image");
    (*set.mutable_objects(0)->mutable_resource()->mutable_metadata()->mutable_annotations())["n"] =
        absl::StrCat(i, std::string(4000, 'x'));
    ASSERT_TRUE(engine.resources().Apply(AdminContext(), set).ok());
  }
  const std::string last = absl::StrCat(kWrites - 1, std::string(4000, 'x'));
  const auto has_last = [&](const auto&, const std::vector<Event>& all) {
    return !all.empty() && all.back().resource().metadata().annotations().at("n") == last;
  };
  EXPECT_TRUE(ReadUntil(engine, **quick, has_last).ok());
  EXPECT_TRUE(ReadUntil(engine, **slow, has_last).ok()) << "nothing is lost, only late";
}

TEST(GrpcServerTest, ACancelledCallReturns) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  Cancellation cancellation;
  CallContext context = Patient();
  context.cancellation = &cancellation;
  auto watch = remote->resources().StartWatch(context, Images(), "");
  ASSERT_TRUE(watch.ok());
  const auto canceller = engine.threads().Start("cancel", [&] { cancellation.Cancel(); });
  const auto end = ReadUntil(engine, **watch, [](const auto&, const auto&) { return false; });
  canceller->Join();
  EXPECT_TRUE(absl::IsCancelled(end.status())) << end.status();
  EXPECT_TRUE(absl::IsCancelled(remote->resources().List(context, Query()).status()));
}

TEST(GrpcServerTest, AMessageAboveTheLimitIsRefused) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::EDITOR);
  ApplyRequest set = ImageSet("sonoma");
  (*set.mutable_objects(0)->mutable_resource()->mutable_metadata()->mutable_annotations())["n"] =
      std::string(65 * 1024 * 1024, 'x');
  const absl::Status refused = remote->resources().Apply(Patient(), set).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
}

TEST(GrpcServerTest, AnUnreachableEngineIsUnavailableAndNamed) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::VIEWER);
  engine.StopServing();
  const absl::Status status = remote->resources().List(Patient(), Query()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), engine.address())) << status;
}

TEST(GrpcServerTest, StoppingEndsWatchesAndSessionsAndRemotesFindTheEngineAgain) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  Query mine;
  mine.set_host("mac-01");
  auto watch = remote->resources().StartWatch(Patient(), mine, "");
  ASSERT_TRUE(ReadUntil(engine, **watch, [](const WatchBatch& batch, const auto&) {
                return batch.synced();
              }).ok());
  v1::Beat beat;
  beat.set_host("mac-01");
  beat.set_number(1);
  ASSERT_TRUE(remote->lease().Beat(Patient(), beat).ok());

  engine.StopServing();
  const auto end = ReadUntil(engine, **watch, [](const auto&, const auto&) { return false; });
  EXPECT_TRUE(absl::IsUnavailable(end.status())) << end.status();
  beat.set_number(2);
  EXPECT_TRUE(absl::IsUnavailable(remote->lease().Beat(Patient(), beat).status()));

  engine.ServeAgain();
  const absl::Duration deadline = engine.clock().Elapsed() + absl::Seconds(10);
  absl::StatusOr<v1::BeatAck> ack = absl::UnavailableError("not tried yet");
  while (!ack.ok() && engine.clock().Elapsed() < deadline) {
    beat.set_number(beat.number() + 1);
    ack = remote->lease().Beat(Patient(), beat);
  }
  ASSERT_TRUE(ack.ok()) << ack.status();
  EXPECT_EQ(ack->number(), beat.number());
  EXPECT_EQ(engine.sessions().Snapshot().count("mac-01"), 1u);
}

TEST(GrpcServerTest, BeatsOfAnotherHostAreRefused) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  v1::Beat beat;
  beat.set_host("mac-02");
  EXPECT_TRUE(absl::IsPermissionDenied(remote->lease().Beat(Patient(), beat).status()));
}

TEST(GrpcServerTest, AnAgentRegistersAndReportsItsHost) {
  TestEngine engine;
  const auto remote = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  std::vector<StatusWrite> writes(2);
  for (StatusWrite& write : writes) {
    write.set_writer(StatusWrite::OBSERVED);
    write.set_register_(true);
    v1::Host& host = *write.mutable_resource()->mutable_host();
    host.mutable_status()->mutable_observed()->set_sequence(1);
    host.mutable_status()->mutable_observed()->set_cpu(8);
  }
  writes[0].mutable_resource()->mutable_metadata()->set_name("mac-01");
  writes[1].mutable_resource()->mutable_metadata()->set_name("mac-02");
  const auto results = remote->resources().UpdateStatus(Patient(), writes);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_TRUE(absl::IsPermissionDenied(results[1].status())) << results[1].status();
  const auto host = remote->resources().Get(Patient(), {Kind::kHost, "", "mac-01"});
  ASSERT_TRUE(host.ok()) << host.status();
  EXPECT_EQ(host->host().status().observed().cpu(), 8u);
}

TEST(GrpcServerTest, TokensAreMadeListedAndRevokedOverTheWire) {
  TestEngine engine;
  const auto admin = engine.ConnectAs(TokenInfo::ADMIN);
  v1::CreateTokenRequest request;
  request.mutable_token()->set_role(TokenInfo::AGENT);
  request.mutable_token()->set_host("mac-09");
  const auto made = admin->CreateToken(Patient(), request);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto agent = engine.Connect(made->secret());
  EXPECT_TRUE(absl::IsPermissionDenied(agent->ListTokens(Patient()).status()));
  EXPECT_EQ(admin->ListTokens(Patient())->tokens_size(), 2);
  ASSERT_TRUE(admin->RevokeToken(Patient(), made->token().id()).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(agent->ListTokens(Patient()).status()));
}

TEST(GrpcServerTest, ASecretIsToldToTheAgentAndToNoPerson) {
  TestEngine engine;
  const auto admin = engine.ConnectAs(TokenInfo::ADMIN);
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  Resource& credential = *request.add_objects()->mutable_resource();
  credential.mutable_metadata()->set_name("harbor");
  v1::RegistryCredentialSpec& spec = *credential.mutable_registry_credential()->mutable_spec();
  spec.set_registry("r.example");
  spec.set_username("robot");
  spec.mutable_password()->set_value("hush");
  const auto applied = admin->resources().Apply(Patient(), request);
  ASSERT_TRUE(applied.ok() && applied->applied()) << applied.status();
  const auto agent = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  const auto seen = agent->resources().Get(Patient(), {Kind::kRegistryCredential, "", "harbor"});
  ASSERT_TRUE(seen.ok()) << seen.status();
  const v1::SecretRef& password = seen->registry_credential().spec().password();
  EXPECT_FALSE(password.has_value());
  EXPECT_EQ(agent->secrets().Reveal(Patient(), password.sealed()).value(), "hush");
  EXPECT_TRUE(
      absl::IsPermissionDenied(admin->secrets().Reveal(Patient(), password.sealed()).status()));
}

TEST(GrpcServerTest, ProgressShowsThePullsOfTheLastBeat) {
  TestEngine engine;
  const auto agent = engine.ConnectAs(TokenInfo::AGENT, "mac-01");
  v1::Beat beat;
  beat.set_host("mac-01");
  (*beat.mutable_pulls())["sha256:ab"].set_done_bytes(42);
  ASSERT_TRUE(agent->lease().Beat(Patient(), beat).ok());
  const auto progress = engine.ConnectAs(TokenInfo::VIEWER)->GetProgress(Patient(), "");
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->hosts().at("mac-01").pulls().at("sha256:ab").done_bytes(), 42);
  EXPECT_TRUE(absl::IsPermissionDenied(agent->GetProgress(Patient(), "").status()));
}

TEST(GrpcServerTest, RefusesToListenBeyondLoopbackWithoutTls) {
  TestEngine engine;
  const auto started = GrpcServer::Start(engine.served(), "0.0.0.0:0", {});
  EXPECT_TRUE(absl::IsFailedPrecondition(started.status())) << started.status();
}

TEST(GrpcServerTest, ABusyEngineSaysWhenToCallAgain) {
  TestEngine engine;
  // One whose places are all taken.
  const auto busy =
      GrpcServer::Start(engine.served(), "127.0.0.1:0", {}, {.at_work = 0, .waiting = 0});
  ASSERT_TRUE(busy.ok()) << busy.status();
  RemoteOptions options;
  options.engine = (*busy)->address();
  const auto remote = engine.Connect(engine.NewToken(TokenInfo::EDITOR), options);
  const absl::Status refused = remote->resources().Apply(Patient(), ImageSet("sonoma")).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(RetryAfter(refused), absl::Seconds(1));
  // What is refused for another reason is not said to be better later.
  const absl::Status missing =
      remote->resources().Get(Patient(), {Kind::kImage, "", "sonoma"}).status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_EQ(RetryAfter(missing), absl::ZeroDuration());
  (*busy)->Stop(absl::Seconds(5));
}

TEST(GrpcServerTest, TwoServersDoNotShareAPort) {
  TestEngine engine;
  const auto second = GrpcServer::Start(engine.served(), engine.address(), {});
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
}

TEST(RemoteTest, RefusesOptionsThatWouldShowTheToken) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  const auto io = MakeRealIo();
  for (const std::string engine : {"10.0.0.1:7443", "engine.example:7443", "0.0.0.0:1"}) {
    RemoteOptions options;
    options.engine = engine;
    EXPECT_TRUE(absl::IsInvalidArgument(MakeRemote(*clock, *threads, *io, options).status()))
        << engine;
  }
}

TEST(RemoteTest, TheEnvironmentFillsWhatIsEmpty) {
  const Environment env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "ESPALIER_ENGINE") return "127.0.0.1:1";
    if (name == "ESPALIER_TOKEN") return "from-env";
    return std::nullopt;
  };
  EXPECT_EQ(WithEnvironment({}, env).engine, "127.0.0.1:1");
  EXPECT_EQ(WithEnvironment({}, env).token, "from-env");
  RemoteOptions given;
  given.engine = "127.0.0.1:2";
  given.token_file = "/t";
  EXPECT_EQ(WithEnvironment(given, env).engine, "127.0.0.1:2");
  EXPECT_EQ(WithEnvironment(given, env).token, "") << "a given file wins";
}

}  // namespace
}  // namespace espalier
