// The REST interface as calls and answers, over the real Resources on a memory store; no sockets.
#include "engine/server/rest/rest.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/model/codec.h"
#include "engine/server/auth/authorize.h"
#include "engine/server/local_resources.h"
#include "engine/server/sessions.h"
#include "engine/server/vault.h"
#include "engine/store/memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kImage[] = R"({"metadata":{"name":"sonoma"},"spec":{"reference":"r.example/a:1"}})";

class RestTest : public testing::Test {
 protected:
  ~RestTest() override { resources_.reset(); }

  std::string NewToken(v1::TokenInfo::Role role, std::string* id = nullptr) {
    CallContext admin;
    admin.caller.role = Caller::Role::kAdmin;
    v1::CreateTokenRequest request;
    request.mutable_token()->set_role(role);
    const auto made = tokens_.Create(admin, request);
    EXPECT_TRUE(made.ok()) << made.status();
    if (id != nullptr) *id = made->token().id();
    return made->secret();
  }

  HttpAnswer Do(const std::string& method, const std::string& path, const std::string& body = "",
                std::map<std::string, std::string> query = {}, const std::string& if_match = "") {
    HttpCall call{.method = method, .path = path, .query = std::move(query)};
    call.authorization = "Bearer " + token_;
    call.body = body;
    call.if_match = if_match;
    const HttpAnswer refusal = rest_.Admit(call);
    return refusal.status != 0 ? refusal : rest_.Answer(call);
  }

  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::unique_ptr<Log> log_ = MakeNullLog();
  Random random_{1};
  const std::unique_ptr<Store> store_ = MakeMemoryStore();
  FakeIo io_{clock_};
  const std::unique_ptr<Vault> vault_ = Vault::Open(io_, *log_, *store_, "/secrets.key").value();
  std::unique_ptr<LocalResources> resources_ =
      LocalResources::Open(clock_, random_, *log_, *store_, {.vault = vault_.get()}).value();
  AuthorizedResources authorized_{*resources_, &resources_->audit()};
  SessionRegistry sessions_{clock_, [] { return LeaseTerms(); }};
  Tokens tokens_{clock_, random_, *store_, resources_->audit()};
  Metrics metrics_;
  absl::Status ready_;
  RestService rest_{{clock_, *threads_, authorized_, sessions_, sessions_, tokens_,
                     resources_->audit(), *vault_, metrics_},
                    [] { return Gauges{.objects = {{"vm", 7}}, .watches = 3}; },
                    [this] { return ready_; }};
  std::string token_ = NewToken(v1::TokenInfo::EDITOR);
};

