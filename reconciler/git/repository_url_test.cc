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

TEST(RepositoryUrlTest, RefusesEverythingElse) {
  for (const char* url : {"",
                          "fleet.git",
                          "../fleet.git",
                          "/srv/../etc",
                          "-u/srv",
                          "file:///srv/git",
                          "git://forge.example/a",
                          "ssh://forge.example/a",
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

TEST(RepositoryUrlTest, KeepsACredentialInTheUrlOutOfTheMessage) {
  const absl::Status status = ParseRepositoryUrl("https://ana:t0ken@forge.example/a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("t0ken")));
}

TEST(RepositoryUrlTest, SendsPasswordsOverTlsOrToThisMachineOnly) {
  for (const char* url : {"https://forge.example/a", "http://127.0.0.1:3000/a",
                          "http://localhost/a", "http://[::1]:3000/a"}) {
    EXPECT_TRUE(CheckMayCarryPassword(*ParseRepositoryUrl(url)).ok()) << url;
  }
  EXPECT_FALSE(CheckMayCarryPassword(*ParseRepositoryUrl("http://forge.example/a")).ok());
  EXPECT_FALSE(CheckMayCarryPassword(*ParseRepositoryUrl("http://127.evil.example/a")).ok());
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
