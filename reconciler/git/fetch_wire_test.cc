#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "reconciler/git/fetch_child.h"

namespace espalier {
namespace {

TEST(FetchWireTest, CarriesRequestsWhateverTheirBytes) {
  const FetchRequest request = {.url = "https://forge.example/a",
                                .ref = "refs/heads/main",
                                .tags = TagRange{.range = ">=1 <2", .prefix = "fleet-"},
                                .commit = std::string(40, 'c'),
                                .pull_heads_prefix = "refs/pull/",
                                .mirror = "/cache/with space\n/g1",
                                .keep_as = "pull/12",
                                .username = "ana",
                                .password = "two\nlines \\ and \"quotes\"",
                                .route = {.proxy = "http://proxy.example:3128",
                                          .proxy_username = "eve",
                                          .proxy_password = "p w",
                                          .ca_certificates = "-----BEGIN\nca\n",
                                          .client_certificate = "-----BEGIN\ncert\n",
                                          .client_key = "-----BEGIN\nkey\n"},
                                .ssh = {.private_key = "never told",
                                        .known_hosts = "forge.example ssh-ed25519 AAAA\n",
                                        .dir = "/cache/g1.ssh"},
                                .max_bytes = 42};
  const absl::StatusOr<FetchRequest> read = DecodeFetchRequest(EncodeFetchRequest(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->url, request.url);
  EXPECT_EQ(read->ref, request.ref);
  ASSERT_TRUE(read->tags.has_value());
  EXPECT_EQ(read->tags->range, ">=1 <2");
  EXPECT_EQ(read->tags->prefix, "fleet-");
  EXPECT_EQ(read->commit, request.commit);
  EXPECT_EQ(read->pull_heads_prefix, request.pull_heads_prefix);
  EXPECT_EQ(read->mirror, request.mirror);
  EXPECT_EQ(read->keep_as, request.keep_as);
  EXPECT_EQ(read->username, request.username);
  EXPECT_EQ(read->password, request.password);
  EXPECT_EQ(read->route.proxy, request.route.proxy);
  EXPECT_EQ(read->route.proxy_username, request.route.proxy_username);
  EXPECT_EQ(read->route.proxy_password, request.route.proxy_password);
  EXPECT_EQ(read->route.ca_certificates, request.route.ca_certificates);
  EXPECT_EQ(read->route.client_certificate, request.route.client_certificate);
  EXPECT_EQ(read->route.client_key, request.route.client_key);
  EXPECT_EQ(read->ssh.private_key, "") << "it is in a file, the child need not know it";
  EXPECT_EQ(read->ssh.known_hosts, request.ssh.known_hosts);
  EXPECT_EQ(read->ssh.dir, request.ssh.dir);
  EXPECT_EQ(read->max_bytes, 42);
}

TEST(FetchWireTest, CarriesAnswersAndErrors) {
  const FetchAnswer answer = {
      .commit = std::string(40, 'a'),
      .ref = "refs/heads/main",
      .pull_heads = {{7, std::string(40, 'b')}, {12, std::string(40, 'c')}}};
  const absl::StatusOr<FetchAnswer> read = DecodeFetchAnswer(EncodeFetchAnswer(answer));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->commit, answer.commit);
  EXPECT_EQ(read->ref, answer.ref);
  EXPECT_EQ(read->pull_heads, answer.pull_heads);
  const absl::Status error = absl::NotFoundError("no ref\nat all");
  EXPECT_EQ(DecodeFetchAnswer(EncodeFetchAnswer(error)).status(), error);
}

TEST(FetchWireTest, RefusesWhatAChildThatBrokeMayHaveWritten) {
  const std::string good = absl::StrCat("code 0\ncommit ", std::string(40, 'a'), "\n");
  EXPECT_TRUE(DecodeFetchAnswer(good).ok());
  for (const std::string& text :
       {std::string(), std::string("code\n"), std::string("code 0\n"),
        std::string("code 0\ncommit main\n"), std::string("code x\n"),
        std::string("code 0\ncommit \\q\n"), absl::StrCat(good, "pull_heads x:1\n"),
        absl::StrCat(good, "pull_heads 1:main\n")}) {
    EXPECT_EQ(DecodeFetchAnswer(text).status().code(), absl::StatusCode::kInternal) << text;
  }
  EXPECT_FALSE(DecodeFetchRequest("url x\n").ok());
}

}  // namespace
}  // namespace espalier