std::string Header(const HttpAnswer& answer, const std::string& name) {
  for (const auto& [key, value] : answer.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST_F(RestTest, TakesSecretsAndShowsNone) {
  token_ = NewToken(v1::TokenInfo::ADMIN);
  const HttpAnswer made = Do("POST", "/api/v1/registry_credentials",
                             R"({"metadata":{"name":"harbor"},"spec":{"registry":"r.example",)"
                             R"("username":"robot","password":{"value":"hush-4711"}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const HttpAnswer read = Do("GET", "/api/v1/registry_credentials/harbor");
  EXPECT_THAT(read.body, HasSubstr(R"("password":{"sealed":")"));
  // A patch stands beside the seal that was read.
  const HttpAnswer patched = Do("PATCH", "/api/v1/registry_credentials/harbor",
                                R"({"spec":{"password":{"value":"psst-0815"}}})");
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_NE(patched.body, read.body);
  // What was read can be put back, and keeps what is kept.
  EXPECT_EQ(Do("PUT", "/api/v1/registry_credentials/harbor",
               Do("GET", "/api/v1/registry_credentials/harbor").body)
                .status,
            200);
  const HttpAnswer wrong =
      Do("PATCH", "/api/v1/registry_credentials/harbor", R"({"spec":{"password":{"value":4711}}})");
  EXPECT_EQ(wrong.status, 422) << wrong.body;
  for (const HttpAnswer& answer :
       {made, read, patched, wrong, Do("GET", "/api/v1/registry_credentials"),
        Do("GET", "/metrics")}) {
    EXPECT_THAT(answer.body, Not(HasSubstr("4711")));
    EXPECT_THAT(answer.body, Not(HasSubstr("0815")));
  }
}

TEST_F(RestTest, CreatesReadsAppliesPatchesAndDeletes) {
  const HttpAnswer created = Do("POST", "/api/v1/images", kImage);
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_THAT(created.body, HasSubstr("\"uid\""));
  EXPECT_THAT(created.body, HasSubstr("\"kind\":\"Image\""));

  const HttpAnswer read = Do("GET", "/api/v1/images/sonoma");
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(read.body, created.body);
  EXPECT_EQ(Header(read, "ETag"), Header(created, "ETag"));

  const HttpAnswer same = Do("PUT", "/api/v1/images/sonoma", read.body);
  EXPECT_EQ(same.status, 200) << same.body;
  EXPECT_EQ(same.body, read.body) << "what was read can be applied, and changes nothing";

  const HttpAnswer patched =
      Do("PATCH", "/api/v1/images/sonoma", R"({"metadata":{"labels":{"team":"ci"}}})");
  EXPECT_EQ(patched.status, 200) << patched.body;
  EXPECT_THAT(patched.body, HasSubstr(R"("labels":{"team":"ci"})"));
  EXPECT_THAT(patched.body, HasSubstr("r.example/a:1"));
  const HttpAnswer unset = Do("PATCH", "/api/v1/images/sonoma", R"({"metadata":{"labels":null}})");
  EXPECT_THAT(unset.body, Not(HasSubstr("labels")));

  const HttpAnswer deleted = Do("DELETE", "/api/v1/images/sonoma");
  EXPECT_EQ(deleted.status, 200) << deleted.body;
  EXPECT_EQ(Do("GET", "/api/v1/images/sonoma").status, 404);
}

TEST_F(RestTest, TheAuditTrailIsReadPageByPage) {
  ASSERT_EQ(Do("POST", "/api/v1/images", kImage).status, 201);
  ASSERT_EQ(Do("DELETE", "/api/v1/images/sonoma").status, 200);
  const HttpAnswer newest = Do("GET", "/api/v1/audit", "", {{"kind", "image"}, {"limit", "1"}});
  ASSERT_EQ(newest.status, 200) << newest.body;
  EXPECT_THAT(newest.body, HasSubstr(R"("verb":"delete")"));
  EXPECT_THAT(newest.body, Not(HasSubstr("create")));
  Problems problems;
  const std::string before = ParseJson(newest.body, "", problems)->Find("next_before")->text;
  const HttpAnswer older = Do("GET", "/api/v1/audit", "", {{"before", before}});
  EXPECT_THAT(older.body, HasSubstr(R"("verb":"create")"));
  EXPECT_THAT(older.body, Not(HasSubstr("delete")));
  for (const auto& [name, value] : {std::pair("since", "yesterday"), std::pair("limit", "-1"),
                                    std::pair("before", "x"), std::pair("name", "alone")}) {
    EXPECT_EQ(Do("GET", "/api/v1/audit", "", {{name, value}}).status, 400) << name;
  }
  token_ = NewToken(v1::TokenInfo::VIEWER);
  EXPECT_EQ(Do("GET", "/api/v1/audit").status, 200);
}

TEST_F(RestTest, DriftIsTheDocumentOfEverySurface) {
  EXPECT_THAT(Do("GET", "/api/v1/drift").body,
              testing::MatchesRegex(R"(\{"version":1,"checked_at":"[-0-9T:Z]+","revision":[0-9]+,)"
                                    R"("coverage":\{"managed":0,"total":0,"percent":100\},)"
                                    R"("rows":\[\]\}.)"));
}

TEST_F(RestTest, WritesBelongToTheApi) {
  EXPECT_THAT(Do("POST", "/api/v1/images", kImage).body, HasSubstr(R"("manager":"api")"));
}

TEST_F(RestTest, CreatingWhatExistsIsAConflict) {
  ASSERT_EQ(Do("POST", "/api/v1/images", kImage).status, 201);
  const HttpAnswer again = Do("POST", "/api/v1/images", kImage);
  EXPECT_EQ(again.status, 409) << again.body;
  EXPECT_EQ(again.content_type, "application/problem+json");
  EXPECT_THAT(again.body, HasSubstr("already_exists"));
}

TEST_F(RestTest, EveryProblemIsListedWithItsPath) {
  const HttpAnswer refused =
      Do("POST", "/api/v1/vms",
         R"({"metadata":{"name":"x"},"spec":{"image":7,"cpuu":2,"memory_mib":"much"}})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  for (const char* path : {"spec.image", "spec.cpuu", "spec.memory_mib"}) {
    EXPECT_THAT(refused.body, HasSubstr(absl::StrCat("\"path\":\"", path, "\"")));
  }
  Problems problems;
  EXPECT_TRUE(ParseJson(refused.body, "", problems).has_value()) << refused.body;
}

TEST_F(RestTest, RulesOfFieldsAreCheckedToo) {
  const HttpAnswer refused =
      Do("POST", "/api/v1/vms", R"({"metadata":{"name":"x"},"spec":{"memory_mib":1}})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("spec.image"));
  EXPECT_THAT(refused.body, HasSubstr("spec.memory_mib"));
}

TEST_F(RestTest, BrokenBodiesAreRefused) {
  for (const std::string body : {"", "{", "[1,2", "null", "\"x\"", "{}}", "{\"a\":1,\"a\":2}"}) {
    const HttpAnswer refused = Do("POST", "/api/v1/images", body);
    EXPECT_GE(refused.status, 400) << body;
    EXPECT_LT(refused.status, 500) << body;
  }
}

TEST_F(RestTest, ThePathAndTheDocumentAgree) {
  EXPECT_EQ(Do("PUT", "/api/v1/images/other", kImage).status, 422);
  EXPECT_EQ(
      Do("PUT", "/api/v1/vms/sonoma",
         R"({"kind":"Image","metadata":{"name":"sonoma"},"spec":{"reference":"r.example/a"}})")
          .status,
      422);
  EXPECT_EQ(Do("PUT", "/api/v1/namespaces/default/vms/x",
               R"({"metadata":{"namespace":"other"},"spec":{"image":"sonoma"}})")
                .status,
            422);
  EXPECT_EQ(Do("PUT", "/api/v1/images/sonoma", R"({"spec":{"reference":"r.example/a:1"}})").status,
            200)
      << "the path may say it alone";
}

TEST_F(RestTest, AConditionOnAnOldRevisionFails) {
  const HttpAnswer created = Do("POST", "/api/v1/images", kImage);
  const std::string old = Header(created, "ETag");
  ASSERT_EQ(Do("PATCH", "/api/v1/images/sonoma", R"({"metadata":{"labels":{"a":"b"}}})").status,
            200);
  EXPECT_EQ(Do("PUT", "/api/v1/images/sonoma", kImage, {}, old).status, 412);
  EXPECT_EQ(Do("PATCH", "/api/v1/images/sonoma", "{}", {}, old).status, 412);
  EXPECT_EQ(Do("DELETE", "/api/v1/images/sonoma", "", {}, old).status, 412);
  const std::string now = Header(Do("GET", "/api/v1/images/sonoma"), "ETag");
  EXPECT_EQ(Do("PUT", "/api/v1/images/sonoma", kImage, {}, now).status, 200);
  EXPECT_EQ(Do("PUT", "/api/v1/images/sonoma", kImage, {}, "\"soon\"").status, 400);
}

TEST_F(RestTest, ADryRunChangesNothing) {
  const HttpAnswer dry = Do("POST", "/api/v1/images", kImage, {{"dry_run", "true"}});
  EXPECT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(Do("GET", "/api/v1/images/sonoma").status, 404);
}

TEST_F(RestTest, ListsInPagesByLabels) {
  for (int i = 0; i < 5; ++i) {
    const std::string body = absl::StrCat(R"({"metadata":{"name":"i)", i, R"(","labels":{"odd":")",
                                          i % 2, R"("}},"spec":{"reference":"r.example/a:1"}})");
    ASSERT_EQ(Do("POST", "/api/v1/images", body).status, 201);
  }
  const HttpAnswer odd = Do("GET", "/api/v1/images", "", {{"labels", "odd=1"}});
  EXPECT_THAT(odd.body, HasSubstr("\"i1\""));
  EXPECT_THAT(odd.body, HasSubstr("\"i3\""));
  EXPECT_THAT(odd.body, Not(HasSubstr("\"i2\"")));

  std::map<std::string, std::string> query = {{"page_size", "2"}};
  std::string seen;
  int pages = 0;
  while (++pages <= 3) {
    Problems problems;
    const HttpAnswer page = Do("GET", "/api/v1/images", "", query);
    const std::optional<Node> list = ParseJson(page.body, "", problems);
    ASSERT_TRUE(list.has_value()) << page.body;
    for (const Node& item : list->Find("items")->items) {
      seen += item.Find("metadata")->Find("name")->text;
    }
    if (list->Find("next_page") == nullptr) break;
    query["page"] = list->Find("next_page")->text;
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen, "i0i1i2i3i4");
}

TEST_F(RestTest, BadParametersAreNamed) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"page_size", "many"}, {"labels", "team"}, {"labelSelector", "=x"}}) {
    const HttpAnswer refused = Do("GET", "/api/v1/images", "", {{name, value}});
    EXPECT_EQ(refused.status, 400) << name << ": " << refused.body;
  }
  EXPECT_EQ(Do("POST", "/api/v1/images", kImage, {{"override", ""}}).status, 400);
  EXPECT_EQ(Do("POST", "/api/v1/images", kImage, {{"hold_seconds", "5"}}).status, 400);
}

