// The server under core's calls: over a socket, with gRPC's own client.
#include "provider/rpc_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

// More than one window of flow control, in both directions.
constexpr std::size_t kLargeBytes = 20 << 20;

class RpcServerTest : public testing::Test {
 protected:
  RpcServerTest() { ::signal(SIGPIPE, SIG_IGN); }
  ~RpcServerTest() override {
    if (server_ != nullptr) server_->Stop(kPatience);
    workers_.Stop();
  }

  void Serve(std::map<std::string, RpcServer::Handler> methods,
             std::unique_ptr<TlsServer> tls = nullptr) {
    server_ = std::make_unique<RpcServer>(*clock_, *threads_, std::move(methods),
                                          RpcLimits{.message_bytes = 2 * kLargeBytes});
    absl::StatusOr<Descriptor> listener = ListenAt(directory_.path() + "/socket");
    ASSERT_TRUE(listener.ok());
    ASSERT_TRUE(server_->Start(*std::move(listener), std::move(tls)).ok());
    Connect(grpc::InsecureChannelCredentials());
  }

  void Connect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    stub_ = NewConnection(credentials);
  }

  std::unique_ptr<tfplugin6::Provider::Stub> NewConnection(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, "localhost");
    return tfplugin6::Provider::NewStub(
        grpc::CreateCustomChannel("unix:" + directory_.path() + "/socket", credentials, arguments));
  }

  // What a read of that type is answered.
  grpc::Status Read(const std::string& type_name, tfplugin6::ReadResource::Response& response) {
    return Read(*stub_, type_name, response);
  }
  grpc::Status Read(tfplugin6::Provider::Stub& stub, const std::string& type_name,
                    tfplugin6::ReadResource::Response& response) const {
    grpc::ClientContext context;
    Patient(context);
    tfplugin6::ReadResource::Request request;
    request.set_type_name(type_name);
    return stub.ReadResource(&context, request, &response);
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

// A connection that speaks for itself.
Descriptor ConnectTo(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  const bool connected =
      ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  return connected ? std::move(socket) : Descriptor();
}

template <typename Print>
std::string Pem(Print print) {
  const OpenSslPtr<BIO, BIO_free_all> pem(BIO_new(BIO_s_mem()));
  EXPECT_EQ(print(pem.get()), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string CertificatePem(const ServerIdentity& identity) {
  return Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, identity.certificate.get()); });
}

std::string KeyPem(const ServerIdentity& identity) {
  return Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

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
        const std::string name = std::to_string(caller * 1000 + i);
        tfplugin6::ReadResource::Response response;
        if (Read(name, response).ok() && response.private_() == name) ++right;
      }
    }));
  }
  for (auto& caller : callers) caller->Join();
  EXPECT_EQ(right, 1600);
}

