// Signatures that ssh-keygen makes, and ones that nobody should believe.
#include "reconciler/git/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/io.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/ssh_wire.h"
#include "reconciler/testing/test_signer.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kMessage[] = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nmessage\n";

absl::Status Verify(const std::string& armoured, absl::string_view message = kMessage) {
  const absl::StatusOr<SshSignature> signature = ParseSshSignature(armoured);
  if (!signature.ok()) return signature.status();
  return VerifySshSignature(*signature, message);
}

TEST(SignatureTest, BelievesWhatWasSignedForGit) {
  const TestSigner signer('a');
  EXPECT_TRUE(Verify(signer.Sign(kMessage)).ok()) << Verify(signer.Sign(kMessage));
  EXPECT_TRUE(Verify(signer.Sign(kMessage, {.hash = "sha256"})).ok());
  EXPECT_TRUE(Verify(signer.Sign(kMessage) + "\n").ok());
  EXPECT_EQ(ParseSshSignature(signer.Sign(kMessage))->public_key,
            *ParseSshPublicKey(signer.PublicKey()));
  const TestSigner token('b', /*token=*/true);
  EXPECT_TRUE(Verify(token.Sign(kMessage)).ok()) << Verify(token.Sign(kMessage));
}

struct BadSignature {
  const char* name;
  std::string armoured;
  const char* why;
};

TEST(SignatureTest, RefusesWhatIsNoSignatureOfTheCommit) {
  const TestSigner signer('a');
  const TestSigner token('b', /*token=*/true);
  const BadSignature cases[] = {
      {"OtherMessage", signer.Sign("other"), "not one of this commit"},
      {"OtherPurpose", signer.Sign(kMessage, {.purpose = "file"}), "not made for git"},
      {"NoPurpose", signer.Sign(kMessage, {.purpose = ""}), "not made for git"},
      {"OtherHash", signer.Sign(kMessage, {.hash = "md5"}), "hash that does not count"},
      {"OtherAlgorithm", signer.Sign(kMessage, {.algorithm = "ssh-rsa"}), "not one of this commit"},
      {"Untouched", token.Sign(kMessage, {.flags = 0}), "nobody touched"},
      {"Pgp", "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----",
       "not an SSH signature"},
      {"Empty", "", "not an SSH signature"},
      {"NothingInside", SshArmour(""), "not a whole SSH signature"},
  };
  for (const BadSignature& bad : cases) {
    SCOPED_TRACE(bad.name);
    const absl::Status status = Verify(bad.armoured);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.why));
  }
}

TEST(SignatureTest, RefusesEveryPartAndEveryFlippedBitOfASignature) {
  for (const bool token : {false, true}) {
    const std::string whole = TestSigner('a', token).Sign(kMessage);
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(
        absl::StrReplaceAll(
            whole, {{"-----BEGIN SSH SIGNATURE-----", ""}, {"-----END SSH SIGNATURE-----", ""}}),
        &bytes));
    ASSERT_TRUE(Verify(SshArmour(bytes)).ok());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(Verify(SshArmour(absl::string_view(bytes).substr(0, size))).ok()) << size;
    }
    EXPECT_FALSE(Verify(SshArmour(bytes + '\0')).ok());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ 4);
      EXPECT_FALSE(Verify(SshArmour(flipped)).ok()) << i;
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(Verify(whole.substr(0, size)).ok()) << size;
    }
  }
}

