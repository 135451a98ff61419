// Fetches over ssh: a real child, a real ssh, a real sshd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/git/ssh_connection.h"
#include "reconciler/git/ssh_private_key.h"
#include "reconciler/testing/ssh_server.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class FetchSshTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!SshServer::Installed(*io_)) GTEST_SKIP() << "there is no sshd (package openssh-server)";
    commit_ = repository_.CommitText({{"a.yaml", "1"}});
    server_ =
        std::make_unique<SshServer>(*threads_, *io_,
                                    SshServer::Options{.dir = absl::StrCat(dir_.path(), "/sshd"),
                                                       .host_keys = {host_key_},
                                                       .authorized_key = user_key_.public_key});
  }

  SshKeyPair Make(const std::string& type, const std::string& passphrase = "") {
    return MakeSshKey(*io_, absl::StrCat(dir_.path(), "/keys"), type, passphrase);
  }
  // A line of known_hosts for the server.
  std::string Known(const SshKeyPair& key) const {
    return absl::StrCat("[127.0.0.1]:", server_->port(), " ", key.public_key, "\n");
  }
  FetchRequest Request(const std::string& known_hosts) const {
    return {.url = absl::StrCat(server_->url(), repository_.path()),
            .ref = "refs/heads/main",
            .mirror = mirror_,
            .ssh = {.private_key = user_key_.private_key, .known_hosts = known_hosts},
            .max_bytes = 1 << 30};
  }
  absl::StatusOr<FetchAnswer> Fetch(const FetchRequest& request,
                                    absl::Duration deadline = absl::Seconds(60)) {
    return FetchInChild(
        *io_, {.command = {ESPALIER_RECONCILER, "fetch-child"}, .deadline = deadline})(request);
  }
  std::vector<std::string> Files() { return io_->List(dir_.path()).value(); }

  GitLibrary library_;
  // A path that a shell and ssh's own settings would read something into.
  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  std::unique_ptr<Threads> threads_ = MakeRealThreads();
  const std::string mirror_ = absl::StrCat(dir_.path(), "/m %h $HOME");
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/fleet.git")};
  std::string commit_;
  const SshKeyPair host_key_ = Make("ed25519");
  const SshKeyPair user_key_ = Make("ed25519");
  std::unique_ptr<SshServer> server_;
};

TEST_F(FetchSshTest, FetchesWithTheRightKeysAndLeavesNoneBehind) {
  const absl::StatusOr<FetchAnswer> answer = Fetch(Request(Known(host_key_)));
  ASSERT_TRUE(answer.ok()) << answer.status() << server_->log();
  EXPECT_EQ(answer->commit, commit_);
  EXPECT_THAT(Files(), Contains("m %h $HOME"));
  EXPECT_THAT(Files(), Not(Contains("m %h $HOME.ssh")));
  // ECDSA is as good.
  FetchRequest request = Request(Known(host_key_));
  request.ssh.private_key = Make("ecdsa").private_key;
  EXPECT_TRUE(CheckSshPrivateKey(request.ssh.private_key).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Fetch(request).status()));
}

TEST_F(FetchSshTest, A2SendsNothingToAHostThatIsNotKnown) {
  const SshKeyPair other = Make("ed25519");
  const SshKeyPair other_type = Make("ecdsa");
  struct Row {
    const char* name;
    std::string known_hosts;
  };
  const Row rows[] = {
      {"wrong key", Known(other)},
      {"key type switch", Known(other_type)},
      {"revoked",
       absl::StrCat(Known(host_key_), "@revoked * ", host_key_.public_key, "\n", Known(other))},
  };
  for (const Row& row : rows) {
    const absl::Status status = Fetch(Request(row.known_hosts)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << row.name << ": " << status;
  }
  EXPECT_THAT(server_->log(), HasSubstr("Connection from")) << "it was asked for its key";
  // Hosts without a key here are not even called.
  const std::string before = server_->log();
  for (const std::string& known_hosts :
       {absl::StrCat("other.example ", host_key_.public_key),
        absl::StrCat("127.0.0.1 ", host_key_.public_key),
        absl::StrCat("[127.0.0.1]:", server_->port() + 1, " ", host_key_.public_key),
        absl::StrCat(Known(host_key_), "@revoked * ", host_key_.public_key)}) {
    const absl::Status status = Fetch(Request(known_hosts)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << known_hosts << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("known_hosts has no key"));
  }
  EXPECT_EQ(server_->log(), before);
  // Nobody was told who we are.
  EXPECT_THAT(server_->log(), Not(HasSubstr("userauth-request")));

  // A hashed name is as good as a plain one, and then we do say who we are.
  const std::string file = absl::StrCat(dir_.path(), "/hashed");
  ASSERT_TRUE(io_->WriteFile(file, Known(host_key_), 0600).ok());
  ASSERT_TRUE(io_->Run({.argv = {"ssh-keygen", "-q", "-H", "-f", file}}).ok());
  const std::string hashed = io_->ReadFile(file, 65536).value();
  ASSERT_THAT(hashed, HasSubstr("|1|"));
  const absl::StatusOr<FetchAnswer> answer = Fetch(Request(hashed));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->commit, commit_);
  EXPECT_THAT(server_->log(), HasSubstr("userauth-request"));
}