TEST_F(RestTest, OnlyProbesAndDescriptionsAreOpen) {
  token_ = "none";
  for (const char* path :
       {"/healthz", "/readyz", "/metrics", "/api/v1/cluster-info", "/api/v1/openapi.json"}) {
    EXPECT_EQ(Do("GET", path).status, 200) << path;
    EXPECT_EQ(Do("POST", path).status, 405) << path;
  }
  for (const char* path : {"/", "/api/v1/vms", "/api/v1/vms/x", "/api/v1/drift", "/nothing",
                           "/api/v1/namespaces/default/vms"}) {
    const HttpAnswer refused = Do("GET", path);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(Header(refused, "WWW-Authenticate"), "Bearer");
  }
}

TEST_F(RestTest, RolesBindHereAsOverGrpc) {
  token_ = NewToken(v1::TokenInfo::VIEWER);
  EXPECT_EQ(Do("POST", "/api/v1/images", kImage).status, 403);
  EXPECT_EQ(Do("GET", "/api/v1/images").status, 200);
  token_ = NewToken(v1::TokenInfo::EDITOR);
  EXPECT_EQ(
      Do("PUT", "/api/v1/image_caches/all", R"({"spec":{"images":["sonoma"],"all_hosts":true}})")
          .status,
      403);
}

