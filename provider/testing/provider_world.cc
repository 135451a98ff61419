#include "provider/testing/provider_world.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/testing/values.h"
#include "provider/wire.h"

namespace espalier::provider {

ProviderWorld::ProviderWorld(Log* log)
    : provider_(
          clock_, random_, log != nullptr ? *log : *no_log_,
          [](const std::string&) { return std::nullopt; },
          [this](const RemoteOptions&) {
            // Owned by this world or its test: nobody deletes it.
            return std::shared_ptr<Remote>(remote_, [](Remote*) {});
          }) {}

ProviderWorld::~ProviderWorld() = default;

tfplugin6::ConfigureProvider::Response ProviderWorld::Configure(Value::Entries entries) {
  tfplugin6::ConfigureProvider::Request request;
  Encode(ObjectOf(schemas_.provider(), std::move(entries)), *request.mutable_config());
  return Ask<tfplugin6::ConfigureProvider>(request);
}

void ProviderWorld::ConfigureAtEngine(Value::Entries more) {
  more.emplace_back("endpoint", Text("127.0.0.1:1"));
  more.emplace_back("instance", Text("prod"));
  EXPECT_EQ(Errors(Configure(std::move(more))), "");
}

void ProviderWorld::Interrupt() { Ask<tfplugin6::StopProvider>({}); }

std::string ProviderWorld::ErrorLine(const tfplugin6::Diagnostic& diagnostic) {
  EXPECT_EQ(diagnostic.severity(), tfplugin6::Diagnostic::ERROR);
  std::string line;
  for (const auto& step : diagnostic.attribute().steps()) {
    absl::StrAppend(&line, step.attribute_name(), ": ");
  }
  absl::StrAppend(&line, diagnostic.summary(), ": ", diagnostic.detail(), "\n");
  return line;
}

}  // namespace espalier::provider
