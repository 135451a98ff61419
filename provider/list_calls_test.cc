// Lists and plural data sources against an engine in memory: which pages are asked for, and what
// core is shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provider/msgpack.h"
#include "provider/selection.h"
#include "provider/testing/provider_world.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ListTest : public testing::Test, protected ProviderWorld {
 protected:
  ListTest() { ConfigureAtEngine(); }

  void PutVm(const std::string& ns, const std::string& name, const std::string& team) {
    Resource vm;
    vm.mutable_metadata()->set_name(name);
    vm.mutable_metadata()->set_namespace_(ns);
    (*vm.mutable_metadata()->mutable_labels())["team"] = team;
    vm.mutable_vm()->mutable_spec()->set_image("sonoma");
    engine_.objects().Put(std::move(vm));
  }

  // `room`: events that core takes before it hangs up.
  std::vector<tfplugin6::ListResource::Event> List(Value::Entries config, std::int64_t limit = 100,
                                                   bool whole = false, std::size_t room = 1000) {
    tfplugin6::ListResource::Request request;
    request.set_type_name("espalier_vm");
    request.set_limit(limit);
    request.set_include_resource_object(whole);
    Encode(ObjectOf(schemas_.FindList("espalier_vm")->attributes, std::move(config)),
           *request.mutable_config());
    std::vector<tfplugin6::ListResource::Event> events;
    provider_.Handle(request, [&](const tfplugin6::ListResource::Event& event) {
      events.push_back(event);
      return events.size() < room;
    });
    return events;
  }

  std::vector<std::string> Names(Value::Entries config, std::int64_t limit = 100) {
    std::vector<std::string> names;
    for (const auto& event : List(std::move(config), limit)) names.push_back(event.display_name());
    return names;
  }

  tfplugin6::ReadDataSource::Response ReadMany(Value::Entries config) {
    tfplugin6::ReadDataSource::Request request;
    request.set_type_name("espalier_vms");
    Encode(ObjectOf(schemas_.FindPluralDataSource("espalier_vms")->attributes, std::move(config)),
           *request.mutable_config());
    return Ask<tfplugin6::ReadDataSource>(request);
  }

  Value Many(Value::Entries config) {
    const tfplugin6::ReadDataSource::Response response = ReadMany(std::move(config));
    EXPECT_THAT(response.diagnostics(), IsEmpty());
    return Decoded(schemas_.FindPluralDataSource("espalier_vms")->attributes, response.state());
  }

  // Paths of the mistakes that validation of the list and of the data source finds; both are equal.
  std::vector<std::string> Mistakes(Value::Entries config) {
    tfplugin6::ValidateListResourceConfig::Request request;
    request.set_type_name("espalier_vm");
    Encode(ObjectOf(schemas_.FindList("espalier_vm")->attributes, config),
           *request.mutable_config());
    const auto response = Ask<tfplugin6::ValidateListResourceConfig>(request);
    tfplugin6::ValidateDataResourceConfig::Request data_request;
    data_request.set_type_name("espalier_vms");
    Encode(ObjectOf(schemas_.FindPluralDataSource("espalier_vms")->attributes, config),
           *data_request.mutable_config());
    const auto data_response = Ask<tfplugin6::ValidateDataResourceConfig>(data_request);
    EXPECT_EQ(response.diagnostics_size(), data_response.diagnostics_size());
    std::vector<std::string> paths;
    for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
      std::string path;
      for (const auto& step : diagnostic.attribute().steps()) {
        absl::StrAppend(&path, "/", step.attribute_name(), step.element_key_string());
      }
      paths.push_back(path);
    }
    return paths;
  }
};

TEST_F(ListTest, ShowsWhatMatchesInOrder) {
  PutVm("ci", "b", "ios");
  PutVm("ci", "a", "web");
  PutVm("qa", "c", "ios");
  EXPECT_THAT(Names({}), ElementsAre("ci/a", "ci/b", "qa/c"));
  EXPECT_THAT(Names({{"namespace", Text("ci")}}), ElementsAre("ci/a", "ci/b"));
  EXPECT_THAT(Names({{"selector", Value::Map({{"team", Text("ios")}})}}),
              ElementsAre("ci/b", "qa/c"));
  EXPECT_THAT(Names({{"namespace", Text("ci")}, {"selector", Value::Map({{"team", Text("x")}})}}),
              IsEmpty());
}

TEST_F(ListTest, GivesTheIdentityAndTheObjectOnlyWhenAsked) {
  PutVm("ci", "a", "ios");
  const auto plain = List({});
  ASSERT_THAT(plain, SizeIs(1));
  EXPECT_FALSE(plain[0].has_resource_object());
  EXPECT_EQ(*ReadMsgpack(plain[0].identity().identity_data().msgpack()),
            Value::Map({{"name", Text("a")}, {"namespace", Text("ci")}}));
  const auto whole = List({}, 100, /*whole=*/true);
  const Value object =
      Decoded(schemas_.FindResource("espalier_vm")->attributes, whole[0].resource_object());
  EXPECT_EQ(object.At("id"), Text("ci/a"));
  EXPECT_EQ(object.At("image"), Text("sonoma"));
  EXPECT_EQ(object.At("uid"),
            Text(engine_.objects().Find({Kind::kVm, "ci", "a"})->metadata().uid()));
}

