#include "macagent/credentials.h"

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/mutex.h"
#include "engine/base/telemetry.h"

namespace espalier::agent {
namespace {

constexpr absl::Duration kBelievedFor = absl::Seconds(30);

Caller AgentOf(const std::string& host) {
  return {.role = Caller::Role::kAgent,
          .subject = absl::StrCat("host ", host),
          .host = host,
          .source = ""};
}

class Credentials {
 public:
  Credentials(Clock& clock, Log& log, Io& io, Resources& resources, Secrets& secrets,
              const std::string& host, std::string secrets_dir, Environment environment)
      : clock_(clock),
        log_(log),
        io_(io),
        resources_(resources),
        caller_(AgentOf(host)),
        secrets_dir_(std::move(secrets_dir)),
        environment_(std::move(environment)),
        reveal_(RevealThrough(secrets, caller_)) {}

  oci::Credential Of(const std::string& registry) {
    Refresh();
    v1::RegistryCredentialSpec spec;
    {
      MutexLock lock(mu_);
      const auto found = by_registry_.find(registry);
      if (found == by_registry_.end()) return {};
      spec = found->second;
    }
    const absl::StatusOr<std::string> password =
        ResolveSecret(spec.password(), io_, secrets_dir_, environment_, reveal_);
    if (!password.ok()) {
      log_.Warn(
          "cannot read a registry's secret",
          {{telemetry::kAddress, registry}, {telemetry::kError, password.status().ToString()}});
      return {};
    }
    return {.username = spec.username(), .password = *password};
  }

 private:
  void Refresh() {
    const absl::Duration now = clock_.Elapsed();
    {
      MutexLock lock(mu_);
      if (now < next_read_) return;
      next_read_ = now + kBelievedFor;
    }
    CallContext context;
    context.caller = caller_;
    Query query;
    query.add_kinds("registry_credential");
    std::map<std::string, v1::RegistryCredentialSpec> found;
    do {
      absl::StatusOr<ListPage> page = resources_.List(context, query);
      if (!page.ok()) {
        log_.Warn("cannot list registry credentials",
                  {{telemetry::kError, page.status().ToString()}});
        return;
      }
      for (const Resource& item : page->items()) {
        const v1::RegistryCredentialSpec& spec = item.registry_credential().spec();
        found[spec.registry()] = spec;
      }
      query.set_page(page->next_page());
    } while (!query.page().empty());
    MutexLock lock(mu_);
    by_registry_ = std::move(found);
  }

  Clock& clock_;
  Log& log_;
  Io& io_;
  Resources& resources_;
  const Caller caller_;
  const std::string secrets_dir_;
  const Environment environment_;
  const Reveal reveal_;
  Mutex mu_;
  std::map<std::string, v1::RegistryCredentialSpec> by_registry_ ABSL_GUARDED_BY(mu_);
  absl::Duration next_read_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace

oci::CredentialSource MakeCredentials(Clock& clock, Log& log, Io& io, Resources& resources,
                                      Secrets& secrets, const std::string& host,
                                      const std::string& secrets_dir, Environment environment) {
  // Shared: the source is copied by whoever asks.
  auto credentials = std::make_shared<Credentials>(clock, log, io, resources, secrets, host,
                                                   secrets_dir, std::move(environment));
  return [credentials](const std::string& registry) { return credentials->Of(registry); };
}

}  // namespace espalier::agent
