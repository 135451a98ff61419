// Provider: the answers to core's calls, message in, message out, without a transport. Errors for
// the user are diagnostics; nothing a core sends makes it fail otherwise. Thread-safe after
// construction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "provider/diagnostic.h"
#include "provider/incarnations.h"
#include "provider/operations.h"
#include "provider/schema.h"
#include "provider/settings.h"
#include "provider/stop.h"
#include "tfplugin6/tfplugin6.pb.h"

namespace espalier::provider {

// Makes the way to an engine. Shared, because calls under way outlive a new configuration.
using Connector =
    std::function<absl::StatusOr<std::shared_ptr<Remote>>(const RemoteOptions& options)>;

// Where the parts of a streamed answer go, one by one; false once core listens no more.
template <typename Event>
using Sink = absl::FunctionRef<bool(const Event&)>;

template <typename Method>
struct Call {
  const typename Method::Request* request;
  typename Method::Response* response;
};

// A call whose own part of the answer is in the response: started_call.h.
template <typename Method>
struct StartedCall;

// What is left to do for a response, because it waits for something or has to be asked alone. Null:
// nothing.
using Rest = absl::AnyInvocable<void()>;

class Provider {
 public:
  // Borrowed; they outlive the provider.
  Provider(Clock& clock, Random& random, Log& log, Environment environment, Connector connector);
  ~Provider();

  void Handle(const tfplugin6::GetMetadata::Request&, tfplugin6::GetMetadata::Response&);
  void Handle(const tfplugin6::GetProviderSchema::Request&,
              tfplugin6::GetProviderSchema::Response&);
  void Handle(const tfplugin6::ValidateProviderConfig::Request&,
              tfplugin6::ValidateProviderConfig::Response&);
  void Handle(const tfplugin6::ValidateResourceConfig::Request&,
              tfplugin6::ValidateResourceConfig::Response&);
  void Handle(const tfplugin6::ValidateDataResourceConfig::Request&,
              tfplugin6::ValidateDataResourceConfig::Response&);
  void Handle(const tfplugin6::UpgradeResourceState::Request&,
              tfplugin6::UpgradeResourceState::Response&);
  void Handle(const tfplugin6::GetResourceIdentitySchemas::Request&,
              tfplugin6::GetResourceIdentitySchemas::Response&);
  void Handle(const tfplugin6::UpgradeResourceIdentity::Request&,
              tfplugin6::UpgradeResourceIdentity::Response&);
  void Handle(const tfplugin6::ConfigureProvider::Request&,
              tfplugin6::ConfigureProvider::Response&);
  // Reads, plans and applies can be answered in two steps, so that several share the second. Start
  // does what needs no engine and never blocks. Ask answers those that ask() for it with as few
  // questions as there can be, and as if each had been handled alone; it blocks for the engine's
  // answers and for nothing else. It gives a rest for each. Requests and responses live until that
  // has run.
  StartedCall<tfplugin6::ReadResource> Start(const Call<tfplugin6::ReadResource>& call);
  StartedCall<tfplugin6::PlanResourceChange> Start(const Call<tfplugin6::PlanResourceChange>& call);
  StartedCall<tfplugin6::ApplyResourceChange> Start(
      const Call<tfplugin6::ApplyResourceChange>& call);
  std::vector<Rest> Ask(std::vector<StartedCall<tfplugin6::ReadResource>> calls);
  std::vector<Rest> Ask(std::vector<StartedCall<tfplugin6::PlanResourceChange>> calls);
  std::vector<Rest> Ask(std::vector<StartedCall<tfplugin6::ApplyResourceChange>> calls);

  void Handle(const tfplugin6::ReadResource::Request&, tfplugin6::ReadResource::Response&);
  void Handle(const tfplugin6::PlanResourceChange::Request&,
              tfplugin6::PlanResourceChange::Response&);
  void Handle(const tfplugin6::ApplyResourceChange::Request&,
              tfplugin6::ApplyResourceChange::Response&);
  void Handle(const tfplugin6::ImportResourceState::Request&,
              tfplugin6::ImportResourceState::Response&);
  void Handle(const tfplugin6::GenerateResourceConfig::Request&,
              tfplugin6::GenerateResourceConfig::Response&);
  void Handle(const tfplugin6::MoveResourceState::Request&,
              tfplugin6::MoveResourceState::Response&);
  void Handle(const tfplugin6::ReadDataSource::Request&, tfplugin6::ReadDataSource::Response&);
  void Handle(const tfplugin6::GetFunctions::Request&, tfplugin6::GetFunctions::Response&);
  void Handle(const tfplugin6::CallFunction::Request&, tfplugin6::CallFunction::Response&);
  void Handle(const tfplugin6::ValidateListResourceConfig::Request&,
              tfplugin6::ValidateListResourceConfig::Response&);
  void Handle(const tfplugin6::ListResource::Request&, Sink<tfplugin6::ListResource::Event> sink);
  void Handle(const tfplugin6::ValidateEphemeralResourceConfig::Request&,
              tfplugin6::ValidateEphemeralResourceConfig::Response&);
  void Handle(const tfplugin6::OpenEphemeralResource::Request&,
              tfplugin6::OpenEphemeralResource::Response&);
  void Handle(const tfplugin6::RenewEphemeralResource::Request&,
              tfplugin6::RenewEphemeralResource::Response&);
  void Handle(const tfplugin6::CloseEphemeralResource::Request&,
              tfplugin6::CloseEphemeralResource::Response&);
  void Handle(const tfplugin6::ValidateActionConfig::Request&,
              tfplugin6::ValidateActionConfig::Response&);
  void Handle(const tfplugin6::PlanAction::Request&, tfplugin6::PlanAction::Response&);
  // Progress, as long as it is listened to, and exactly one completion at the end, whatever
  // happens.
  void Handle(const tfplugin6::InvokeAction::Request&, Sink<tfplugin6::InvokeAction::Event> sink);
  void Handle(const tfplugin6::StopProvider::Request&, tfplugin6::StopProvider::Response&);

  // At the end of the process: closes what core opened and left open, as it does after an error.
  // Asks the engine once for each.
  void CloseWhatIsOpen();
  bool HasOpen() const;

  // What ConfigureProvider made: connection.h.
  struct Connection;

 private:
  struct OpenEphemeral {
    std::string type_name;
    std::string private_data;
    // The engine that it was opened on; another alias may be configured by now.
    std::shared_ptr<Connection> connection;
  };

  // Built when first asked for: most launches of a run never need them all.
  const Schemas& schemas();
  std::shared_ptr<Connection> connection();
  // The type of resource or data source; null with a diagnostic if there is none.
  const Schema* ResourceType(const std::string& type_name, Diagnostics& diagnostics);
  const Schema* DataSourceType(const std::string& type_name, Diagnostics& diagnostics);
  // A resource's object as a state file holds it, which is remembered. None with a diagnostic if it
  // cannot be read.
  std::optional<Value> ReadState(const Schema& schema, const tfplugin6::RawState& raw,
                                 Diagnostics& diagnostics);
  template <typename Method>
  void Finish(const Call<Method>& call);
  // The connection if the engine can be called; otherwise says why not.
  std::shared_ptr<Connection> Connected(Diagnostics& diagnostics);

  // Constant after construction.
  Clock& clock_;
  Random& random_;
  Log& log_;
  const Environment environment_;
  const Connector connector_;
  // Their own synchronisation.
  StopSignal stop_;
  Incarnations incarnations_;
  mutable Mutex mu_;
  std::vector<OpenEphemeral> open_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<const Schemas> schemas_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mu_);
};

}  // namespace espalier::provider