TEST_F(ListTest, ReadsNoMorePagesThanTheLimitNeeds) {
  for (int i = 10; i < 35; ++i) PutVm("ci", absl::StrCat("vm-", i), "ios");
  engine_.page_size = 10;
  struct Case {
    std::int64_t limit;
    std::size_t shown;
    std::size_t pages;
  };
  for (const Case& each : {Case{1, 1, 1}, Case{10, 10, 1}, Case{11, 11, 2}, Case{25, 25, 3},
                           Case{100, 25, 3}, Case{0, 25, 3}}) {
    SCOPED_TRACE(each.limit);
    engine_.lists.clear();
    EXPECT_THAT(Names({}, each.limit), SizeIs(each.shown));
    EXPECT_THAT(engine_.lists, SizeIs(each.pages));
    EXPECT_LE(engine_.lists[0].page_size(), 500U);
  }
}

TEST_F(ListTest, AsksNothingMoreOnceCoreHangsUp) {
  for (int i = 10; i < 35; ++i) PutVm("ci", absl::StrCat("vm-", i), "ios");
  engine_.page_size = 10;
  EXPECT_THAT(List({}, 100, false, /*room=*/3), SizeIs(3));
  EXPECT_THAT(engine_.lists, SizeIs(1));
}

TEST_F(ListTest, StopsBetweenPagesWhenTheRunIsInterrupted) {
  for (int i = 10; i < 35; ++i) PutVm("ci", absl::StrCat("vm-", i), "ios");
  engine_.page_size = 10;
  tfplugin6::ListResource::Request request;
  request.set_type_name("espalier_vm");
  Encode(ObjectOf(schemas_.FindList("espalier_vm")->attributes, {}), *request.mutable_config());
  std::vector<tfplugin6::ListResource::Event> events;
  provider_.Handle(request, [&](const tfplugin6::ListResource::Event& event) {
    events.push_back(event);
    Interrupt();
    return true;
  });
  ASSERT_THAT(events, SizeIs(11));
  EXPECT_THAT(events.back().diagnostic(0).detail(), HasSubstr("interrupted"));
  EXPECT_THAT(engine_.lists, SizeIs(1));
}

TEST_F(ListTest, EndsWithTheErrorOfTheEngine) {
  PutVm("ci", "a", "ios");
  engine_.failures = {absl::PermissionDeniedError("agents may not list")};
  const auto events = List({});
  ASSERT_THAT(events, SizeIs(1));
  ASSERT_THAT(events[0].diagnostic(), SizeIs(1));
  EXPECT_EQ(events[0].diagnostic(0).summary(), "Cannot list vms");
  EXPECT_FALSE(events[0].has_identity());
  // One that restarts is waited for.
  engine_.failures = {absl::UnavailableError("away"), absl::UnavailableError("away")};
  EXPECT_THAT(Names({}), ElementsAre("ci/a"));
}

TEST_F(ListTest, APluralDataSourceHoldsEveryPage) {
  for (int i = 10; i < 35; ++i) PutVm("ci", absl::StrCat("vm-", i), i % 2 == 0 ? "ios" : "web");
  engine_.page_size = 10;
  const Value all = Many({});
  EXPECT_THAT(*all.At("items").as_list(), SizeIs(25));
  const Value selector = Value::Map({{"team", Text("ios")}});
  const Value some = Many({{"namespace", Text("ci")}, {"selector", selector}});
  ASSERT_THAT(*some.At("items").as_list(), SizeIs(13));
  EXPECT_EQ(some.At("selector"), selector);
  EXPECT_EQ(some.At("namespace"), Text("ci"));
  const Value& first = some.At("items").as_list()->front();
  EXPECT_EQ(first.At("name"), Text("vm-10"));
  EXPECT_EQ(first.At("image"), Text("sonoma"));
  EXPECT_TRUE(some.IsWhollyKnown());
  EXPECT_THAT(*Many({{"namespace", Text("qa")}}).At("items").as_list(), IsEmpty());
}

TEST_F(ListTest, APluralDataSourceHasABound) {
  for (int i = 0; i < 10'001; ++i) PutVm("ci", absl::StrCat("vm-", i), "ios");
  const tfplugin6::ReadDataSource::Response response = ReadMany({});
  ASSERT_THAT(response.diagnostics(), SizeIs(1));
  EXPECT_EQ(response.diagnostics(0).summary(), "Too many vms");
  EXPECT_THAT(response.diagnostics(0).detail(), HasSubstr("`namespace`"));
}

TEST_F(ListTest, EveryMistakeOfASelectionHasItsPath) {
  EXPECT_THAT(Mistakes({}), IsEmpty());
  EXPECT_THAT(Mistakes({{"namespace", Value::Unknown()}, {"selector", Value::Unknown()}}),
              IsEmpty());
  EXPECT_THAT(Mistakes({{"selector", Value::Map({{"team", Value::Unknown()}})}}), IsEmpty());
  EXPECT_THAT(Mistakes({{"namespace", Text("CI")}}), ElementsAre("/namespace"));
  EXPECT_THAT(Mistakes({{"selector", Value::Map({{"team", Value()}, {" bad", Text("x")}})}}),
              ElementsAre("/selector/team", "/selector/ bad"));
}

TEST_F(ListTest, EveryKindCanBeAskedForWhole) {
  for (const Schema& list : schemas_.lists()) {
    Problems problems;
    ValidateSelection(list, ObjectOf(list.attributes, {}), problems);
    EXPECT_TRUE(problems.empty()) << list.type_name;
  }
}

}  // namespace
}  // namespace espalier::provider
