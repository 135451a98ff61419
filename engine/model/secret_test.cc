#include "engine/model/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SecretTest : public testing::Test {
 protected:
  SecretTest() {
    EXPECT_TRUE(io_.MakeDirs("/secrets/git", 0700).ok());
    EXPECT_TRUE(io_.WriteFile("/secrets/git/token", "s3cret\n", 0600).ok());
    EXPECT_TRUE(io_.WriteFile("/secrets/empty", "\n", 0600).ok());
    EXPECT_TRUE(io_.WriteFile("/passwd", "root", 0600).ok());
  }
  absl::StatusOr<std::string> File(const std::string& file, const std::string& dir = "/secrets") {
    v1::SecretRef ref;
    ref.set_file(file);
    return ResolveSecret(ref, io_, dir, env_);
  }
  absl::StatusOr<std::string> Env(const std::string& name) {
    v1::SecretRef ref;
    ref.set_env(name);
    return ResolveSecret(ref, io_, "/secrets", env_);
  }

  std::unique_ptr<Clock> clock_ = MakeRealClock();
  FakeIo io_{*clock_};
  Environment env_ = [](const std::string& name) -> std::optional<std::string> {
    if (name == "TOKEN") return "from env";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
};

TEST_F(SecretTest, ReadsFilesBelowTheDirectoryWithoutTheirLastLineEnd) {
  EXPECT_EQ(*File("git/token"), "s3cret");
}

TEST_F(SecretTest, ReadsTheEnvironment) { EXPECT_EQ(*Env("TOKEN"), "from env"); }

TEST_F(SecretTest, AsksTheEngineForWhatItKeeps) {
  v1::SecretRef ref;
  ref.set_sealed("0123");
  const Reveal reveal = [](const std::string& sealed) -> absl::StatusOr<std::string> {
    if (sealed == "0123") return "kept";
    return absl::NotFoundError("none");
  };
  EXPECT_EQ(*ResolveSecret(ref, io_, "/secrets", env_, reveal), "kept");
  EXPECT_EQ(ResolveSecret(ref, io_, "/secrets", env_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ref.set_sealed("4567");
  EXPECT_EQ(ResolveSecret(ref, io_, "/secrets", env_, reveal).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(SecretTest, NeverLeavesTheDirectory) {
  for (const char* path : {"../passwd", "/passwd", "git/../../passwd", "git//token", ".", "",
                           "git/.hidden", "a b", "git/token/"}) {
    EXPECT_EQ(File(path).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST_F(SecretTest, SaysWhatIsMissing) {
  EXPECT_EQ(File("none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(File("empty").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(File("git/token", "").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Env("NONE").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Env("EMPTY").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ResolveSecret(v1::SecretRef(), io_, "/secrets", env_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SecretTest, KeepsTheSecretOutOfErrors) {
  v1::SecretRef both;
  both.set_file("git/token");
  both.set_env("TOKEN");
  const absl::Status status = ResolveSecret(both, io_, "/secrets", env_).status();
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace espalier
