// What may stand between us and a repository, or be one: the items of the attack list that the
// fetching child withstands, each by its number. Everything runs in a real child.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/git/mirror.h"
#include "reconciler/git/tree.h"
#include "reconciler/testing/git_http.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/loopback_server.h"
#include "tests/support/proxy_server.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_http_server.h"
#include "tests/support/tls_authority.h"

namespace espalier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::Duration kShort = absl::Milliseconds(1500);

class FetchAttackTest : public testing::Test {
 protected:
  FetchRequest RequestTo(const std::string& site) const {
    return {.url = absl::StrCat(site, "/r.git"),
            .ref = "refs/heads/main",
            .mirror = absl::StrCat(dir_.path(), "/m"),
            .route = {.ca_certificates = authority_.certificate()},
            .max_bytes = 1 << 30};
  }
  absl::StatusOr<FetchAnswer> Fetch(const FetchRequest& request,
                                    absl::Duration deadline = absl::Seconds(60)) {
    return FetchInChild(
        *io_, {.command = {ESPALIER_RECONCILER, "fetch-child"}, .deadline = deadline})(request);
  }
  TestHttpServer::Handler Git() {
    return [this](const ServerRequest& request) {
      return ServeGit(*io_, repository_.path(), request);
    };
  }
  ServerTls Tls() const { return {.identity = authority_.Issue()}; }
  std::string Commit(const std::string& text) { return repository_.CommitText({{"a.yaml", text}}); }
  bool Has(const std::string& mirror, const std::string& commit) {
    absl::StatusOr<std::shared_ptr<const OpenRepository>> repository =
        OpenRepository::Open(library_, mirror);
    return repository.ok() && GitTree::Open(*std::move(repository), commit).ok();
  }
  int Posts(const TestHttpServer& server) {
    int posts = 0;
    for (const ServerRequest& request : server.requests()) posts += request.method == "POST";
    return posts;
  }

  GitLibrary library_;
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const TlsAuthority authority_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
};

TEST_F(FetchAttackTest, FetchesOverTlsAndDownloadsNothingTwice) {
  const std::string other = repository_.CommitText({{"b.yaml", "1"}}, "other");
  repository_.SetRef("refs/pull/7/head", other);
  const std::string first = Commit("1");
  TestHttpServer server(*threads_, Git(), Tls());
  FetchRequest request = RequestTo(server.url());
  request.pull_heads_prefix = "refs/pull/";
  absl::StatusOr<FetchAnswer> answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, first);
  EXPECT_EQ(answer->pull_heads.at(7), other);
  const int posts = Posts(server);
  EXPECT_GT(posts, 0);
  // The heads of pull requests are named, not fetched.
  EXPECT_TRUE(Has(request.mirror, first));
  EXPECT_FALSE(Has(request.mirror, other));

  EXPECT_EQ(Fetch(request)->commit, first);
  EXPECT_EQ(Posts(server), posts) << "there was nothing new to ask for";

  const std::string second = Commit("2");
  EXPECT_EQ(Fetch(request)->commit, second);
  EXPECT_GT(Posts(server), posts);
}

