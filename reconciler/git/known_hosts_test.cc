#include "reconciler/git/known_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The base64 of a key of this type whose bytes are all `fill`.
std::string Key(const std::string& type, char fill = 'k') {
  const auto text = [](const std::string& value) {
    return std::string({0, 0, 0, static_cast<char>(value.size())}) + value;
  };
  return absl::Base64Escape(text(type) + text(std::string(32, fill)));
}
std::string Ed25519(char fill = 'k') { return "ssh-ed25519 " + Key("ssh-ed25519", fill); }

std::string LinesFor(const std::string& file, const std::string& host, std::uint16_t port = 22) {
  const absl::StatusOr<KnownHosts> hosts = KnownHosts::Parse(file);
  if (!hosts.ok()) return hosts.status().ToString();
  const absl::StatusOr<KnownHosts::Host> found = hosts->Find(host, port);
  if (!found.ok()) return "(none)";
  return found->lines;
}

TEST(KnownHostsTest, FindsHostsByNamePatternAndPort) {
  struct Row {
    const char* names;
    const char* host;
    std::uint16_t port;
    bool found;
  };
  for (const Row& row :
       {Row{"forge.example", "forge.example", 22, true},
        Row{"Forge.Example", "forge.EXAMPLE", 22, true},
        Row{"a,forge.example,b", "forge.example", 22, true},
        Row{"forge.example", "forge.example.evil", 22, false},
        Row{"forge.example", "orge.example", 22, false},
        // A key of one port says nothing about another.
        Row{"forge.example", "forge.example", 2222, false},
        Row{"[forge.example]:2222", "forge.example", 2222, true},
        Row{"[forge.example]:2222", "forge.example", 22, false},
        Row{"[forge.example]:2222", "forge.example", 2223, false},
        Row{"*.example", "forge.example", 22, true}, Row{"*.example", "example", 22, false},
        Row{"forge?.example", "forge1.example", 22, true},
        Row{"*,!forge.example", "forge.example", 22, false},
        Row{"!forge.example,*", "other.example", 22, true},
        Row{"!forge.example", "other.example", 22, false},
        Row{"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 22, false},
        Row{"192.0.2.7", "192.0.2.7", 22, true}}) {
    const std::string lines =
        LinesFor(absl::StrCat(row.names, " ", Ed25519(), " comment\n"), row.host, row.port);
    EXPECT_EQ(lines != "(none)", row.found) << row.names << " " << row.host << " " << lines;
  }
}

TEST(KnownHostsTest, FindsHashedNames) {
  // By `ssh-keygen -H` of "forge.example" and "[forge.example]:2222".
  const std::string plain = "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|s8CUlMHGuFa31hyWgR3zcurLPJA=";
  const std::string with_port = "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|mWBml3UmxYeadnH2uvrl0BSnvlM=";
  const std::string key = Ed25519();
  EXPECT_EQ(LinesFor(absl::StrCat(plain, " ", key), "forge.example"),
            absl::StrCat("forge.example ", key, "\n"));
  EXPECT_EQ(LinesFor(absl::StrCat(plain, " ", key), "other.example"), "(none)");
  EXPECT_EQ(LinesFor(absl::StrCat(plain, " ", key), "forge.example", 2222), "(none)");
  EXPECT_EQ(LinesFor(absl::StrCat(with_port, " ", key), "forge.example", 2222),
            absl::StrCat("[forge.example]:2222 ", key, "\n"));
}

TEST(KnownHostsTest, GivesNothingButTheHostsOwnKeys) {
  const std::string file =
      absl::StrCat("# our forges\n\n", "*.example ", Ed25519('a'), "\r\n", "other.host ",
                   Ed25519('b'), "\n", "\tforge.example\tssh-rsa ", Key("ssh-rsa"), "\n");
  EXPECT_EQ(LinesFor(file, "forge.example"),
            absl::StrCat("forge.example ", Ed25519('a'), "\nforge.example ssh-rsa ", Key("ssh-rsa"),
                         "\n"));
  const absl::StatusOr<KnownHosts::Host> found = KnownHosts::Parse(file)->Find("forge.example", 22);
  // Never RSA's old signatures.
  EXPECT_THAT(found->algorithms, ElementsAre("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"));
}

TEST(KnownHostsTest, TrustsNoKeyThatIsRevokedForAnyHost) {
  const std::string file = absl::StrCat("@revoked other.example ", Ed25519('a'), "\n",
                                        "forge.example ", Ed25519('a'), "\n");
  EXPECT_EQ(LinesFor(file, "forge.example"), "(none)");
  const std::string two = absl::StrCat(file, "forge.example ", Ed25519('b'), "\n");
  EXPECT_EQ(LinesFor(two, "forge.example"),
            absl::StrCat("@revoked * ", Ed25519('a'), "\n", "forge.example ", Ed25519('b'), "\n"));
}

TEST(KnownHostsTest, TakesNoSecondSpellingOfAKey) {
  const std::string key = absl::StrCat("ssh-rsa ", Key("ssh-rsa"));
  ASSERT_EQ(key.back(), '=');
  const std::string bare = key.substr(0, key.size() - 1);
  for (const std::string& other : {bare, bare + ".", key + "\f", key + "\v ", bare + "\r="}) {
    const std::string file =
        absl::StrCat("@revoked * ", key, "\n", "forge.example ", other, " comment\n");
    EXPECT_THAT(LinesFor(file, "forge.example"), HasSubstr("no key of the kind")) << other;
  }
}

TEST(KnownHostsTest, TakesAuthoritiesOfHosts) {
  const std::string file = absl::StrCat("@cert-authority *.example ", Ed25519(), "\n");
  EXPECT_EQ(LinesFor(file, "forge.example"),
            absl::StrCat("@cert-authority forge.example ", Ed25519(), "\n"));
  const absl::StatusOr<KnownHosts::Host> found = KnownHosts::Parse(file)->Find("forge.example", 22);
  EXPECT_EQ(found->algorithms.front(), "ssh-ed25519-cert-v01@openssh.com");
  EXPECT_EQ(found->algorithms.size(), 6u);
}

TEST(KnownHostsTest, NamesTheLineThatIsNone) {
  const std::string key = Key("ssh-ed25519");
  struct Row {
    std::string line;
    const char* why;
  };
  for (const Row& row :
       {Row{"forge.example", "is not"}, Row{"forge.example ssh-ed25519", "is not"},
        Row{"@trusted forge.example ssh-ed25519 " + key, "unknown marker"},
        Row{"@revoked", "is not"}, Row{"forge.example ssh-dss " + Key("ssh-dss"), "kind of key"},
        Row{"forge.example 1024 35 1234567", "kind of key"},
        Row{"forge.example ssh-rsa " + key, "no key of the kind"},
        Row{"forge.example ssh-ed25519 AAAA", "no key of the kind"},
        Row{"forge.example ssh-ed25519 \x01\x02", "no key of the kind"},
        Row{"|1|short|short ssh-ed25519 " + key, "hashed name"},
        Row{"|2|a|b ssh-ed25519 " + key, "hashed name"}}) {
    const absl::Status status = KnownHosts::Parse("# one\n" + row.line).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("line 2 of known_hosts")) << row.line;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.why)) << row.line;
  }
  EXPECT_FALSE(KnownHosts::Parse("# nothing\n\n").ok());
}

}  // namespace
}  // namespace espalier
