// Core's calls about functions. Core makes them of a process that was never configured.
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "provider/functions.h"
#include "provider/msgpack.h"
#include "provider/provider.h"
#include "provider/schema_proto.h"

namespace espalier::provider {
namespace {

// The arguments, or which of them cannot be read and why.
FunctionAnswer ReadArguments(const tfplugin6::CallFunction::Request& request,
                             std::vector<Value>& arguments) {
  for (int i = 0; i < request.arguments_size(); ++i) {
    const tfplugin6::DynamicValue& wire = request.arguments(i);
    // No bytes at all are null. Core never sends JSON, which would have to be read by the
    // parameter's type.
    absl::StatusOr<Value> value = Value();
    if (!wire.msgpack().empty()) {
      value = ReadMsgpack(wire.msgpack());
    } else if (!wire.json().empty()) {
      value = absl::InvalidArgumentError("it is JSON");
    }
    if (!value.ok()) {
      return {.result = Value(),
              .error = absl::StrCat("Terraform sent what is no value: ", value.status().message()),
              .argument = i};
    }
    arguments.push_back(*std::move(value));
  }
  return {};
}

}  // namespace

void Provider::Handle(const tfplugin6::GetFunctions::Request&,
                      tfplugin6::GetFunctions::Response& response) {
  for (const FunctionInfo& function : AllFunctions()) {
    (*response.mutable_functions())[function.name] = ToProto(function);
  }
}

void Provider::Handle(const tfplugin6::CallFunction::Request& request,
                      tfplugin6::CallFunction::Response& response) {
  std::vector<Value> arguments;
  FunctionAnswer answer = ReadArguments(request, arguments);
  if (answer.error.empty()) answer = CallFunction(request.name(), arguments);
  if (answer.error.empty()) {
    response.mutable_result()->set_msgpack(WriteMsgpack(answer.result));
    return;
  }
  response.mutable_error()->set_text(answer.error);
  if (answer.argument) response.mutable_error()->set_function_argument(*answer.argument);
}

}  // namespace espalier::provider