TEST_F(FetchAttackTest, A1EndsAtItsDeadlineWhereverTheServerHangs) {
  const std::string commit = Commit("1");
  const auto hang = [](int fd, int stop) {
    // Reads on, so that only silence is left.
    char bytes[4096];
    while (WaitReadable(fd, stop) && recv(fd, bytes, sizeof(bytes), 0) > 0) {
    }
  };
  const auto drip = [](int fd, int stop) {
    SendAll(fd, "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n");
    while (!WaitReadable(stop, stop, 100) && SendAll(fd, "X")) {
    }
  };
  const auto stall = [&](absl::string_view method) {
    return [this, method = std::string(method)](const ServerRequest& request) {
      ServerAnswer answer = ServeGit(*io_, repository_.path(), request);
      if (request.method == method) answer.stall_after = answer.body.size() / 2;
      return answer;
    };
  };
  const auto expect_timeout = [&](const char* where, const std::string& site) {
    const absl::Status status = Fetch(RequestTo(site), kShort).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << where << ": " << status;
  };
  LoopbackServer silent(*threads_, hang);
  expect_timeout("after accept", absl::StrCat("http://", silent.address()));
  expect_timeout("before TLS", absl::StrCat("https://", silent.address()));
  LoopbackServer dripping(*threads_, drip);
  expect_timeout("a byte at a time", absl::StrCat("http://", dripping.address()));
  TestHttpServer after_tls(
      *threads_, [](const ServerRequest&) { return ServerAnswer{.body = "x", .stall_after = 0}; },
      Tls());
  expect_timeout("after TLS", after_tls.url());
  TestHttpServer in_refs(*threads_, stall("GET"));
  expect_timeout("in the refs", in_refs.url());
  TestHttpServer in_pack(*threads_, stall("POST"));
  expect_timeout("in the pack", in_pack.url());
  // And nothing of it is in the way of the next one.
  TestHttpServer good(*threads_, Git());
  EXPECT_EQ(Fetch(RequestTo(good.url()))->commit, commit);
}

TEST_F(FetchAttackTest, A3RefusesServersThatDoNotProveWhoTheyAre) {
  Commit("1");
  const TlsAuthority other;
  struct Row {
    const char* name;
    TlsIdentity identity;
  };
  const Row rows[] = {{"expired", authority_.Issue({.expired = true})},
                      {"wrong name", authority_.Issue({.names = "DNS:forge.example"})},
                      {"wrong address", authority_.Issue({.names = "IP:127.0.0.2,DNS:127.0.0.1"})},
                      {"self-signed", TlsAuthority::SelfSigned()},
                      {"authority of another repository", other.Issue()}};
  for (const Row& row : rows) {
    TestHttpServer server(*threads_, Git(), ServerTls{.identity = row.identity});
    FetchRequest request = RequestTo(server.url());
    request.username = "ana";
    request.password = "t0ken";
    const absl::Status status = Fetch(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << row.name << ": " << status;
    EXPECT_THAT(server.requests(), IsEmpty()) << row.name;
  }
  // Without authorities of its own the machine's count, which know none of these.
  TestHttpServer server(*threads_, Git(), Tls());
  FetchRequest request = RequestTo(server.url());
  EXPECT_TRUE(Fetch(request).ok());
  request.route.ca_certificates.clear();
  EXPECT_EQ(Fetch(request).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FetchAttackTest, ShowsItsCertificateWhereOneIsAskedFor) {
  const std::string commit = Commit("1");
  const TlsAuthority clients;
  ServerTls tls = Tls();
  tls.client_authority = clients.certificate();
  TestHttpServer server(*threads_, Git(), tls);
  FetchRequest request = RequestTo(server.url());
  EXPECT_FALSE(Fetch(request).ok());
  const TlsIdentity identity = clients.Issue();
  request.route.client_certificate = identity.certificate;
  request.route.client_key = identity.key;
  const absl::StatusOr<FetchAnswer> answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, commit);
}

TEST_F(FetchAttackTest, A4TokenNeverLeavesForAnotherHost) {
  TestHttpServer other(*threads_, [](const ServerRequest&) {
    return ServerAnswer{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"git\""}}};
  });
  for (const std::string method : {"GET", "POST"}) {
    TestHttpServer server(*threads_, [&](const ServerRequest& request) {
      if (request.method != method) return AdvertiseGit(std::string(40, 'a'));
      return ServerAnswer{.status = 302,
                          .headers = {{"Location", absl::StrCat("http://t0ken@", other.address(),
                                                                "/r.git?t0ken")}}};
    });
    FetchRequest request = RequestTo(server.url());
    request.username = "ana";
    request.password = "t0ken";
    const absl::Status status = Fetch(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << method << ": " << status;
    EXPECT_THAT(status.ToString(), HasSubstr("is redirected to"));
    EXPECT_THAT(status.ToString(), Not(HasSubstr("t0ken")));
    // It went where it belongs.
    EXPECT_EQ(server.requests().front().Header("Authorization"),
              absl::StrCat("Basic ", absl::Base64Escape("ana:t0ken")));
  }
  EXPECT_EQ(other.connections(), 0);
}

