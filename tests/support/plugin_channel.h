// PluginChannel: the way on which Terraform's core talks to a provider that has started: mutual TLS
// over the socket of its handshake line. For whoever plays core. Thread-safe once made.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier {

// Where a provider listens, and what core shows to it.
struct ProviderAddress {
  // Of the handshake line: the path of the socket, and the certificate, DER in base64.
  std::string socket;
  std::string server_certificate;
  // PEM files.
  std::string certificate_file;
  std::string key_file;
};

class PluginChannel {
 public:
  using Stub = tfplugin6::Provider::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);
  template <typename Request, typename Event>
  using StreamMethod = std::unique_ptr<grpc::ClientReader<Event>> (Stub::*)(grpc::ClientContext*,
                                                                            const Request&);

  // Connects with the first call. INVALID_ARGUMENT if the line's certificate is none; the errors of
  // reading the files. The clock is borrowed.
  static absl::StatusOr<PluginChannel> Open(const Clock& clock, Io& io,
                                            const ProviderAddress& address);

  // One call, which gets a minute.
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, const Request& request,
                    Response& response) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline());
    return (stub_.get()->*method)(&context, request, &response);
  }

  // The same of a call that is answered in parts, with all of them.
  template <typename Request, typename Event>
  grpc::Status Stream(StreamMethod<Request, Event> method, const Request& request,
                      std::vector<Event>& events) const {
    grpc::ClientContext context;
    context.set_deadline(Deadline());
    const auto reader = (stub_.get()->*method)(&context, request);
    Event event;
    while (reader->Read(&event)) events.push_back(event);
    return reader->Finish();
  }

  // One call of the provider's service with these bytes for its request.
  grpc::Status CallWithBytes(const std::string& method, const std::string& request) const;

  // Asks the provider to end, as core does.
  grpc::Status Shutdown() const;

 private:
  PluginChannel(const Clock& clock, std::shared_ptr<grpc::Channel> channel);
  std::chrono::system_clock::time_point Deadline() const;

  const Clock& clock_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
};

// Summaries and details of the errors in a response, a line each.
template <typename Response>
std::string ErrorsOf(const Response& response) {
  std::string text;
  for (const tfplugin6::Diagnostic& diagnostic : response.diagnostics()) {
    if (diagnostic.severity() == tfplugin6::Diagnostic::ERROR) {
      text += diagnostic.summary() + ": " + diagnostic.detail() + "\n";
    }
  }
  return text;
}

}  // namespace espalier
