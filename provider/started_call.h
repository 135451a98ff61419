// StartedCall: a read, plan or apply whose own part is done: what there is to ask the engine, and
// how the answer becomes the response. Only for the provider's own files.
#pragma once

#include <memory>
#include <optional>

#include "provider/operations.h"
#include "provider/plan.h"
#include "provider/provider.h"
#include "provider/schema.h"
#include "provider/value.h"

namespace espalier::provider {

// What all of them have.
template <typename Method>
struct AnyStartedCall {
  typename Method::Response* response = nullptr;
  const Schema* schema = nullptr;
  // Null if there is nothing to ask.
  std::shared_ptr<Provider::Connection> connection;

  bool asks() const { return connection != nullptr; }
};

template <>
struct StartedCall<tfplugin6::ReadResource> : AnyStartedCall<tfplugin6::ReadResource> {
  Value state;
  PrivateData kept;

  Ref ref() const { return RefFor(*schema, state); }
  void AskAlone() const;
};

template <>
struct StartedCall<tfplugin6::PlanResourceChange> : AnyStartedCall<tfplugin6::PlanResourceChange> {
  Value prior;
  PrivateData kept;
  Change change;
  // There if there is something to ask.
  std::optional<Ref> target;

  Intent intent() const { return {*schema, change, prior, *target, kept.takeover}; }
  void AskAlone() const;
};

template <>
struct StartedCall<tfplugin6::ApplyResourceChange>
    : AnyStartedCall<tfplugin6::ApplyResourceChange> {
  Value prior;
  Value planned;
  // The same with its secrets: what the engine gets.
  Value wanted;
  PrivateData kept;

  // Whether it may be stored together with others.
  bool is_create() const;
  Creation creation() const { return {*schema, planned, wanted}; }
  void Answer(const Outcome& outcome) const;
  void AskAlone() const;
};

}  // namespace espalier::provider
