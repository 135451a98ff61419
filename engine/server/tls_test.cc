// TLS at both doors: who is let in, who is not, and which files are refused.
#include <httplib.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/listen/http_server.h"
#include "engine/listen/listen.h"
#include "engine/net/http.h"
#include "engine/server/testing/test_certificates.h"
#include "engine/server/testing/test_engine.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    const auto io = MakeRealIo();
    ours_ = new TestCertificates(MakeTestCertificates(*io, dir_->path()));
    ASSERT_TRUE(io->MakeDirs(dir_->path() + "/foreign", 0700).ok());
    foreign_ = new TestCertificates(MakeTestCertificates(*io, dir_->path() + "/foreign"));
  }
  static void TearDownTestSuite() {
    delete ours_;
    delete foreign_;
    delete dir_;
  }

  static TlsFiles Files(bool with_client_ca) {
    const auto io = MakeRealIo();
    auto files = LoadTls(*io, ours_->server_cert, ours_->server_key,
                         with_client_ca ? ours_->ca : std::string());
    EXPECT_TRUE(files.ok()) << files.status();
    return files.value_or(TlsFiles());
  }

  static absl::Status Call(TestEngine& engine, const RemoteOptions& options) {
    const auto remote = engine.Connect(engine.NewToken(v1::TokenInfo::VIEWER), options);
    CallContext context;
    context.timeout = absl::Seconds(10);
    return remote->resources().List(context, Query()).status();
  }

  static TempDir* dir_;
  static TestCertificates* ours_;
  static TestCertificates* foreign_;
};

TempDir* TlsTest::dir_ = nullptr;
TestCertificates* TlsTest::ours_ = nullptr;
TestCertificates* TlsTest::foreign_ = nullptr;

TEST_F(TlsTest, GrpcServesThoseWhoTrustTheAuthority) {
  TestEngine engine(Files(false), "0.0.0.0:0");
  RemoteOptions options;
  options.engine = "127.0.0.1" + engine.address().substr(engine.address().rfind(':'));
  options.ca_file = ours_->ca;
  EXPECT_TRUE(Call(engine, options).ok()) << Call(engine, options);
  options.ca_file = foreign_->ca;
  EXPECT_TRUE(absl::IsUnavailable(Call(engine, options))) << "not the engine's authority";
  options.ca_file = "";
  EXPECT_TRUE(absl::IsUnavailable(Call(engine, options))) << "no TLS at all";
}

TEST_F(TlsTest, GrpcAsksForACertificateOfTheClientCa) {
  TestEngine engine(Files(true));
  RemoteOptions options;
  options.ca_file = ours_->ca;
  EXPECT_TRUE(absl::IsUnavailable(Call(engine, options))) << "no client certificate";
  options.cert_file = foreign_->client_cert;
  options.key_file = foreign_->client_key;
  EXPECT_TRUE(absl::IsUnavailable(Call(engine, options))) << "of another authority";
  options.cert_file = ours_->client_cert;
  options.key_file = ours_->client_key;
  EXPECT_TRUE(Call(engine, options).ok()) << Call(engine, options);
}

TEST_F(TlsTest, ACertificateDoesNotStandInForAToken) {
  TestEngine engine(Files(true));
  RemoteOptions options;
  options.ca_file = ours_->ca;
  options.cert_file = ours_->client_cert;
  options.key_file = ours_->client_key;
  const auto remote = engine.Connect("", options);
  CallContext context;
  context.timeout = absl::Seconds(10);
  EXPECT_TRUE(absl::IsUnauthenticated(remote->resources().List(context, Query()).status()));
}

