#include "reconciler/git/repository_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RepositoryUrlTest, TakesPathsAndHttp) {
  EXPECT_EQ(ParseRepositoryUrl("/srv/git/fleet.git")->transport, RepositoryUrl::Transport::kPath);
  EXPECT_EQ(ParseRepositoryUrl("http://forge.example/a")->transport,
            RepositoryUrl::Transport::kHttp);
  const auto https = ParseRepositoryUrl("https://forge.example:8443/team/fleet.git");
  ASSERT_TRUE(https.ok());
  EXPECT_EQ(https->transport, RepositoryUrl::Transport::kHttps);
  EXPECT_EQ(https->authority, "forge.example:8443");
}

TEST(RepositoryUrlTest, TakesSsh) {
  const auto plain = ParseRepositoryUrl("ssh://git@forge.example/team/fleet.git");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->transport, RepositoryUrl::Transport::kSsh);
  EXPECT_EQ(plain->user, "git");
  EXPECT_EQ(plain->host, "forge.example");
  EXPECT_EQ(plain->port, 22);
  EXPECT_EQ(plain->path, "/team/fleet.git");
  const auto odd = ParseRepositoryUrl("ssh://ana_1@[2001:db8::1]:2222/~ana/fleet");
  ASSERT_TRUE(odd.ok()) << odd.status();
  EXPECT_EQ(odd->host, "2001:db8::1");
  EXPECT_EQ(odd->port, 2222);
  EXPECT_EQ(odd->path, "~ana/fleet");
}

TEST(RepositoryUrlTest, TakesProxiesWithoutSecrets) {
  for (const char* url : {"http://proxy.example:3128", "https://proxy.example:3128/",
                          "socks5://127.0.0.1:1080", "socks5h://[::1]:1080"}) {
    EXPECT_TRUE(CheckProxyUrl(url).ok()) << url << CheckProxyUrl(url);
  }
  for (const char* url : {"", "proxy.example:3128", "http://proxy.example", "ftp://proxy.example:1",
                          "http://:1", "http://proxy.example:1/path", "http://-x:1",
                          "http://proxy.example:1\r\nX: y", "http://proxy.example:0"}) {
    EXPECT_FALSE(CheckProxyUrl(url).ok()) << url;
  }
  const absl::Status status = CheckProxyUrl("http://ana:s3cret@proxy.example:1");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
}

TEST(RepositoryUrlTest, A5RefusesEverythingElse) {
  for (const char* url : {"",
                          "fleet.git",
                          "../fleet.git",
                          "/srv/../etc",
                          "-u/srv",
                          "file:///srv/git",
                          "git://forge.example/a",
                          "ssh://forge.example/a",
                          "ssh://git@-oProxyCommand=x/a",
                          "ssh://-oProxyCommand=x@forge.example/a",
                          "ssh://git@forge.example",
                          "ssh://git@forge.example/",
                          "ssh://git@forge.example:0/a",
                          "ssh://git@forge.example:99999/a",
                          "ssh://git@forge.example:x/a",
                          "ssh://git@forge.example/a';x'",
                          "ssh://git@forge.example/$(x)",
                          "ssh://git@forge.example/a%20b",
                          "ssh://git@forge.example/../a",
                          "ssh://git@forge.example/a;x",
                          "ssh://git@for|ge.example/a",
                          "ssh://-oProxyCommand=x/a",
                          "ext::sh -c x",
                          "git@forge.example:a",
                          "https://",
                          "https:///a",
                          "https://forge.example",
                          "https://forge.example/",
                          "https://-forge.example/a",
                          "https://forge.example/../a",
                          "https://forge.example/a?b",
                          "https://forge.example/a#b",
                          "https://forge.example/a b",
                          "https://forge.example/a\r\nX: y",
                          "https://forge.example/'a"}) {
    EXPECT_EQ(ParseRepositoryUrl(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
}

TEST(RepositoryUrlTest, A5KeepsACredentialInTheUrlOutOfTheMessage) {
  for (const char* url : {"https://ana:t0ken@forge.example/a", "https://t0ken@forge.example/a",
                          "ssh://git:t0ken@forge.example/a", "ext::sh -c t0ken",
                          "https://forge.example/a?t0ken", "https://forge.example/a\r\nt0ken"}) {
    const absl::Status status = ParseRepositoryUrl(url).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("t0ken"))) << url;
  }
}

TEST(RepositoryUrlTest, SendsPasswordsOverTlsOrToThisMachineOnly) {
  for (const char* url : {"https://forge.example/a", "http://127.0.0.1:3000/a",
                          "http://localhost/a", "http://[::1]:3000/a"}) {
    EXPECT_TRUE(CheckMayCarryPassword(*ParseRepositoryUrl(url), "").ok()) << url;
  }
  EXPECT_FALSE(CheckMayCarryPassword(*ParseRepositoryUrl("http://forge.example/a"), "").ok());
  EXPECT_FALSE(CheckMayCarryPassword(*ParseRepositoryUrl("http://127.evil.example/a"), "").ok());
  const char* proxy = "http://proxy.example:3128";
  EXPECT_TRUE(CheckMayCarryPassword(*ParseRepositoryUrl("https://forge.example/a"), proxy).ok());
  EXPECT_FALSE(CheckMayCarryPassword(*ParseRepositoryUrl("http://localhost/a"), proxy).ok());
}

TEST(RepositoryUrlTest, MakesFullRefs) {
  EXPECT_EQ(*FullRef("main"), "refs/heads/main");
  EXPECT_EQ(*FullRef("team/ci"), "refs/heads/team/ci");
  EXPECT_EQ(*FullRef("refs/tags/v1"), "refs/tags/v1");
  for (const char* ref : {"", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b",
                          "@{u}", "a//b", "/a", "a/", "a.lock", ".a", "a.", "a/.b"}) {
    EXPECT_FALSE(FullRef(ref).ok()) << ref;
  }
}

}  // namespace
}  // namespace espalier
