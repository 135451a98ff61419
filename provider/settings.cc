#include "provider/settings.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/call_schema.h"

namespace espalier::provider {
namespace {

// An empty variable says nothing.
std::string VariableOr(const Environment& environment, const char* name,
                       absl::string_view fallback) {
  std::string value = environment(name).value_or("");
  return value.empty() ? std::string(fallback) : value;
}

class SettingsReader {
 public:
  SettingsReader(const Value& config, Settings& settings) : config_(config), settings_(settings) {}

  std::string Text(const char* name) {
    const Value& value = config_.At(name);
    if (value.is_unknown()) settings_.unknown.push_back(name);
    return std::string(value.text());
  }

  bool IsGiven(const char* name) const { return !config_.At(name).is_null(); }

  absl::Duration RequestTimeout(const Environment& environment, Diagnostics& diagnostics) {
    const std::string given = Text(kRequestTimeout);
    CheckDuration(config_, kRequestTimeout, diagnostics);
    if (!config_.At(kRequestTimeout).is_null()) {
      return ReadDuration(given).value_or(kDefaultRequestTimeout);
    }
    const std::string fallback = VariableOr(environment, "ESPALIER_REQUEST_TIMEOUT", "30s");
    const std::optional<absl::Duration> timeout = ReadDuration(fallback);
    if (!timeout.has_value()) {
      diagnostics.Error("Invalid request_timeout",
                        absl::StrCat("ESPALIER_REQUEST_TIMEOUT must be ", kDurationText, "."),
                        {AttributeStep(kRequestTimeout)});
    }
    return timeout.value_or(kDefaultRequestTimeout);
  }

 private:
  const Value& config_;
  Settings& settings_;
};

}  // namespace

Settings ReadSettings(const Value& config, const Environment& environment,
                      Diagnostics& diagnostics) {
  Settings settings;
  SettingsReader reader(config, settings);
  RemoteOptions given;
  given.engine = reader.Text("endpoint");
  given.token = reader.Text("token");
  given.ca_file = reader.Text("ca_file");
  given.cert_file = reader.Text("client_cert_file");
  given.key_file = reader.Text("client_key_file");
  settings.instance = reader.Text("instance");
  const Value& ns = config.At(kNamespace);
  settings.default_namespace =
      ns.is_null() ? Value::String(VariableOr(environment, "ESPALIER_NAMESPACE", "default")) : ns;
  settings.request_timeout = reader.RequestTimeout(environment, diagnostics);

  const bool* transfer = config.At("transfer").as_bool();
  settings.transfer =
      transfer != nullptr ? *transfer : environment("ESPALIER_TRANSFER").value_or("") == "true";

  const auto require = [&](const char* name, const std::string& value, const char* variable,
                           absl::string_view what) {
    if (!value.empty() || config.At(name).is_unknown()) return value;
    std::string fallback = environment(variable).value_or("");
    if (fallback.empty()) {
      diagnostics.Error(absl::StrCat("Missing ", name),
                        absl::StrCat(what, " Set `", name, "` in the provider block, or ", variable,
                                     " in the environment."),
                        {AttributeStep(name)});
    }
    return fallback;
  };
  given.engine = require("endpoint", given.engine, "ESPALIER_ENGINE",
                         "The provider needs the address of the engine, like \"127.0.0.1:7443\".");
  settings.instance = require(
      "instance", settings.instance, "ESPALIER_INSTANCE",
      "The engine records which configuration owns an object, so every configuration needs a "
      "name of its own.");
  settings.engine = WithEnvironment(std::move(given), environment);
  if (reader.IsGiven("client_cert_file") != reader.IsGiven("client_key_file")) {
    diagnostics.Error("Incomplete client certificate",
                      "`client_cert_file` and `client_key_file` belong together.",
                      {AttributeStep("client_cert_file")});
  }
  return settings;
}

}  // namespace espalier::provider