TEST_F(TlsTest, HttpServesOverTlsAndAsksForClientCertificates) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  for (const bool with_client_ca : {false, true}) {
    auto server = HttpServer::Start(
        *clock, *threads,
        {.admit = [](const HttpCall&) { return HttpAnswer{.status = 0}; },
         .answer = [](const HttpCall& call) { return HttpAnswer{.body = call.method}; }},
        {.address = "127.0.0.1:0", .tls = Files(with_client_ca)});
    ASSERT_TRUE(server.ok()) << server.status();
    const int port = ParseAddress((*server)->address())->port;
    {
      httplib::SSLClient plain("127.0.0.1", port);
      plain.set_ca_cert_path(ours_->ca.c_str());
      const auto answer = plain.Get("/x");
      EXPECT_EQ(static_cast<bool>(answer), !with_client_ca);
      httplib::SSLClient known("127.0.0.1", port, ours_->client_cert, ours_->client_key);
      known.set_ca_cert_path(ours_->ca.c_str());
      const auto other = known.Get("/x");
      ASSERT_TRUE(other);
      EXPECT_EQ(other->body, "GET");
      httplib::SSLClient wary("127.0.0.1", port, ours_->client_cert, ours_->client_key);
      wary.set_ca_cert_path(foreign_->ca.c_str());
      EXPECT_FALSE(wary.Get("/x"));
      httplib::Client bare("127.0.0.1", port);
      EXPECT_FALSE(bare.Get("/x"));
    }
    (*server)->Stop();
  }
}

// The client's side of the same: authorities and certificates that a request brings as text.
TEST_F(TlsTest, ARequestBringsItsAuthoritiesAndItsCertificate) {
  const auto clock = MakeRealClock();
  const auto threads = MakeRealThreads();
  const auto io = MakeRealIo();
  const auto http = MakeHttp();
  const auto read = [&](const std::string& file) { return io->ReadFile(file, 65536).value(); };
  auto server = HttpServer::Start(
      *clock, *threads,
      {.admit = [](const HttpCall&) { return HttpAnswer{.status = 0}; },
       .answer = [](const HttpCall& call) { return HttpAnswer{.body = call.method}; }},
      {.address = "127.0.0.1:0", .tls = Files(true)});
  ASSERT_TRUE(server.ok()) << server.status();
  const HttpRoute good{.ca_certificates = read(ours_->ca),
                       .client_certificate = read(ours_->client_cert),
                       .client_key = read(ours_->client_key)};
  const auto fetch = [&](const HttpRoute& route) {
    HttpRequest request{.url = absl::StrCat("https://", (*server)->address(), "/x")};
    request.route = route;
    return http->Fetch(std::move(request));
  };
  const auto answer = fetch(good);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->body, "GET");
  // Each of them on the connections that the good one has left behind.
  HttpRoute other_authority = good;
  other_authority.ca_certificates = read(foreign_->ca);
  HttpRoute no_certificate{.ca_certificates = good.ca_certificates};
  HttpRoute other_certificate = good;
  other_certificate.client_certificate = read(foreign_->client_cert);
  other_certificate.client_key = read(foreign_->client_key);
  for (const HttpRoute& route : {HttpRoute(), other_authority, no_certificate, other_certificate}) {
    EXPECT_FALSE(fetch(route).ok());
  }
  EXPECT_TRUE(fetch(good).ok());
  (*server)->Stop();
}

TEST_F(TlsTest, FilesThatCannotWorkAreRefusedAtStart) {
  const auto io = MakeRealIo();
  EXPECT_TRUE(absl::IsInvalidArgument(LoadTls(*io, ours_->server_cert, "", "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadTls(*io, "", ours_->server_key, "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LoadTls(*io, "", "", ours_->ca).status()));
  EXPECT_TRUE(absl::IsNotFound(LoadTls(*io, "/nowhere", "/nowhere", "").status()));
  TestEngine engine;
  const TlsFiles mixed = LoadTls(*io, ours_->server_cert, foreign_->server_key, "").value();
  EXPECT_FALSE(GrpcServer::Start(engine.served(), "127.0.0.1:0", mixed).ok());
  EXPECT_FALSE(HttpServer::Start(engine.clock(), engine.threads(), {},
                                 {.address = "127.0.0.1:0", .tls = mixed})
                   .ok());
}

}  // namespace
}  // namespace espalier