// Packs.

std::string BigEndian(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string Deflated(absl::string_view bytes) {
  std::string out(compressBound(bytes.size()), '\0');
  uLongf size = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size,
                     reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()),
            Z_OK);
  out.resize(size);
  return out;
}

// Type and size of an object, as packs have them.
std::string ObjectHeader(int type, std::uint64_t size) {
  std::string bytes;
  auto byte = static_cast<unsigned char>(type << 4 | (size & 15));
  size >>= 4;
  while (size > 0) {
    bytes.push_back(static_cast<char>(byte | 0x80));
    byte = size & 0x7F;
    size >>= 7;
  }
  bytes.push_back(static_cast<char>(byte));
  return bytes;
}

std::string Varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

constexpr int kBlob = 3;
constexpr int kOffsetDelta = 6;
constexpr int kReferenceDelta = 7;

std::string PackHeader(std::uint32_t objects) {
  return absl::StrCat("PACK", BigEndian(2), BigEndian(objects));
}

// A blob, and a delta on it that claims to become 2 GiB.
std::string DeltaBomb() {
  const std::string base(1000, 'x');
  const std::string blob = ObjectHeader(kBlob, base.size()) + Deflated(base);
  std::string delta = Varint(base.size()) + Varint(std::uint64_t{2} << 30);
  // "Copy 1000 bytes from the start", again and again.
  for (int i = 0; i < 1000; ++i) delta += std::string("\xB0\xE8\x03", 3);
  std::string offset = {static_cast<char>(0x80 | ((blob.size() >> 7) - 1)),
                        static_cast<char>(blob.size() & 0x7F)};
  if (blob.size() < 0x80) offset = std::string(1, static_cast<char>(blob.size()));
  return absl::StrCat(PackHeader(2), blob, ObjectHeader(kOffsetDelta, delta.size()), offset,
                      Deflated(delta), std::string(20, '\0'));
}

// A delta whose base nobody has.
std::string MissingBase() {
  const std::string delta = Varint(1) + Varint(1) + std::string("\x90\x01", 2);
  const std::string object =
      ObjectHeader(kReferenceDelta, delta.size()) + std::string(20, '\x11') + Deflated(delta);
  return absl::StrCat(PackHeader(2), object, object, std::string(20, '\0'));
}

// How far before a delta its base begins, as packs have it. What lies behind it takes a number that
// has run over.
std::string Offset(std::uint64_t distance) {
  std::string bytes(1, static_cast<char>(distance & 0x7F));
  while (distance >>= 7) bytes.insert(0, 1, static_cast<char>(0x80 | (--distance & 0x7F)));
  return bytes;
}

std::string DeltaFrom(std::uint64_t distance) {
  const std::string delta = Varint(1) + Varint(1) + std::string("\x90\x01", 2);
  return absl::StrCat(ObjectHeader(kOffsetDelta, delta.size()), Offset(distance), Deflated(delta));
}

std::string DeltaOnItself() {
  return absl::StrCat(PackHeader(1), DeltaFrom(0), std::string(20, '\0'));
}

// The first on the second, which is on the first.
std::string DeltasInACircle() {
  const std::uint64_t size = DeltaFrom(-1).size();
  const std::string pack = absl::StrCat(PackHeader(2), DeltaFrom(-size), DeltaFrom(size));
  // With the right sum, so that nothing but the circle is wrong.
  unsigned char sum[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(pack.data()), pack.size(), sum);
  return absl::StrCat(pack, std::string(reinterpret_cast<const char*>(sum), sizeof(sum)));
}

