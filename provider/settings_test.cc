#include "provider/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace espalier::provider {
namespace {

Value Config(const Value::Entries& entries) {
  Value config = Value::Map({});
  for (const char* name : {"ca_file", "client_cert_file", "client_key_file", "endpoint", "instance",
                           "namespace", "request_timeout", "token", "transfer"}) {
    config.Set(name, Value());
  }
  for (const auto& [name, value] : entries) config.Set(name, value);
  return config;
}

// The values of these variables; no other is set.
Environment Variables(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

const std::map<std::string, std::string> kAll = {{"ESPALIER_ENGINE", "env:1"},
                                                 {"ESPALIER_TOKEN", "env-token"},
                                                 {"ESPALIER_CA_FILE", "env.pem"},
                                                 {"ESPALIER_INSTANCE", "env"}};

TEST(SettingsTest, TakesTheBlockBeforeTheEnvironment) {
  Diagnostics diagnostics;
  const Settings settings =
      ReadSettings(Config({{"endpoint", Value::String("own:2")}}), Variables(kAll), diagnostics);
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_EQ(settings.engine.engine, "own:2");
  EXPECT_EQ(settings.engine.token, "env-token");
  EXPECT_EQ(settings.engine.ca_file, "env.pem");
  EXPECT_EQ(settings.instance, "env");
  EXPECT_EQ(settings.default_namespace, Value::String("default"));
}

TEST(SettingsTest, RemembersWhatIsNotKnownYet) {
  Diagnostics diagnostics;
  const Settings settings =
      ReadSettings(Config({{"endpoint", Value::Unknown()}, {"namespace", Value::Unknown()}}),
                   Variables({}), diagnostics);
  EXPECT_EQ(settings.unknown, std::vector<std::string>{"endpoint"});
  EXPECT_TRUE(settings.default_namespace.is_unknown());
  // Only the instance is surely missing.
  ASSERT_EQ(diagnostics.list().size(), 1U);
  EXPECT_EQ(diagnostics.list()[0].path, Path{AttributeStep("instance")});
}

TEST(SettingsTest, TakesNamespaceAndTimeoutFromTheEnvironmentAtLast) {
  std::map<std::string, std::string> variables = kAll;
  Diagnostics diagnostics;
  EXPECT_EQ(ReadSettings(Config({}), Variables(variables), diagnostics).request_timeout,
            absl::Seconds(30));
  variables["ESPALIER_NAMESPACE"] = "ci";
  variables["ESPALIER_REQUEST_TIMEOUT"] = "1m30s";
  const Settings from_environment = ReadSettings(Config({}), Variables(variables), diagnostics);
  EXPECT_EQ(from_environment.default_namespace, Value::String("ci"));
  EXPECT_EQ(from_environment.request_timeout, absl::Seconds(90));
  const Settings own = ReadSettings(
      Config({{"namespace", Value::String("own")}, {"request_timeout", Value::String("5s")}}),
      Variables(variables), diagnostics);
  EXPECT_EQ(own.default_namespace, Value::String("own"));
  EXPECT_EQ(own.request_timeout, absl::Seconds(5));
  const Settings later =
      ReadSettings(Config({{"request_timeout", Value::Unknown()}}), Variables(kAll), diagnostics);
  EXPECT_EQ(later.unknown, std::vector<std::string>{"request_timeout"});
  EXPECT_TRUE(diagnostics.empty());
}

TEST(SettingsTest, RefusesTimeoutsThatAreNone) {
  for (const char* wrong : {"soon", "30", "0s", "-1s", "inf"}) {
    SCOPED_TRACE(wrong);
    Diagnostics of_block;
    ReadSettings(Config({{"request_timeout", Value::String(wrong)}}), Variables(kAll), of_block);
    ASSERT_EQ(of_block.list().size(), 1U);
    EXPECT_EQ(of_block.list()[0].path, Path{AttributeStep("request_timeout")});
    std::map<std::string, std::string> variables = kAll;
    variables["ESPALIER_REQUEST_TIMEOUT"] = wrong;
    Diagnostics of_environment;
    ReadSettings(Config({}), Variables(variables), of_environment);
    ASSERT_EQ(of_environment.list().size(), 1U);
    EXPECT_THAT(of_environment.list()[0].detail,
                ::testing::HasSubstr("ESPALIER_REQUEST_TIMEOUT must be a duration"));
  }
}

TEST(SettingsTest, TakesOverOnlyWhenAsked) {
  std::map<std::string, std::string> variables = kAll;
  Diagnostics diagnostics;
  EXPECT_FALSE(ReadSettings(Config({}), Variables(variables), diagnostics).transfer);
  variables["ESPALIER_TRANSFER"] = "true";
  EXPECT_TRUE(ReadSettings(Config({}), Variables(variables), diagnostics).transfer);
  const Value block = Config({{"transfer", Value::Bool(false)}});
  EXPECT_FALSE(ReadSettings(block, Variables(variables), diagnostics).transfer);
}

// What the environment says is not what the block will say.
TEST(SettingsTest, WaitsForATransferThatIsNotKnownYet) {
  std::map<std::string, std::string> variables = kAll;
  variables["ESPALIER_TRANSFER"] = "true";
  Diagnostics diagnostics;
  const Settings settings =
      ReadSettings(Config({{"transfer", Value::Unknown()}}), Variables(variables), diagnostics);
  EXPECT_EQ(settings.unknown, std::vector<std::string>{"transfer"});
  EXPECT_TRUE(diagnostics.empty());
}

TEST(SettingsTest, WantsCertificateAndKeyTogetherWhereverTheyComeFrom) {
  using Variable = std::pair<const std::string, std::string>;
  const Variable env_cert("ESPALIER_CERT_FILE", "env-cert.pem");
  const Variable env_key("ESPALIER_KEY_FILE", "env-key.pem");
  struct Case {
    const char* name;
    Value::Entries block;
    std::map<std::string, std::string> variables;
    // The attribute to blame; empty: nothing is wrong.
    std::string lacks;
  };
  const Value cert = Value::String("c.pem");
  const Value key = Value::String("k.pem");
  const Case cases[] = {
      {"both in the block", {{"client_cert_file", cert}, {"client_key_file", key}}, {}, ""},
      {"certificate alone", {{"client_cert_file", cert}}, {}, "client_key_file"},
      {"key alone", {{"client_key_file", key}}, {}, "client_cert_file"},
      {"key in the environment", {{"client_cert_file", cert}}, {env_key}, ""},
      {"certificate in the environment", {{"client_key_file", key}}, {env_cert}, ""},
      {"both in the environment", {}, {env_cert, env_key}, ""},
      {"the environment alone lacks one", {}, {env_key}, "client_cert_file"},
      {"not known yet", {{"client_cert_file", Value::Unknown()}, {"client_key_file", key}}, {}, ""},
      {"not known yet, and nothing else",
       {{"client_cert_file", Value::Unknown()}},
       {},
       "client_key_file"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    std::map<std::string, std::string> variables = kAll;
    variables.insert(each.variables.begin(), each.variables.end());
    Diagnostics diagnostics;
    ReadSettings(Config(each.block), Variables(variables), diagnostics);
    if (each.lacks.empty()) {
      EXPECT_TRUE(diagnostics.empty());
      continue;
    }
    ASSERT_EQ(diagnostics.list().size(), 1U);
    EXPECT_EQ(diagnostics.list()[0].path, Path{AttributeStep(each.lacks)});
  }
}

TEST(SettingsTest, AnErrorOfTheConnectionIsOfTheAttributeThatItNames) {
  const RemoteOptions engine = {.engine = "no engine",
                                .ca_file = "/nowhere/ca.pem",
                                .cert_file = "/nowhere/cert.pem",
                                .key_file = "/nowhere/key.pem"};
  const auto blamed = [&](absl::string_view error) {
    return ToString(AttributeNamedIn(error, engine));
  };
  EXPECT_EQ(blamed("reading /nowhere/ca.pem: no such file"), "ca_file");
  EXPECT_EQ(blamed("reading /nowhere/cert.pem: no such file"), "client_cert_file");
  EXPECT_EQ(blamed("reading /nowhere/key.pem: no such file"), "client_key_file");
  EXPECT_EQ(blamed("address 'no engine' has no port"), "endpoint");
  EXPECT_EQ(blamed("the machine is out of memory"), "");
  EXPECT_EQ(ToString(AttributeNamedIn("anything", {})), "");
}

}  // namespace
}  // namespace espalier::provider