TEST_F(FetchSshTest, A2SaysThatOurKeyIsNotTaken) {
  FetchRequest request = Request(Known(host_key_));
  request.ssh.private_key = Make("ed25519").private_key;
  const absl::Status status = Fetch(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << status;
  EXPECT_THAT(status.ToString(), Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(FetchSshTest, SaysThatThereIsNoSuchRepository) {
  FetchRequest request = Request(Known(host_key_));
  request.url = absl::StrCat(server_->url(), dir_.path(), "/none.git");
  EXPECT_EQ(Fetch(request).status().code(), absl::StatusCode::kNotFound) << Fetch(request).status();
}

TEST_F(FetchSshTest, A1EndsWhenTheHostHangsAndRemovesTheKey) {
  LoopbackServer silent(*threads_, [](int fd, int stop) { WaitReadable(stop, stop); });
  FetchRequest request = Request("");
  request.url = absl::StrCat("ssh://git@", silent.address(), "/r.git");
  request.ssh.known_hosts = absl::StrCat("[127.0.0.1]:", silent.port(), " ", host_key_.public_key);
  const absl::Status status = Fetch(request, absl::Seconds(2)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_THAT(Files(), Not(Contains("m %h $HOME.ssh")));
}

TEST_F(FetchSshTest, TakesKeysThatNobodyHasToTypeSomethingFor) {
  EXPECT_TRUE(CheckSshPrivateKey(user_key_.private_key).ok());
  EXPECT_TRUE(CheckSshPrivateKey(Make("ecdsa").private_key).ok());
  struct Row {
    std::string key;
    const char* why;
  };
  const std::string broken =
      absl::StrReplaceAll(user_key_.private_key, {{"b3BlbnNzaC", "AAAAAAAAAA"}});
  for (const Row& row : {Row{Make("ed25519", "secret").private_key, "has a passphrase"},
                         Row{Make("rsa").private_key, "is an RSA key"},
                         Row{"-----BEGIN RSA PRIVATE KEY-----\nAA\n", "is not in OpenSSH's form"},
                         Row{user_key_.public_key, "is no private key"}, Row{"", "is no private"},
                         Row{broken, "is damaged"}}) {
    const absl::Status status = CheckSshPrivateKey(row.key);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.why));
  }
}

TEST(SshCommandTest, StartsNoShellAndReadsNobodysConfiguration) {
  const SshLogin login = {
      .known_hosts =
          "[forge.example]:2222 ssh-ed25519 "
          "AAAAC3NzaC1lZDI1NTE5AAAAIEtTS1NLU0tTS1NLU0tTS1NLU0tTS1NLU0tTS1NLU0tT"};
  const absl::StatusOr<RepositoryUrl> url =
      ParseRepositoryUrl("ssh://git@forge.example:2222/team/fleet.git");
  ASSERT_TRUE(url.ok()) << url.status();
  const absl::StatusOr<std::vector<std::string>> command = SshCommand(login, *url);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->front(), "ssh");
  EXPECT_THAT(*command, Contains("HostKeyAlgorithms=ssh-ed25519"));
  EXPECT_THAT(*command, Contains("StrictHostKeyChecking=yes"));
  EXPECT_THAT(std::vector<std::string>(command->end() - 7, command->end()),
              ElementsAre("-p", "2222", "-l", "git", "--", "forge.example",
                          "git-upload-pack '/team/fleet.git'"));
}

TEST(SshCommandTest, TellsWhatTheEndOfSshMeans) {
  struct Row {
    int exit_code;
    const char* words;
    absl::StatusCode code;
  };
  for (const Row& row :
       {Row{255, "Host key verification failed.\r\n", absl::StatusCode::kFailedPrecondition},
        Row{255, "git@forge.example: Permission denied (publickey).",
            absl::StatusCode::kUnauthenticated},
        Row{255, "ssh: connect to host x port 22: Connection refused",
            absl::StatusCode::kUnavailable},
        Row{1, "ERROR: Repository not found.\nfatal: Could not read", absl::StatusCode::kNotFound},
        Row{128, "fatal: '/x' does not appear to be a git repository", absl::StatusCode::kNotFound},
        Row{127, "sh: 1: git-upload-pack: command missing", absl::StatusCode::kUnavailable},
        Row{0, "", absl::StatusCode::kUnavailable},
        Row{137, "\x1b[2J\xff", absl::StatusCode::kUnavailable}}) {
    const absl::Status status = SshFailure(row.exit_code, row.words);
    EXPECT_EQ(status.code(), row.code) << row.words;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\x1b")));
  }
}

}  // namespace
}  // namespace espalier