TEST_F(RpcServerTest, AnswersTogetherOverSeveralConnectionsAndWithoutWhoHasGone) {
  Mutex mu;
  std::vector<std::pair<RpcCall*, tfplugin6::ReadResource::Response>> waiting;
  Wakeup all_wait;
  Serve({{"/tfplugin6.Provider/ReadResource", [&](RpcCall& call) {
            tfplugin6::ReadResource::Request request;
            if (!call.Parse(request)) return;
            MutexLock lock(mu);
            waiting.emplace_back(&call, tfplugin6::ReadResource::Response())
                .second.set_private_(request.type_name());
            if (waiting.size() == 7) all_wait.Notify();
          }}});
  const auto other = NewConnection(grpc::InsecureChannelCredentials());
  std::atomic<int> right = 0;
  std::vector<std::unique_ptr<Thread>> callers;
  callers.reserve(6);
  for (int caller = 0; caller < 6; ++caller) {
    callers.push_back(threads_->Start("caller", [&, caller] {
      const std::string name = std::to_string(caller);
      tfplugin6::ReadResource::Response response;
      if (Read(caller % 2 == 0 ? *stub_ : *other, name, response).ok() &&
          response.private_() == name) {
        ++right;
      }
    }));
  }
  grpc::ClientContext context;
  Patient(context);
  const std::unique_ptr<Thread> hasty = threads_->Start("hasty", [&] {
    tfplugin6::ReadResource::Response response;
    EXPECT_EQ(other->ReadResource(&context, {}, &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  ASSERT_TRUE(clock_->WaitFor(all_wait, kPatience));
  context.TryCancel();
  hasty->Join();
  RpcAnswers answers;
  for (const auto& [call, answer] : waiting) answers.Add(*call, answer);
  answers.Send();
  for (auto& caller : callers) caller->Join();
  EXPECT_EQ(right, 6);
}

TEST_F(RpcServerTest, SaysWhatItDoesNotKnow) {
  Serve({});
  grpc::ClientContext context;
  Patient(context);
  tfplugin6::StopProvider::Response response;
  EXPECT_EQ(stub_->StopProvider(&context, {}, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(RpcServerTest, CarriesWhatIsLargerThanAnyWindow) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  const std::string large(kLargeBytes, 'x');
  tfplugin6::ReadResource::Response response;
  EXPECT_TRUE(Read(large, response).ok());
  EXPECT_EQ(response.private_(), large);
}

TEST_F(RpcServerTest, RefusesWhatIsLargerThanItMayBe) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  tfplugin6::ReadResource::Response response;
  EXPECT_EQ(Read(std::string(3 * kLargeBytes, 'x'), response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  // The connection goes on.
  EXPECT_TRUE(Read("small", response).ok());
}

TEST_F(RpcServerTest, RefusesWhatIsCompressed) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  grpc::ClientContext context;
  Patient(context);
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  tfplugin6::ReadResource::Request request;
  request.set_type_name(std::string(1000, 'x'));
  tfplugin6::ReadResource::Response response;
  EXPECT_EQ(stub_->ReadResource(&context, request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(RpcServerTest, StatusesArriveAsTheyAre) {
  const std::string text = "100 % of \"größe\"\n is gone";
  Serve({{"/tfplugin6.Provider/ReadResource",
          [&](RpcCall& call) { call.Finish(absl::AbortedError(text)); }}});
  tfplugin6::ReadResource::Response response;
  const grpc::Status status = Read("x", response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), text);
}

TEST_F(RpcServerTest, OutlivesWhoSpeaksAnotherLanguage) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100000, '\xff'),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(1000, '\x7f')}) {
    const Descriptor socket = ConnectTo(directory_.path() + "/socket");
    ASSERT_GE(socket.fd(), 0);
    // It may be hung up on while it still speaks.
    [[maybe_unused]] const ssize_t written = ::write(socket.fd(), bytes.data(), bytes.size());
    char answer[1000];
    while (::read(socket.fd(), answer, sizeof(answer)) > 0) {
    }
  }
  tfplugin6::ReadResource::Response response;
  EXPECT_TRUE(Read("x", response).ok());
}

TEST_F(RpcServerTest, LetsInOnlyWhoHoldsTheKeyThatItKnows) {
  absl::StatusOr<ServerIdentity> server = MakeServerIdentity();
  absl::StatusOr<ServerIdentity> core = MakeServerIdentity();
  absl::StatusOr<ServerIdentity> stranger = MakeServerIdentity();
  ASSERT_TRUE(server.ok() && core.ok() && stranger.ok());
  absl::StatusOr<std::unique_ptr<TlsServer>> tls = TlsServer::Make(*server, CertificatePem(*core));
  ASSERT_TRUE(tls.ok());
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}}, *std::move(tls));
  tfplugin6::ReadResource::Response response;
  // In the clear.
  EXPECT_FALSE(Read("x", response).ok());
  Connect(grpc::SslCredentials({CertificatePem(*server), "", ""}));
  EXPECT_FALSE(Read("x", response).ok());
  Connect(grpc::SslCredentials(
      {CertificatePem(*server), KeyPem(*stranger), CertificatePem(*stranger)}));
  EXPECT_FALSE(Read("x", response).ok());
  Connect(grpc::SslCredentials({CertificatePem(*server), KeyPem(*core), CertificatePem(*core)}));
  EXPECT_TRUE(Read("x", response).ok());
  const std::string large(kLargeBytes, 'x');
  EXPECT_TRUE(Read(large, response).ok());
  EXPECT_EQ(response.private_(), large);
}

TEST_F(RpcServerTest, AClientThatIsNoCertificateIsAnError) {
  absl::StatusOr<ServerIdentity> server = MakeServerIdentity();
  ASSERT_TRUE(server.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(TlsServer::Make(*server, "nonsense").status()));
}

TEST_F(RpcServerTest, ACallOutlivesItsConnection) {
  RpcCall* waiting = nullptr;
  Wakeup there;
  Serve({{"/tfplugin6.Provider/ReadResource", Echo},
         {"/tfplugin6.Provider/StopProvider", [&](RpcCall& call) {
            waiting = &call;
            there.Notify();
          }}});
  grpc::ClientContext context;
  const auto caller = threads_->Start("caller", [&] {
    tfplugin6::StopProvider::Response response;
    EXPECT_FALSE(stub_->StopProvider(&context, {}, &response).ok());
  });
  EXPECT_TRUE(clock_->WaitFor(there, kPatience));
  context.TryCancel();
  caller->Join();
  stub_.reset();
  Connect(grpc::InsecureChannelCredentials());
  tfplugin6::ReadResource::Response response;
  EXPECT_TRUE(Read("x", response).ok());
  waiting->Answer(tfplugin6::StopProvider::Response());
  EXPECT_TRUE(Read("x", response).ok());
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
                              call.Finish(absl::OkStatus());
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

TEST_F(RpcServerTest, AStreamThatIsLargerThanAnyWindowLosesNothing) {
  constexpr int kEvents = 200;
  Serve({{"/tfplugin6.Provider/ListResource", [&](RpcCall& call) {
            ASSERT_TRUE(workers_
                            .Post([&] {
                              for (int i = 0; i < kEvents; ++i) {
                                tfplugin6::ListResource::Event event;
                                event.set_display_name(std::to_string(i) +
                                                       std::string(200000 + i, 'x'));
                                if (!call.Write(event)) break;
                              }
                              call.Finish(absl::OkStatus());
                            })
                            .ok());
          }}});
  grpc::ClientContext context;
  Patient(context);
  const auto reader = stub_->ListResource(&context, {});
  tfplugin6::ListResource::Event event;
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(reader->Read(&event)) << i;
    ASSERT_EQ(event.display_name(), std::to_string(i) + std::string(200000 + i, 'x')) << i;
  }
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_TRUE(reader->Finish().ok());
}

// go-plugin's broker: a stream that core opens and says nothing on.
TEST_F(RpcServerTest, EndsAtOnceWhileARequestIsNotComplete) {
  Serve({{"/tfplugin6.Provider/ReadResource", Echo}});
  grpc::ClientContext context;
  Patient(context);
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel(
      "unix:" + directory_.path() + "/socket", grpc::InsecureChannelCredentials());
  grpc::GenericStub generic(channel);
  grpc::CompletionQueue queue;
  const auto stream = generic.PrepareCall(&context, "/plugin.GRPCBroker/StartStream", &queue);
  stream->StartCall(nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  tfplugin6::ReadResource::Response response;
  EXPECT_TRUE(Read("x", response).ok());
  const absl::Duration began = clock_->Elapsed();
  server_->Stop(kPatience);
  EXPECT_LT(clock_->Elapsed() - began, kPatience / 2);
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(queue.Next(&tag, &ok));
  queue.Shutdown();
  EXPECT_FALSE(queue.Next(&tag, &ok));
  server_.reset();
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
  waiting->Finish(absl::OkStatus());
  stopper->Join();
}

}  // namespace
}  // namespace espalier::provider
