// ProviderWorld: a provider and all that it stands on, at an engine in memory, for tests of core's
// calls. A fixture inherits it. One thread.
#pragma once

#include <memory>
#include <string>

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/client/remote.h"
#include "provider/provider.h"
#include "provider/schema.h"
#include "provider/testing/fake_engine.h"
#include "provider/value.h"
#include "tests/support/fake_clock.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

class ProviderWorld {
 protected:
  // The provider is not configured yet. Without a log it writes none.
  explicit ProviderWorld(Log* log = nullptr);
  ~ProviderWorld();

  // The answer to one of core's calls: Ask<tfplugin6::ReadResource>(request).
  template <typename Call>
  typename Call::Response Ask(const typename Call::Request& request) {
    typename Call::Response response;
    provider_.Handle(request, response);
    return response;
  }

  // Configures the provider with these attributes of its block.
  tfplugin6::ConfigureProvider::Response Configure(Value::Entries entries);
  // The same as most tests want it: at the engine, as the instance "prod", and with `more`. Fails
  // the test if the provider refuses it.
  void ConfigureAtEngine(Value::Entries more = {});
  // What core does when the user interrupts it.
  void Interrupt();

  // What a response says is wrong, a line each with the attribute to blame; fails the test for
  // warnings.
  template <typename Response>
  static std::string Errors(const Response& response) {
    std::string text;
    for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
      text += ErrorLine(diagnostic);
    }
    return text;
  }

  const Schemas schemas_;
  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_{7};
  const std::unique_ptr<Log> no_log_ = MakeNullLog();
  FakeEngine engine_;
  // What the provider reaches once it is configured: the engine, or what a test puts before it.
  // Only calls use it.
  Remote* remote_ = &engine_;
  Provider provider_;

 private:
  static std::string ErrorLine(const tfplugin6::Diagnostic& diagnostic);
};

}  // namespace espalier::provider
