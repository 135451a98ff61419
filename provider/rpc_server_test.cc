// The server under core's calls: over a socket, with gRPC's own client.
#include "provider/rpc_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/worker_pool.h"
#include "tests/support/temp_dir.h"
#include "tfplugin6/tfplugin6.grpc.pb.h"

namespace espalier::provider {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

class RpcServerTest : public testing::Test {
 protected:
  ~RpcServerTest() override {
    if (server_ != nullptr) server_->Stop(kPatience);
    workers_.Stop();
  }

  void Serve(std::map<std::string, RpcServer::Handler> methods) {
    server_ = std::make_unique<RpcServer>(*clock_, *threads_, std::move(methods));
    grpc::ServerBuilder builder;
    const std::string address = "unix:" + directory_.path() + "/socket";
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    ASSERT_TRUE(server_->Start(builder));
    stub_ = tfplugin6::Provider::NewStub(
        grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }

  void Patient(grpc::ClientContext& context) const {
    context.set_deadline(absl::ToChronoTime(clock_->Now() + kPatience));
  }

  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Threads> threads_ = MakeRealThreads();
  WorkerPool workers_{*clock_, *threads_, "test", 4, 100};
  TempDir directory_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<tfplugin6::Provider::Stub> stub_;
};

// Answers with the name of the type that it was asked for.
void Echo(RpcCall& call) {
  tfplugin6::ReadResource::Request request;
  if (!call.Parse(request)) return;
  tfplugin6::ReadResource::Response response;
  response.set_private_(request.type_name());
  call.Answer(response);
}

TEST_F(RpcServerTest, AnswersManyCallsAtOnceEachWithItsOwn) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  std::atomic<int> right = 0;
  std::vector<std::unique_ptr<Thread>> callers;
  callers.reserve(8);
  for (int caller = 0; caller < 8; ++caller) {
    callers.push_back(threads_->Start("caller", [&, caller] {
      for (int i = 0; i < 200; ++i) {
        grpc::ClientContext context;
        Patient(context);
        tfplugin6::ReadResource::Request request;
        request.set_type_name(std::to_string(caller * 1000 + i));
        tfplugin6::ReadResource::Response response;
        if (stub_->ReadResource(&context, request, &response).ok() &&
            response.private_() == request.type_name()) {
          ++right;
        }
      }
    }));
  }
  for (auto& caller : callers) caller->Join();
  EXPECT_EQ(right, 1600);
}

TEST_F(RpcServerTest, SaysWhatItDoesNotKnow) {
  Serve({});
  grpc::ClientContext context;
  Patient(context);
  tfplugin6::StopProvider::Response response;
  EXPECT_EQ(stub_->StopProvider(&context, {}, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(RpcServerTest, AnotherCallIsAnsweredWhileOneWaits) {
  Wakeup waiting;
  Wakeup go;
  Serve({{"/tfplugin6.Provider/ReadResource", Echo},
         {"/tfplugin6.Provider/StopProvider", [&](RpcCall& call) {
            ASSERT_TRUE(workers_
                            .Post([&] {
                              waiting.Notify();
                              clock_->WaitUntil(go, absl::InfiniteDuration());
                              call.Answer(tfplugin6::StopProvider::Response());
                            })
                            .ok());
          }}});
  grpc::Status slow;
  const auto caller = threads_->Start("caller", [&] {
    grpc::ClientContext context;
    Patient(context);
    tfplugin6::StopProvider::Response response;
    slow = stub_->StopProvider(&context, {}, &response);
  });
  EXPECT_TRUE(clock_->WaitFor(waiting, kPatience));
  grpc::ClientContext context;
  Patient(context);
  tfplugin6::ReadResource::Response response;
  EXPECT_TRUE(stub_->ReadResource(&context, {}, &response).ok());
  go.Notify();
  caller->Join();
  EXPECT_TRUE(slow.ok());
}

TEST_F(RpcServerTest, AStreamEndsForItsWriterWhenNobodyListens) {
  Wakeup ended;
  int written = 0;
  Serve({{"/tfplugin6.Provider/ListResource", [&](RpcCall& call) {
            ASSERT_TRUE(workers_
                            .Post([&] {
                              tfplugin6::ListResource::Event event;
                              while (call.Write(event)) ++written;
                              call.Finish(grpc::Status::OK);
                              ended.Notify();
                            })
                            .ok());
          }}});
  grpc::ClientContext context;
  const auto reader = stub_->ListResource(&context, {});
  tfplugin6::ListResource::Event event;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reader->Read(&event));
  context.TryCancel();
  EXPECT_TRUE(clock_->WaitFor(ended, kPatience));
  EXPECT_GE(written, 3);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(RpcServerTest, EndsWhileACallWaitsThatIsFinishedThen) {
  RpcCall* waiting = nullptr;
  Wakeup there;
  Serve({{"/tfplugin6.Provider/StopProvider", [&](RpcCall& call) {
            waiting = &call;
            there.Notify();
          }}});
  grpc::Status status;
  const auto caller = threads_->Start("caller", [&] {
    grpc::ClientContext context;
    Patient(context);
    tfplugin6::StopProvider::Response response;
    status = stub_->StopProvider(&context, {}, &response);
  });
  EXPECT_TRUE(clock_->WaitFor(there, kPatience));
  const auto stopper = threads_->Start("stopper", [&] { server_->Stop(absl::Milliseconds(1)); });
  // Cancelled for its caller, and still the server's until it is finished.
  caller->Join();
  EXPECT_FALSE(status.ok());
  waiting->Finish(grpc::Status::OK);
  stopper->Join();
}

}  // namespace
}  // namespace espalier::provider
