#include "provider/settings.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
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

  bool Bool(const char* name, bool fallback) {
    const Value& value = config_.At(name);
    if (value.is_unknown()) settings_.unknown.push_back(name);
    const bool* given = value.as_bool();
    return given != nullptr ? *given : fallback;
  }

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

  settings.transfer =
      reader.Bool("transfer", environment("ESPALIER_TRANSFER").value_or("") == "true");

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
  // Each may come from the block or the environment, or be told later.
  const auto lacks = [&](const char* name, const std::string& file) {
    return file.empty() && !config.At(name).is_unknown();
  };
  const bool no_cert = lacks("client_cert_file", settings.engine.cert_file);
  const bool no_key = lacks("client_key_file", settings.engine.key_file);
  if (no_cert != no_key) {
    diagnostics.Error("Incomplete client certificate",
                      "`client_cert_file` (or ESPALIER_CERT_FILE) and `client_key_file` (or "
                      "ESPALIER_KEY_FILE) belong together.",
                      {AttributeStep(no_cert ? "client_cert_file" : "client_key_file")});
  }
  return settings;
}

Path AttributeNamedIn(absl::string_view error, const RemoteOptions& engine) {
  const std::pair<const char*, const std::string&> given[] = {
      {"ca_file", engine.ca_file},
      {"client_cert_file", engine.cert_file},
      {"client_key_file", engine.key_file},
      {"endpoint", engine.engine},
  };
  for (const auto& [name, value] : given) {
    if (!value.empty() && absl::StrContains(error, value)) return {AttributeStep(name)};
  }
  return {};
}

}  // namespace espalier::provider