TEST_F(FetchAttackTest, A6RefusesPacksThatLieAndKeepsTheMirror) {
  const std::string good = Commit("1");
  const std::string wanted(40, 'a');
  const std::string blob = ObjectHeader(kBlob, 5) + Deflated("hello");
  const std::string whole = absl::StrCat(PackHeader(1), blob);
  struct Row {
    const char* name;
    std::string pack;
  };
  const Row rows[] = {
      {"4294967295 objects", absl::StrCat(PackHeader(0xFFFFFFFF), blob, std::string(20, '\0'))},
      {"delta bomb", DeltaBomb()},
      {"delta without base", MissingBase()},
      {"delta on itself", DeltaOnItself()},
      {"deltas in a circle", DeltasInACircle()},
      {"truncated", whole.substr(0, whole.size() - 3)},
      {"wrong trailer", absl::StrCat(whole, std::string(20, '\x01'))},
      {"larger than it says", absl::StrCat(PackHeader(1), ObjectHeader(kBlob, 2), Deflated("hello"),
                                           std::string(20, '\0'))},
      {"blob of a terabyte", absl::StrCat(PackHeader(1), ObjectHeader(kBlob, 1ULL << 40),
                                          Deflated("hello"), std::string(20, '\0'))},
      {"no pack", "ERR nothing for you"},
      {"nothing", ""},
  };
  TestHttpServer honest(*threads_, Git());
  // One repository that turns bad: the mirror keys on the URL.
  std::string site = honest.url();
  Mirror mirror(
      library_, *io_,
      [&](FetchRequest request) {
        request.url = absl::StrCat(site, "/r.git");
        return Fetch(request);
      },
      absl::StrCat(dir_.path(), "/cache"));
  const FetchRequest request = {.url = "http://127.0.0.1/r.git", .ref = "refs/heads/main"};
  ASSERT_TRUE(mirror.Update(request).ok());
  for (const Row& row : rows) {
    TestHttpServer liar(*threads_, [&](const ServerRequest& request) {
      return request.method == "GET" ? AdvertiseGit(wanted) : SendGitPack(row.pack);
    });
    site = liar.url();
    const absl::Status status = mirror.Update(request).status();
    EXPECT_FALSE(status.ok()) << row.name;
    EXPECT_NE(status.code(), absl::StatusCode::kDeadlineExceeded) << row.name << ": " << status;
    EXPECT_TRUE(GitTree::Open(*mirror.Open(), good).ok()) << row.name;
  }
  site = honest.url();
  EXPECT_EQ(mirror.Update(request)->commit, good);
}

TEST_F(FetchAttackTest, A7ReadsTooManyAndOddRefs) {
  const std::string commit = Commit("1");
  TestHttpServer server(*threads_, [&](const ServerRequest& request) {
    if (request.method != "GET") return ServeGit(*io_, repository_.path(), request);
    std::string more;
    for (int i = 1; i <= 50000; ++i) {
      absl::StrAppend(&more, GitLine(absl::StrCat(commit, " refs/pull/", i, "/head\n")));
    }
    for (const std::string& name :
         {std::string("refs/heads/../../x"), std::string("refs/heads/a@{1}"),
          std::string("refs/heads/\xff\xfe"), absl::StrCat("refs/heads/", std::string(4096, 'x')),
          std::string("refs/heads/ma:in"), std::string("../../../etc/passwd")}) {
      absl::StrAppend(&more, GitLine(absl::StrCat(commit, " ", name, "\n")));
    }
    return AdvertiseGit(commit, more);
  });
  FetchRequest request = RequestTo(server.url());
  request.pull_heads_prefix = "refs/pull/";
  const absl::StatusOr<FetchAnswer> answer = Fetch(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, commit);
  EXPECT_THAT(answer->pull_heads, SizeIs(10000));
}

