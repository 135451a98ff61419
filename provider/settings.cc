#include "provider/settings.h"

#include "absl/strings/str_cat.h"

namespace espalier::provider {
namespace {

class SettingsReader {
 public:
  SettingsReader(const Value& config, Settings& settings) : config_(config), settings_(settings) {}

  std::string Text(const char* name, const std::string& fallback = "") {
    const Value& value = config_.At(name);
    if (value.is_unknown()) settings_.unknown.push_back(name);
    return value.is_known() ? std::string(value.text()) : fallback;
  }

  bool IsGiven(const char* name) const { return !config_.At(name).is_null(); }

 private:
  const Value& config_;
  Settings& settings_;
};

}  // namespace

Settings ReadSettings(const Value& config, const SettingsEnvironment& environment,
                      Diagnostics& diagnostics) {
  Settings settings;
  SettingsReader reader(config, settings);
  settings.engine.engine = reader.Text("endpoint", environment.engine);
  settings.engine.token = reader.Text("token", environment.token);
  settings.engine.ca_file = reader.Text("ca_file", environment.ca_file);
  settings.engine.cert_file = reader.Text("client_cert_file");
  settings.engine.key_file = reader.Text("client_key_file");
  settings.instance = reader.Text("instance", environment.instance);
  const Value& ns = config.At("namespace");
  settings.default_namespace = ns.is_null() ? Value::String("default") : ns;

  const auto require = [&](const char* name, const std::string& value, absl::string_view variable,
                           absl::string_view what) {
    if (!value.empty() || config.At(name).is_unknown()) return;
    diagnostics.Error(absl::StrCat("Missing ", name),
                      absl::StrCat(what, " Set `", name, "` in the provider block, or ", variable,
                                   " in the environment."),
                      {AttributeStep(name)});
  };
  require("endpoint", settings.engine.engine, "ESPALIER_ENGINE",
          "The provider needs the address of the engine, like \"127.0.0.1:7443\".");
  require(
      "instance", settings.instance, "ESPALIER_INSTANCE",
      "The engine records which configuration owns an object, so every configuration needs a name "
      "of its own.");
  if (reader.IsGiven("client_cert_file") != reader.IsGiven("client_key_file")) {
    diagnostics.Error("Incomplete client certificate",
                      "`client_cert_file` and `client_key_file` belong together.",
                      {AttributeStep("client_cert_file")});
  }
  return settings;
}

}  // namespace espalier::provider
