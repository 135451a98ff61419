// kill -9 at any moment loses no acknowledged write. One file lives through 200 deaths of
// store_kill_child; after each it must open, hold at least what was acknowledged, and no
// transaction by half. (What the kernel has taken survives a kill; that it is synced as well is
// shown by power_loss_test.cc.)
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/random.h"
#include "engine/store/sqlite.h"
#include "engine/store/test_stores.h"

namespace espalier {
namespace {

constexpr int kRounds = 200;
constexpr int kDeathsPerLook = 2;

// The child and the reading end of its standard output.
class Child {
 public:
  explicit Child(std::string path) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    std::string program = STORE_KILL_CHILD;
    char* argv[] = {program.data(), path.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, nullptr), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out_ = ends[0];
  }
  ~Child() { close(out_); }

  // Adds what comes next to `text`; false at the end.
  bool Read(std::string& text) {
    char buffer[4096];
    const ssize_t size = read(out_, buffer, sizeof(buffer));
    if (size > 0) text.append(buffer, size);
    return size > 0;
  }

  // True if it was the kill that ended it.
  bool Kill() {
    kill(pid_, SIGKILL);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

// Key and value of each writer's last acknowledged commit.
void TakeAcknowledged(absl::string_view text, std::map<std::string, int>& last) {
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> words = absl::StrSplit(line, ' ');
    int number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(words.second, &number)) << line;
    last[words.first] = number;
  }
}

// Goes on from what is stored: that is acknowledged now.
void ExpectNothingLost(const Store& store, std::map<std::string, int>& acknowledged) {
  for (auto& [writer, number] : acknowledged) {
    const auto left = store.Get(absl::StrCat("left/", writer));
    const auto right = store.Get(absl::StrCat("right/", writer));
    ASSERT_TRUE(left.ok() && right.ok());
    int stored = 0;
    ASSERT_TRUE(absl::SimpleAtoi(left->value, &stored));
    EXPECT_EQ(left->value, right->value);
    EXPECT_EQ(left->mod_revision, right->mod_revision);
    EXPECT_GE(stored, number);
    // Each of the deaths since the last look may have hidden the answer to one commit.
    EXPECT_LE(stored, number + kDeathsPerLook);
    number = stored;
  }
}

TEST(KillTest, LosesNoAcknowledgedWrite) {
  const std::uint64_t seed = 20;
  Random random(seed);
  TestGround ground;
  const std::string path = ground.dir.path() + "/store.db";
  std::map<std::string, int> acknowledged;
  std::int64_t revision = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, " round ", round));
    Child child(path);
    // From "while it opens" to "after some hundred commits", at an arbitrary moment of the next
    // one.
    const std::size_t bytes = random.Chance(0.1) ? 0 : random.Below(400);
    std::string text;
    while (text.size() < bytes && child.Read(text)) {
    }
    ground.clock->Sleep(absl::Microseconds(random.Below(1500)));
    ASSERT_TRUE(child.Kill());
    while (child.Read(text)) {
    }
    ASSERT_NO_FATAL_FAILURE(TakeAcknowledged(text, acknowledged));

    // Every other death is answered by the next child, so that it also meets what two left behind.
    if ((round + 1) % kDeathsPerLook != 0) continue;
    auto store = OpenSqliteStore(*ground.clock, *ground.threads, path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_GE((*store)->revision(), revision);
    revision = (*store)->revision();
    ASSERT_NO_FATAL_FAILURE(ExpectNothingLost(**store, acknowledged));
    EXPECT_TRUE((*store)->Close().ok());
  }
  EXPECT_GT(revision, kRounds);
}

}  // namespace
}  // namespace espalier
