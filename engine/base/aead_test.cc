#include "engine/base/aead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kKey(kAeadKeyBytes, 'k');

TEST(AeadTest, OpensWhatItEncrypted) {
  for (const std::string& plain : {std::string(), std::string("hush"), std::string(70000, 'x')}) {
    const std::string encrypted = Encrypt(kKey, plain, "here");
    EXPECT_EQ(Decrypt(kKey, encrypted, "here").value(), plain);
  }
}

TEST(AeadTest, ShowsNeitherTheTextNorWhetherTwoAreTheSame) {
  const std::string once = Encrypt(kKey, "a rather long secret", "here");
  EXPECT_THAT(once, Not(HasSubstr("secret")));
  EXPECT_NE(once, Encrypt(kKey, "a rather long secret", "here"));
}

TEST(AeadTest, OpensNothingElse) {
  const std::string encrypted = Encrypt(kKey, "hush", "here");
  EXPECT_TRUE(absl::IsDataLoss(Decrypt(kKey, encrypted, "there").status()));
  EXPECT_TRUE(
      absl::IsDataLoss(Decrypt(std::string(kAeadKeyBytes, 'l'), encrypted, "here").status()));
  EXPECT_TRUE(absl::IsDataLoss(Decrypt(kKey, "", "here").status()));
  for (std::size_t i = 0; i < encrypted.size(); ++i) {
    std::string changed = encrypted;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(Decrypt(kKey, changed, "here").status())) << i;
    EXPECT_TRUE(absl::IsDataLoss(Decrypt(kKey, encrypted.substr(0, i), "here").status())) << i;
  }
}

// AES-256-GCM and no dialect of ours: test case 16 of the mode's specification.
TEST(AeadTest, IsWhatItsNameSays) {
  const auto hex = [](absl::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    }
    return bytes;
  };
  const std::string key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const std::string plain =
      hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
          "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const std::string encrypted =
      hex("cafebabefacedbaddecaf888"
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
          "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
          "76fc6ece0f4e1768cddf8853bb2d551b");
  const std::string context = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  EXPECT_EQ(Decrypt(key, encrypted, context).value(), plain);
}

}  // namespace
}  // namespace espalier
