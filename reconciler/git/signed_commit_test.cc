#include "reconciler/git/signed_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

constexpr char kHeader[] =
    "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
    "author Ana <ana@x> 1700000000 +0100\n"
    "committer Ben <b> c> 1700003600 -0330\n";

TEST(SignedCommitTest, TakesTheSignatureOutOfTheHeader) {
  const absl::StatusOr<SignedCommit> commit =
      SplitCommit(absl::StrCat(kHeader, "gpgsig -----BEGIN\n AAAA\n -----END\nencoding UTF-8\n",
                               "\nmessage\ngpgsig no\n committer nobody\n"));
  ASSERT_TRUE(commit.ok()) << commit.status();
  EXPECT_EQ(commit->signature, "-----BEGIN\nAAAA\n-----END\n");
  EXPECT_EQ(commit->payload,
            absl::StrCat(kHeader, "encoding UTF-8\n\nmessage\ngpgsig no\n committer nobody\n"));
  EXPECT_EQ(commit->committed_at, absl::FromUnixSeconds(1700003600));
}

TEST(SignedCommitTest, AcceptsCommitsWithoutASignature) {
  const std::string object =
      absl::StrCat(kHeader, "mergetag object 1\n gpgsig x\n\n\0and more in the message");
  const absl::StatusOr<SignedCommit> commit = SplitCommit(object);
  ASSERT_TRUE(commit.ok()) << commit.status();
  EXPECT_EQ(commit->signature, "");
  EXPECT_EQ(commit->payload, object);
}

TEST(SignedCommitTest, RefusesWhatMayBeReadInTwoWays) {
  const std::string bad[] = {
      "",
      "\nmessage",
      "tree 1\n\n",
      absl::StrCat(kHeader, "gpgsig a\ngpgsig b\n\nm"),
      absl::StrCat(kHeader, "committer Eve <e@x> 1800000000 +0000\n\nm"),
      absl::StrCat(kHeader, absl::string_view("gpgsig a\0b\n\nm", 13)),
      "committer Ana <a@x> soon +0000\n\nm",
      "committer Ana <a@x> 1700000000\n\nm",
      "committer Ana <a@x>1700000000 +0000\n\nm",
      "committer Ana 1700000000 +0000\n\nm",
      absl::StrCat(kHeader, "\n", std::string(limits::kCommitBytes, 'x')),
  };
  for (const std::string& object : bad) {
    EXPECT_EQ(SplitCommit(object).status().code(), absl::StatusCode::kInvalidArgument)
        << object.substr(0, 300);
  }
}

}  // namespace
}  // namespace espalier
