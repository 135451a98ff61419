#include "tests/support/plugin_channel.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/status.h"
#include "go_plugin/go_plugin.grpc.pb.h"

namespace espalier {
namespace {

constexpr std::size_t kFileBytes = 65536;
// Not every reader of PEM takes longer lines.
constexpr std::size_t kPemLine = 64;
constexpr absl::Duration kPatience = absl::Minutes(1);

// The line's certificate is DER in base64 without padding.
absl::StatusOr<std::string> PemOf(std::string base64) {
  std::string der;
  base64.append((4 - base64.size() % 4) % 4, '=');
  if (!absl::Base64Unescape(base64, &der)) {
    return absl::InvalidArgumentError("the provider's certificate is no base64");
  }
  const std::string padded = absl::Base64Escape(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < padded.size(); at += kPemLine) {
    absl::StrAppend(&pem, padded.substr(at, kPemLine), "\n");
  }
  return pem + "-----END CERTIFICATE-----\n";
}

}  // namespace

absl::StatusOr<PluginChannel> PluginChannel::Open(const Clock& clock, Io& io,
                                                  const ProviderAddress& address) {
  grpc::SslCredentialsOptions tls;
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_root_certs, PemOf(address.server_certificate));
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_cert_chain, io.ReadFile(address.certificate_file, kFileBytes));
  ESPALIER_ASSIGN_OR_RETURN(tls.pem_private_key, io.ReadFile(address.key_file, kFileBytes));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetSslTargetNameOverride("localhost");
  return PluginChannel(clock, grpc::CreateCustomChannel(absl::StrCat("unix:", address.socket),
                                                        grpc::SslCredentials(tls), arguments));
}

PluginChannel::PluginChannel(const Clock& clock, std::shared_ptr<grpc::Channel> channel)
    : clock_(clock), channel_(std::move(channel)), stub_(tfplugin6::Provider::NewStub(channel_)) {}

std::chrono::system_clock::time_point PluginChannel::Deadline() const {
  return absl::ToChronoTime(clock_.Now() + kPatience);
}

grpc::Status PluginChannel::CallWithBytes(const std::string& method,
                                          const std::string& request) const {
  grpc::ClientContext context;
  context.set_deadline(Deadline());
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::CompletionQueue queue;
  grpc::GenericStub generic(channel_);
  const auto call =
      generic.PrepareUnaryCall(&context, "/tfplugin6.Provider/" + method, bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  return status;
}

grpc::Status PluginChannel::Shutdown() const {
  grpc::ClientContext context;
  context.set_deadline(Deadline());
  plugin::Empty answer;
  return plugin::GRPCController::NewStub(channel_)->Shutdown(&context, plugin::Empty(), &answer);
}

}  // namespace espalier
