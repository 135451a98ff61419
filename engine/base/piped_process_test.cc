// Runs real programs (sh, cat), as process_posix_test.cc does.
#include "engine/base/piped_process.h"

#include <gtest/gtest.h>

#include <string>

namespace espalier {
namespace {

std::unique_ptr<PipedProcess> Start(const std::string& script,
                                    absl::Duration idle = absl::Seconds(20)) {
  absl::StatusOr<std::unique_ptr<PipedProcess>> process =
      PipedProcess::Start({.argv = {"sh", "-c", script}, .idle_timeout = idle});
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

std::string ReadSome(PipedProcess& process, std::size_t size) {
  std::string bytes(size, '\0');
  const absl::StatusOr<std::size_t> got = process.Read(bytes.data(), bytes.size());
  EXPECT_TRUE(got.ok()) << got.status();
  bytes.resize(got.value_or(0));
  return bytes;
}

TEST(PipedProcessTest, TalksBackAndForth) {
  const auto process = Start("while read line; do echo \"<$line>\"; done; echo bye >&2; exit 3");
  for (const std::string word : {"a", "b"}) {
    ASSERT_TRUE(process->Write(word + "\n").ok());
    EXPECT_EQ(ReadSome(*process, 100), "<" + word + ">\n");
  }
  const ProcessResult result = process->Finish();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err, "bye\n");
}

TEST(PipedProcessTest, ReadsToTheEnd) {
  const auto process = Start("printf 12345");
  EXPECT_EQ(ReadSome(*process, 3), "123");
  EXPECT_EQ(ReadSome(*process, 3), "45");
  EXPECT_EQ(ReadSome(*process, 3), "");
  EXPECT_EQ(process->Finish().exit_code, 0);
}

TEST(PipedProcessTest, IsNotHeldUpByWhatTheProgramSays) {
  const auto process = Start("head -c 300000 /dev/zero >&2; echo done");
  EXPECT_EQ(ReadSome(*process, 100), "done\n");
  EXPECT_EQ(process->Finish().err.size(), 300000u);
}

TEST(PipedProcessTest, GivesUpOnAProgramThatDoesNothing) {
  const auto process = Start("sleep 100", absl::Milliseconds(50));
  char byte = 0;
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Read(&byte, 1).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Write(std::string(1 << 20, 'x'))));
  EXPECT_EQ(process->Finish().exit_code, 128 + 9);
}

TEST(PipedProcessTest, SaysThatTheProgramReadsNoMore) {
  const auto process = Start("exec 0<&-; echo closed; exec sleep 100");
  EXPECT_EQ(ReadSome(*process, 100), "closed\n");
  EXPECT_TRUE(absl::IsUnavailable(process->Write("x")));
  EXPECT_TRUE(absl::IsNotFound(PipedProcess::Start({.argv = {"no-such-program"}}).status()));
  EXPECT_FALSE(PipedProcess::Start({.argv = {"true"}, .working_dir = "/no/such/dir"}).ok());
}

TEST(PipedProcessTest, KillsTheProgramWithItself) {
  auto process = Start("echo $$; exec sleep 100");
  const pid_t pid = std::stoi(ReadSome(*process, 100));
  const std::unique_ptr<Io> io = MakeRealIo();
  EXPECT_TRUE(io->IsAlive(pid));
  process.reset();
  EXPECT_FALSE(io->IsAlive(pid));
}

}  // namespace
}  // namespace espalier
