// StartedCall: a read, plan or apply whose own part is done: what there is to ask the engine, and
// how the answer becomes the response. Only for the provider's own files.
#pragma once

#include <memory>

#include "provider/operations.h"
#include "provider/plan.h"
#include "provider/provider.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

template <>
struct StartedCall<tfplugin6::ReadResource> {
  tfplugin6::ReadResource::Response* response = nullptr;
  const Schema* schema = nullptr;
  Value state;
  // Null if there is nothing to ask.
  std::shared_ptr<Provider::Connection> connection;

  bool asks() const { return connection != nullptr; }
  Ref ref() const { return RefFor(*schema, state); }
  void AskAlone() const;
};

template <>
struct StartedCall<tfplugin6::PlanResourceChange> {
  tfplugin6::PlanResourceChange::Response* response = nullptr;
  const Schema* schema = nullptr;
  Value prior;
  Change change;
  Takeover takeover = Takeover::kNone;
  // Null if there is nothing to ask.
  std::shared_ptr<Provider::Connection> connection;

  bool asks() const { return connection != nullptr; }
  Intent intent() const { return {*schema, change, prior, takeover}; }
  void AskAlone() const;
};

template <>
struct StartedCall<tfplugin6::ApplyResourceChange> {
  tfplugin6::ApplyResourceChange::Response* response = nullptr;
  const Schema* schema = nullptr;
  Value prior;
  Value planned;
  Takeover takeover = Takeover::kNone;
  // Null if there is nothing to ask.
  std::shared_ptr<Provider::Connection> connection;

  bool asks() const { return connection != nullptr; }
  // Whether it may be stored together with others.
  bool is_create() const;
  Creation creation() const { return {*schema, planned}; }
  void Answer(const Outcome& outcome) const;
  void AskAlone() const;
};

}  // namespace espalier::provider