TEST_F(RestTest, UnknownPlacesAndMethodsAreRefused) {
  for (const char* path : {"/api/v1/widgets", "/api/v1/vms/x/y", "/api/v1/vms/", "/api/v2/vms",
                           "/api/v1/namespaces/default/images", "/api/v1/vms/UPPER"}) {
    EXPECT_EQ(Do("GET", path).status, 404) << path;
  }
  EXPECT_EQ(Do("PUT", "/api/v1/images", kImage).status, 405);
  EXPECT_EQ(Do("POST", "/api/v1/images/sonoma", kImage).status, 405);
}

TEST_F(RestTest, BodiesAreJson) {
  HttpCall call{.method = "POST", .path = "/api/v1/images"};
  call.authorization = "Bearer " + token_;
  call.content_type = "multipart/form-data; boundary=x";
  EXPECT_EQ(rest_.Admit(call).status, 415);
}

TEST_F(RestTest, AWatchIsLinesWithATokenToGoOn) {
  ASSERT_EQ(Do("POST", "/api/v1/images", kImage).status, 201);
  const HttpAnswer watch = Do("GET", "/api/v1/images", "", {{"watch", ""}});
  ASSERT_EQ(watch.status, 200);
  ASSERT_TRUE(watch.stream);
  std::string lines;
  watch.stream({.write =
                    [&](absl::string_view bytes) {
                      absl::StrAppend(&lines, bytes);
                      return !absl::StrContains(lines, "\"synced\":true");
                    },
                .stopping = [] { return false; }});
  EXPECT_THAT(lines, HasSubstr(R"({"type":"put","resource":{)"));
  Problems problems;
  const std::string last = lines.substr(lines.rfind('\n', lines.size() - 2) + 1);
  const std::optional<Node> mark = ParseJson(last.substr(0, last.size() - 1), "", problems);
  ASSERT_TRUE(mark.has_value()) << last;
  ASSERT_NE(mark->Find("resume"), nullptr) << last;

  ASSERT_EQ(Do("DELETE", "/api/v1/images/sonoma").status, 200);
  const HttpAnswer on =
      Do("GET", "/api/v1/images", "", {{"watch", "true"}, {"resume", mark->Find("resume")->text}});
  lines.clear();
  on.stream({.write =
                 [&](absl::string_view bytes) {
                   absl::StrAppend(&lines, bytes);
                   return false;
                 },
             .stopping = [] { return false; }});
  EXPECT_THAT(lines, HasSubstr(R"("type":"gone")"));
}

