// Core's calls about ephemeral resources.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/telemetry.h"
#include "provider/connection.h"
#include "provider/ephemerals.h"
#include "provider/provider.h"
#include "provider/wire.h"

namespace espalier::provider {
namespace {

const EphemeralType* Required(const std::string& type_name, Diagnostics& diagnostics) {
  const EphemeralType* type = FindEphemeralType(type_name);
  Required(type != nullptr ? &type->schema : nullptr, type_name, diagnostics);
  return type;
}

// The configuration if it can be read and has no mistakes.
std::optional<Value> Checked(const EphemeralType& type, const tfplugin6::DynamicValue& wire,
                             Diagnostics& diagnostics) {
  std::optional<Value> config = Decode(type.schema.attributes, wire, diagnostics);
  if (config && !config->is_known()) {
    diagnostics.Error("No configuration", "Terraform sent none.");
  } else if (config) {
    type.validate(*config, diagnostics);
  }
  if (diagnostics.HasErrors()) return std::nullopt;
  return config;
}

}  // namespace

void Provider::Handle(const tfplugin6::ValidateEphemeralResourceConfig::Request& request,
                      tfplugin6::ValidateEphemeralResourceConfig::Response& response) {
  Diagnostics diagnostics;
  const EphemeralType* type = Required(request.type_name(), diagnostics);
  if (type != nullptr) Checked(*type, request.config(), diagnostics);
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::OpenEphemeralResource::Request& request,
                      tfplugin6::OpenEphemeralResource::Response& response) {
  Diagnostics diagnostics;
  const EphemeralType* type = Required(request.type_name(), diagnostics);
  if (type != nullptr) {
    const auto config = Checked(*type, request.config(), diagnostics);
    if (config && !config->IsWhollyKnown()) {
      diagnostics.Error(
          absl::StrCat("Cannot open ", request.type_name()),
          "Its configuration is not wholly known yet; Terraform opens it once it is.");
    }
    const auto connected = config && !diagnostics.HasErrors() ? Connected(diagnostics) : nullptr;
    if (connected != nullptr) {
      const Opened opened =
          type->open(*config, connected->settings.default_namespace, *connected->engine);
      if (!opened.result.is_null()) {
        Encode(opened.result, *response.mutable_result());
        response.set_private_(opened.private_data);
        MutexLock lock(mu_);
        if (!opened.private_data.empty())
          open_.push_back({request.type_name(), opened.private_data, connected});
      }
      Report(opened.diagnostics, response);
    }
  }
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::RenewEphemeralResource::Request& request,
                      tfplugin6::RenewEphemeralResource::Response& response) {
  // Nothing that we open says when it wants to be renewed: it stands until it is closed.
  Diagnostics diagnostics;
  Required(request.type_name(), diagnostics);
  response.set_private_(request.private_());
  Report(diagnostics, response);
}

void Provider::Handle(const tfplugin6::CloseEphemeralResource::Request& request,
                      tfplugin6::CloseEphemeralResource::Response& response) {
  Diagnostics diagnostics;
  const EphemeralType* type = Required(request.type_name(), diagnostics);
  if (type != nullptr) {
    std::shared_ptr<Connection> connection;
    {
      MutexLock lock(mu_);
      const auto found = std::find_if(open_.begin(), open_.end(), [&](const OpenEphemeral& open) {
        return open.type_name == request.type_name() && open.private_data == request.private_();
      });
      if (found != open_.end()) {
        connection = std::move(found->connection);
        open_.erase(found);
      }
    }
    // One that another process opened, which has died since.
    if (connection == nullptr) connection = Connected(diagnostics);
    if (connection != nullptr) {
      Report(type->close(request.private_(), *connection->engine), response);
    }
  }
  Report(diagnostics, response);
}

void Provider::CloseWhatIsOpen() {
  // Nobody waits for an engine that is away.
  stop_.Stop();
  std::vector<OpenEphemeral> open;
  {
    MutexLock lock(mu_);
    open = open_;
  }
  for (const OpenEphemeral& left : open) {
    const Diagnostics diagnostics =
        FindEphemeralType(left.type_name)->close(left.private_data, *left.connection->engine);
    if (diagnostics.HasErrors() && log_.Enabled(LogLevel::kError)) {
      log_.Error("left open", {{"tf_resource_type", left.type_name},
                               {telemetry::kReason, diagnostics.list().front().detail}});
    }
  }
  MutexLock lock(mu_);
  open_.clear();
}

bool Provider::HasOpen() const {
  MutexLock lock(mu_);
  return !open_.empty();
}

}  // namespace espalier::provider