TEST_F(FetchAttackTest, A7RefusesEndlessRefs) {
  const std::string commit(40, 'a');
  TestHttpServer server(*threads_, [&](const ServerRequest&) {
    std::string more;
    const std::string line = GitLine(absl::StrCat(commit, " refs/heads/", std::string(60000, 'x')));
    while (more.size() < 34 * 1024 * 1024) more += line;
    return AdvertiseGit(commit, more);
  });
  const absl::Status status = Fetch(RequestTo(server.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST_F(FetchAttackTest, A9SaysWhatTheServerAnswers) {
  struct Row {
    int status;
    absl::StatusCode code;
  };
  for (const Row& row :
       {Row{401, absl::StatusCode::kUnauthenticated}, Row{403, absl::StatusCode::kPermissionDenied},
        Row{404, absl::StatusCode::kNotFound}, Row{410, absl::StatusCode::kNotFound},
        Row{407, absl::StatusCode::kUnauthenticated}, Row{429, absl::StatusCode::kUnavailable},
        Row{500, absl::StatusCode::kUnavailable}, Row{503, absl::StatusCode::kUnavailable}}) {
    TestHttpServer server(*threads_, [&](const ServerRequest&) {
      // As long as forges' pages are.
      return ServerAnswer{.status = row.status, .body = std::string(300000, 'x')};
    });
    const absl::Status status = Fetch(RequestTo(server.url())).status();
    EXPECT_EQ(status.code(), row.code) << row.status << ": " << status;
    EXPECT_THAT(server.requests(), SizeIs(1)) << "it is not asked twice";
  }
  // A page for people, as after a login that failed.
  TestHttpServer page(*threads_, [](const ServerRequest&) {
    return ServerAnswer{.headers = {{"Content-Type", "text/html"}}, .body = "<html>"};
  });
  const absl::Status status = Fetch(RequestTo(page.url())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("text/html"));
}

TEST_F(FetchAttackTest, A10GoesThroughProxiesThatAskAndSurvivesTheirDeath) {
  const std::string commit = Commit("1");
  TestHttpServer server(*threads_, Git(), Tls());
  ProxyServer asks(*threads_, {.username = "ana", .password = "s3cret"});
  FetchRequest request = RequestTo(server.url());
  request.username = "ana";
  request.password = "t0ken";
  for (const char* scheme : {"http://", "socks5h://"}) {
    request.route.proxy = absl::StrCat(scheme, asks.address());
    request.route.proxy_username = "ana";
    request.route.proxy_password = "s3cret";
    const absl::StatusOr<FetchAnswer> answer = Fetch(request);
    ASSERT_TRUE(answer.ok()) << scheme << answer.status();
    EXPECT_EQ(answer->commit, commit);
    request.route.proxy_password = "guess";
    const absl::Status refused = Fetch(request).status();
    EXPECT_FALSE(refused.ok());
    EXPECT_THAT(refused.ToString(), Not(HasSubstr("guess")));
  }
  EXPECT_THAT(asks.tunnels(), Contains(absl::StrCat("connect ", server.address())));
  EXPECT_THAT(asks.heard(), Not(HasSubstr(absl::Base64Escape("ana:t0ken"))));

  const std::size_t seen = server.requests().size();
  ProxyServer dies(*threads_, {.cut_after = 30000});
  request.route = {.proxy = absl::StrCat("http://", dies.address()),
                   .ca_certificates = authority_.certificate()};
  // What no compression makes small.
  std::string text;
  while (text.size() < 200000) text += Sha256Hex(text);
  Commit(text);
  const absl::Status status = Fetch(request).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_GE(server.requests().size(), seen);
  EXPECT_TRUE(Has(request.mirror, commit));
}

TEST_F(FetchAttackTest, A12RefusesAMirrorOfSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  Commit("1");
  FetchRequest request = RequestTo("");
  request.url = repository_.path();
  ASSERT_TRUE(Fetch(request).ok());
  ASSERT_EQ(chown(request.mirror.c_str(), 12345, 12345), 0);
  const absl::Status status = Fetch(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("belongs to user 12345"));
}

}  // namespace
}  // namespace espalier
