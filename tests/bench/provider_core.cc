#include "tests/bench/provider_core.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "go_plugin/go_plugin.grpc.pb.h"
#include "provider/msgpack.h"

namespace espalier {
namespace {

using provider::Value;

constexpr std::size_t kFileBytes = 65536;
constexpr std::size_t kPemLine = 64;
constexpr absl::Duration kPatience = absl::Minutes(1);

[[noreturn]] void Give(absl::string_view what) {
  std::cerr << what << "\n";
  std::exit(1);
}

std::string ReadOrGiveUp(Io& io, const std::string& path) {
  absl::StatusOr<std::string> bytes = io.ReadFile(path, kFileBytes);
  if (!bytes.ok()) Give(bytes.status().ToString());
  return *std::move(bytes);
}

// The line's certificate is DER in base64 without padding.
std::string PemOf(std::string base64) {
  std::string der;
  base64.append((4 - base64.size() % 4) % 4, '=');
  if (!absl::Base64Unescape(base64, &der)) Give("the server's certificate is no base64");
  const std::string padded = absl::Base64Escape(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < padded.size(); at += kPemLine) {
    absl::StrAppend(&pem, padded.substr(at, kPemLine), "\n");
  }
  return pem + "-----END CERTIFICATE-----\n";
}

Value ObjectOf(const tfplugin6::Schema& schema, const Value::Entries& given) {
  Value::Entries all;
  for (const auto& attribute : schema.block().attributes())
    all.emplace_back(attribute.name(), Value());
  Value object = Value::Map(std::move(all));
  for (const auto& [name, value] : given) object.Set(name, value);
  return object;
}

tfplugin6::DynamicValue Wire(const Value& value) {
  tfplugin6::DynamicValue wire;
  wire.set_msgpack(provider::WriteMsgpack(value));
  return wire;
}

}  // namespace

ProviderCore::ProviderCore(Clock& clock, Io& io, const ProviderAddress& address) : clock_(clock) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = PemOf(address.server_certificate);
  tls.pem_cert_chain = ReadOrGiveUp(io, address.certificate_file);
  tls.pem_private_key = ReadOrGiveUp(io, address.key_file);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetSslTargetNameOverride("localhost");
  channel_ = grpc::CreateCustomChannel(absl::StrCat("unix:", address.socket),
                                       grpc::SslCredentials(tls), arguments);
  stub_ = tfplugin6::Provider::NewStub(channel_);
}

ProviderCore::~ProviderCore() = default;

// A call of the provider; ends the program if it fails or has errors to tell.
#define ESPALIER_CALL(Method, request, response)                                \
  do {                                                                          \
    grpc::ClientContext context;                                                \
    context.set_deadline(absl::ToChronoTime(clock_.Now() + kPatience));         \
    const grpc::Status status = stub_->Method(&context, request, &(response));  \
    if (!status.ok()) Give(absl::StrCat(#Method ": ", status.error_message())); \
    for (const tfplugin6::Diagnostic& told : (response).diagnostics()) {        \
      if (told.severity() != tfplugin6::Diagnostic::ERROR) continue;            \
      Give(absl::StrCat(#Method ": ", told.summary(), ": ", told.detail()));    \
    }                                                                           \
  } while (false)

void ProviderCore::GetSchema() {
  ESPALIER_CALL(GetProviderSchema, tfplugin6::GetProviderSchema::Request(), schema_);
  if (schema_.resource_schemas().empty()) Give("the schema is empty");
}

void ProviderCore::Configure(const Value::Entries& given) {
  tfplugin6::ConfigureProvider::Request request;
  *request.mutable_config() = Wire(ObjectOf(schema_.provider(), given));
  tfplugin6::ConfigureProvider::Response response;
  ESPALIER_CALL(ConfigureProvider, request, response);
}

Value ProviderCore::Object(const std::string& type_name, const Value::Entries& given) const {
  const auto found = schema_.resource_schemas().find(type_name);
  if (found == schema_.resource_schemas().end()) Give(absl::StrCat("no type ", type_name));
  return ObjectOf(found->second, given);
}

tfplugin6::PlanResourceChange::Response ProviderCore::PlanCreate(const std::string& type_name,
                                                                 const Value& config) {
  tfplugin6::PlanResourceChange::Request request;
  request.set_type_name(type_name);
  *request.mutable_prior_state() = Wire(Value());
  *request.mutable_config() = Wire(config);
  *request.mutable_proposed_new_state() = request.config();
  tfplugin6::PlanResourceChange::Response response;
  ESPALIER_CALL(PlanResourceChange, request, response);
  return response;
}

tfplugin6::ApplyResourceChange::Response ProviderCore::ApplyCreate(
    const std::string& type_name, const Value& config,
    const tfplugin6::PlanResourceChange::Response& plan) {
  tfplugin6::ApplyResourceChange::Request request;
  request.set_type_name(type_name);
  *request.mutable_prior_state() = Wire(Value());
  *request.mutable_config() = Wire(config);
  *request.mutable_planned_state() = plan.planned_state();
  request.set_planned_private(plan.planned_private());
  tfplugin6::ApplyResourceChange::Response response;
  ESPALIER_CALL(ApplyResourceChange, request, response);
  return response;
}

tfplugin6::ReadResource::Response ProviderCore::Read(const std::string& type_name,
                                                     const tfplugin6::DynamicValue& state) {
  tfplugin6::ReadResource::Request request;
  request.set_type_name(type_name);
  *request.mutable_current_state() = state;
  tfplugin6::ReadResource::Response response;
  ESPALIER_CALL(ReadResource, request, response);
  return response;
}

#undef ESPALIER_CALL

void ProviderCore::Shutdown() {
  const auto controller = plugin::GRPCController::NewStub(channel_);
  grpc::ClientContext context;
  plugin::Empty answer;
  const grpc::Status status = controller->Shutdown(&context, plugin::Empty(), &answer);
  if (!status.ok()) Give(absl::StrCat("Shutdown: ", status.error_message()));
}

}  // namespace espalier