TEST(SignatureTest, IsNotFooledByLengths) {
  for (const char* length : {"\xFF\xFF\xFF\xFF", "\x7F\xFF\xFF\xFF", "\x00\x01\x00\x00"}) {
    std::string bytes = "SSHSIG";
    bytes.append("\0\0\0\1", 4);
    bytes.append(length, 4);
    bytes.append("abc");
    EXPECT_EQ(Verify(SshArmour(bytes)).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Verify(SshArmour(std::string(limits::kSignatureBytes, 'x'))).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(SignatureTest, TakesBase64InOneWayOnly) {
  const std::string whole = TestSigner('a').Sign(kMessage);
  EXPECT_FALSE(Verify(absl::StrReplaceAll(whole, {{"\n", "\n "}})).ok());
  EXPECT_FALSE(Verify(absl::StrReplaceAll(whole, {{"\n-----END", "=\n-----END"}})).ok());
  EXPECT_FALSE(Verify(absl::StrReplaceAll(whole, {{"-----END", "!-----END"}})).ok());
}

TEST(SignatureTest, ReadsOnlyKeysThatCount) {
  const std::string good = TestSigner('a').PublicKey();
  EXPECT_TRUE(ParseSshPublicKey(good).ok());
  EXPECT_THAT(SshFingerprint(*ParseSshPublicKey(good)), StartsWith("SHA256:"));
  const auto line = [](const std::string& type, const std::vector<std::string>& parts) {
    std::string key;
    AppendSshText(type, key);
    for (const std::string& part : parts) AppendSshText(part, key);
    return absl::StrCat(type, " ", absl::Base64Escape(key));
  };
  const std::string modulus_1024 = std::string(1, '\0') + std::string(128, '\xFF');
  const std::string modulus_2048 = std::string(1, '\0') + std::string(256, '\xFF');
  const std::string exponent("\1\0\1", 3);
  EXPECT_TRUE(ParseSshPublicKey(line("ssh-rsa", {exponent, modulus_2048})).ok());
  const std::string bad[] = {
      "",
      "ssh-ed25519",
      "ssh-ed25519 AAAA",
      "ssh-ed25519 not!base64",
      absl::StrReplaceAll(good, {{"ssh-ed25519 ", "ssh-rsa "}}),
      line("ssh-ed25519", {std::string(31, 'x')}),
      line("ssh-ed25519", {std::string(32, 'x'), "more"}),
      line("ssh-dss", {"x"}),
      line("ssh-rsa", {exponent, modulus_1024}),
      line("ssh-rsa", {exponent, std::string(256, '\xFF')}),
      line("ssh-rsa", {std::string(9, '\1'), modulus_2048}),
      line("ssh-rsa", {exponent, std::string(1, '\0') + std::string(4096, '\xFF')}),
      line("ecdsa-sha2-nistp256", {"nistp256", std::string("\4") + std::string(64, '\1')}),
      line("ecdsa-sha2-nistp256", {"nistp384", std::string("\4") + std::string(64, '\1')}),
      line("ecdsa-sha2-nistp256", {"nistp256", std::string(1, '\0')}),
      line("sk-ssh-ed25519@openssh.com", {std::string(32, 'x')}),
  };
  for (const std::string& text : bad) {
    EXPECT_EQ(ParseSshPublicKey(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

// What OpenSSH itself makes, of every type that counts.
class SshKeygenTest : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(SshKeygenTest, ItsSignaturesAreBelieved) {
  const std::unique_ptr<Io> io = MakeRealIo();
  const TempDir dir;
  const std::string key = absl::StrCat(dir.path(), "/key");
  std::vector<std::string> make = {"ssh-keygen", "-q", "-N", "", "-f", key};
  make.insert(make.end(), GetParam().begin(), GetParam().end());
  const absl::StatusOr<ProcessResult> made = io->Run({.argv = make});
  if (!made.ok() || made->exit_code == 127) GTEST_SKIP() << "no ssh-keygen here";
  ASSERT_EQ(made->exit_code, 0);
  const auto sign = [&](const std::string& purpose) {
    const absl::StatusOr<ProcessResult> result =
        io->Run({.argv = {"ssh-keygen", "-q", "-Y", "sign", "-n", purpose, "-f", key},
                 .stdin_bytes = kMessage});
    return result.ok() ? result->out : result.status().ToString();
  };
  const std::string line = *io->ReadFile(absl::StrCat(key, ".pub"), 1 << 16);
  const std::string armoured = sign("git");
  EXPECT_TRUE(Verify(armoured).ok()) << Verify(armoured) << armoured;
  ASSERT_TRUE(ParseSshPublicKey(line).ok()) << ParseSshPublicKey(line).status();
  EXPECT_EQ(ParseSshSignature(armoured)->public_key, *ParseSshPublicKey(line));
  EXPECT_FALSE(Verify(armoured, "another").ok());
  EXPECT_FALSE(Verify(sign("file")).ok());
  const absl::StatusOr<ProcessResult> shown =
      io->Run({.argv = {"ssh-keygen", "-l", "-f", absl::StrCat(key, ".pub")}});
  EXPECT_THAT(shown->out, HasSubstr(SshFingerprint(*ParseSshPublicKey(line))));
}

INSTANTIATE_TEST_SUITE_P(AllTypes, SshKeygenTest,
                         testing::Values(std::vector<std::string>{"-t", "ed25519"},
                                         std::vector<std::string>{"-t", "ecdsa", "-b", "256"},
                                         std::vector<std::string>{"-t", "ecdsa", "-b", "384"},
                                         std::vector<std::string>{"-t", "ecdsa", "-b", "521"},
                                         std::vector<std::string>{"-t", "rsa", "-b", "2048"}),
                         [](const auto& info) {
                           return absl::StrCat(info.param[1],
                                               info.param.size() > 3 ? info.param[3] : "");
                         });

}  // namespace
}  // namespace espalier
