// provider_probe ADDRESS SERVER_CERTIFICATE CERTIFICATE KEY: connects to a provider that has
// written its handshake line, as Terraform's core does, asks it for its schema and prints how many
// milliseconds that took. SERVER_CERTIFICATE is the field of the line; the others are files.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier {
namespace {

constexpr std::size_t kFileBytes = 65536;
constexpr std::size_t kPemLine = 64;

// The line's certificate is DER in base64 without padding.
std::string PemOf(std::string base64) {
  std::string der;
  base64.append((4 - base64.size() % 4) % 4, '=');
  if (!absl::Base64Unescape(base64, &der)) return "";
  const std::string padded = absl::Base64Escape(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < padded.size(); at += kPemLine) {
    absl::StrAppend(&pem, padded.substr(at, kPemLine), "\n");
  }
  return pem + "-----END CERTIFICATE-----\n";
}

int Probe(const std::string& address, const std::string& server_certificate,
          const std::string& certificate_file, const std::string& key_file) {
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const auto certificate = io->ReadFile(certificate_file, kFileBytes);
  const auto key = io->ReadFile(key_file, kFileBytes);
  if (!certificate.ok() || !key.ok()) {
    std::cerr << certificate.status() << " " << key.status() << "\n";
    return 1;
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = PemOf(server_certificate);
  tls.pem_cert_chain = *certificate;
  tls.pem_private_key = *key;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetSslTargetNameOverride("localhost");

  const absl::Duration start = clock->Elapsed();
  const auto channel = grpc::CreateCustomChannel(absl::StrCat("unix:", address),
                                                 grpc::SslCredentials(tls), arguments);
  const auto stub = tfplugin6::Provider::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(clock->Now() + absl::Seconds(10)));
  tfplugin6::GetProviderSchema::Response schema;
  const grpc::Status status = stub->GetProviderSchema(&context, {}, &schema);
  const absl::Duration took = clock->Elapsed() - start;
  if (!status.ok() || schema.resource_schemas().empty()) {
    std::cerr << "no schema: " << status.error_message() << "\n";
    return 1;
  }
  std::printf("%.3f\n", absl::ToDoubleMilliseconds(took));
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: provider_probe ADDRESS SERVER_CERTIFICATE CERTIFICATE KEY\n";
    return 2;
  }
  return espalier::Probe(argv[1], argv[2], argv[3], argv[4]);
}
