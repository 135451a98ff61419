#include "provider/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

Value Config(Value::Entries entries) {
  Value config = Value::Map({});
  for (const char* name : {"ca_file", "client_cert_file", "client_key_file", "endpoint", "instance",
                           "namespace", "token"}) {
    config.Set(name, Value());
  }
  for (auto& [name, value] : entries) config.Set(name, value);
  return config;
}

const SettingsEnvironment kEnvironment = {
    .engine = "env:1", .token = "env-token", .ca_file = "env.pem", .instance = "env"};

TEST(SettingsTest, TakesTheBlockBeforeTheEnvironment) {
  Diagnostics diagnostics;
  const Settings settings =
      ReadSettings(Config({{"endpoint", Value::String("own:2")}}), kEnvironment, diagnostics);
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_EQ(settings.engine.engine, "own:2");
  EXPECT_EQ(settings.engine.token, "env-token");
  EXPECT_EQ(settings.engine.ca_file, "env.pem");
  EXPECT_EQ(settings.instance, "env");
  EXPECT_EQ(settings.default_namespace, Value::String("default"));
}

TEST(SettingsTest, RemembersWhatIsNotKnownYet) {
  Diagnostics diagnostics;
  const Settings settings = ReadSettings(
      Config({{"endpoint", Value::Unknown()}, {"namespace", Value::Unknown()}}), {}, diagnostics);
  EXPECT_EQ(settings.unknown, std::vector<std::string>{"endpoint"});
  EXPECT_TRUE(settings.default_namespace.is_unknown());
  // Only the instance is surely missing.
  ASSERT_EQ(diagnostics.list().size(), 1U);
  EXPECT_EQ(diagnostics.list()[0].path, Path{AttributeStep("instance")});
}

TEST(SettingsTest, WantsCertificateAndKeyTogether) {
  Diagnostics diagnostics;
  ReadSettings(Config({{"client_cert_file", Value::String("c.pem")}}), kEnvironment, diagnostics);
  EXPECT_TRUE(diagnostics.HasErrors());
}

}  // namespace
}  // namespace espalier::provider
