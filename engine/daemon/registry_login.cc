#include "engine/daemon/registry_login.h"

#include <utility>

#include "engine/base/telemetry.h"

namespace espalier {
namespace {

CallContext EngineItself() {
  CallContext context;
  context.caller = {.role = Caller::Role::kController, .subject = "engine"};
  return context;
}

}  // namespace

oci::CredentialSource MakeRegistryLogin(Resources& resources, Secrets& secrets, Io& io, Log& log,
                                        std::string secrets_dir, Environment environment) {
  return [&resources, &io, &log, secrets_dir = std::move(secrets_dir),
          environment = std::move(environment),
          reveal = RevealThrough(secrets, EngineItself().caller)](
             const std::string& registry) -> oci::Credential {
    Query query;
    query.add_kinds(InfoOf(Kind::kRegistryCredential).name);
    do {
      const absl::StatusOr<ListPage> page = resources.List(EngineItself(), query);
      if (!page.ok()) return {};
      for (const Resource& item : page->items()) {
        const v1::RegistryCredentialSpec& spec = item.registry_credential().spec();
        if (spec.registry() != registry) continue;
        absl::StatusOr<std::string> password =
            ResolveSecret(spec.password(), io, secrets_dir, environment, reveal);
        if (!password.ok()) {
          log.Warn("registry is asked without its credential",
                   {{telemetry::kRef, ToString(RefOf(item))},
                    {telemetry::kError, password.status().ToString()}});
          return {};
        }
        return {.username = spec.username(), .password = *std::move(password)};
      }
      query.set_page(page->next_page());
    } while (!query.page().empty());
    return {};
  };
}

}  // namespace espalier