TEST_F(RestTest, ATooOldTokenIsGone) {
  const HttpAnswer old = Do("GET", "/api/v1/images", "", {{"watch", ""}, {"resume", "other.1"}});
  EXPECT_EQ(old.status, 410) << old.body;
}

TEST_F(RestTest, RevokingTheTokenEndsTheWatch) {
  std::string id;
  token_ = NewToken(v1::TokenInfo::VIEWER, &id);
  const HttpAnswer watch = Do("GET", "/api/v1/images", "", {{"watch", ""}});
  CallContext admin;
  admin.caller.role = Caller::Role::kAdmin;
  int writes = 0;
  watch.stream({.write =
                    [&](absl::string_view) {
                      EXPECT_TRUE(tokens_.Revoke(admin, id).ok());
                      return ++writes < 100;
                    },
                .stopping = [] { return false; }});
  EXPECT_EQ(writes, 1);
}

TEST_F(RestTest, DriftAndPlanAnswer) {
  EXPECT_EQ(Do("GET", "/api/v1/drift").status, 200);
  EXPECT_EQ(Do("GET", "/api/v1/drift", "", {{"manager", "nobody"}}).status, 400);
  const HttpAnswer plan =
      Do("POST", "/api/v1/plan",
         R"({"items":[{"apiVersion":"espalier/v1","kind":"Image","metadata":{"name":"sonoma"},)"
         R"("spec":{"reference":"r.example/a:1"}}]})");
  EXPECT_EQ(plan.status, 200) << plan.body;
  EXPECT_THAT(plan.body, HasSubstr("\"verb\":\"create\""));
  EXPECT_EQ(Do("GET", "/api/v1/images/sonoma").status, 404);
  EXPECT_EQ(Do("POST", "/api/v1/plan", "7").status, 400);
}

TEST_F(RestTest, MetricsCountCallsAndObjects) {
  ASSERT_EQ(Do("POST", "/api/v1/images", kImage).status, 201);
  const std::string text = Do("GET", "/metrics").body;
  EXPECT_THAT(
      text,
      HasSubstr(R"(espalier_calls_total{code="ok",interface="rest",method="POST collection"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(espalier_objects{kind="vm"} 7)"));
  EXPECT_THAT(text, HasSubstr("espalier_watches 3"));
}

TEST_F(RestTest, ReadinessSaysWhyNot) {
  ready_ = absl::UnavailableError("the disk failed");
  EXPECT_EQ(Do("GET", "/readyz").status, 503);
  EXPECT_EQ(Do("GET", "/healthz").status, 200);
}

}  // namespace
}  // namespace espalier
