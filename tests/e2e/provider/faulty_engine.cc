// faulty_engine ENGINE FAULTS --ready-file READY: stands before an engine as a network, a proxy or
// a tired engine would: calls about objects go on to it, unless the file FAULTS says what they are
// answered with. A line there is "METHOD CODE RETRY_AFTER_MS TEXT", where a dry run of either kind
// is the method Preview; of gRPC's codes, DEADLINE_EXCEEDED means that no answer comes at all.
// Tests write it anew whenever they like. Where it listens stands in READY, as with espalierd.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "engine/api/call_metadata.h"
#include "engine/base/clock.h"
#include "espalier/v1/resources_service.grpc.pb.h"

namespace espalier {
namespace {

class FaultyResources final : public v1::ResourcesService::Service {
 public:
  FaultyResources(const std::string& engine, std::string faults)
      : stub_(v1::ResourcesService::NewStub(
            grpc::CreateChannel(engine, grpc::InsecureChannelCredentials()))),
        faults_(std::move(faults)) {}

  grpc::Status Get(grpc::ServerContext* context, const v1::GetRequest* request,
                   v1::Resource* answer) override {
    return Forward("Get", *context,
                   [&](auto& call) { return stub_->Get(&call, *request, answer); });
  }
  grpc::Status List(grpc::ServerContext* context, const v1::Query* request,
                    v1::ListPage* answer) override {
    return Forward("List", *context,
                   [&](auto& call) { return stub_->List(&call, *request, answer); });
  }
  grpc::Status Apply(grpc::ServerContext* context, const v1::ApplyRequest* request,
                     v1::ApplyResult* answer) override {
    return Forward(request->dry_run() ? "Preview" : "Apply", *context,
                   [&](auto& call) { return stub_->Apply(&call, *request, answer); });
  }
  grpc::Status Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                      v1::ApplyResult* answer) override {
    return Forward(request->dry_run() ? "Preview" : "Delete", *context,
                   [&](auto& call) { return stub_->Delete(&call, *request, answer); });
  }
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchBatch>* answer) override {
    return Forward("Watch", *context, [&](auto& call) {
      const auto batches = stub_->Watch(&call, *request);
      v1::WatchBatch batch;
      while (batches->Read(&batch) && answer->Write(batch)) {
      }
      call.TryCancel();
      return batches->Finish();
    });
  }

 private:
  struct Fault {
    grpc::Status status;
    std::string retry_after_ms;
  };

  std::optional<Fault> FaultOf(const std::string& method) const {
    std::ifstream file(faults_);
    std::string line;
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string name, retry_after_ms, text;
      int code = 0;
      words >> name >> code >> retry_after_ms;
      std::getline(words >> std::ws, text);
      if (name == method) {
        return Fault{grpc::Status(static_cast<grpc::StatusCode>(code), text), retry_after_ms};
      }
    }
    return std::nullopt;
  }

  grpc::Status Forward(const std::string& method, grpc::ServerContext& context,
                       absl::FunctionRef<grpc::Status(grpc::ClientContext&)> call) const {
    if (const std::optional<Fault> fault = FaultOf(method)) {
      if (fault->status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) Hang(context);
      if (fault->retry_after_ms != "0") {
        context.AddTrailingMetadata(kRetryAfterMetadata, fault->retry_after_ms);
      }
      return fault->status;
    }
    // Ends with the call that it is for.
    const auto forwarded = grpc::ClientContext::FromServerContext(context);
    for (const auto& [key, value] : context.client_metadata()) {
      const absl::string_view name(key.data(), key.size());
      if (name == "authorization" || absl::StartsWith(name, "espalier-")) {
        forwarded->AddMetadata(std::string(name), std::string(value.data(), value.size()));
      }
    }
    return call(*forwarded);
  }

  // Until the caller has given up.
  void Hang(const grpc::ServerContext& context) const {
    const std::unique_ptr<Clock> clock = MakeRealClock();
    Wakeup nobody;
    while (!context.IsCancelled()) clock->WaitFor(nobody, absl::Milliseconds(10));
  }

  const std::unique_ptr<v1::ResourcesService::Stub> stub_;
  const std::string faults_;
};

int Serve(const std::string& engine, const std::string& faults, const std::string& ready) {
  FaultyResources resources(engine, faults);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&resources);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  // All at once: who waits for the file reads it as soon as it is there.
  const std::string part = ready + ".part";
  std::ofstream(part) << "{\"grpc\": \"127.0.0.1:" << port << "\"}\n";
  if (std::rename(part.c_str(), ready.c_str()) != 0) return 1;
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc != 5 || absl::string_view(argv[3]) != "--ready-file") {
    std::fprintf(stderr, "usage: faulty_engine ENGINE FAULTS --ready-file READY\n");
    return 2;
  }
  return espalier::Serve(argv[1], argv[2], argv[4]);
}
