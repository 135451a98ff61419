// Who may bring commits in, over repositories with signatures of every kind that one may try.
#include "reconciler/git/signed_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/io.h"
#include "reconciler/git/libgit.h"
#include "reconciler/git/signed_commit.h"
#include "reconciler/testing/test_repository.h"
#include "reconciler/testing/test_signer.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Files = std::map<std::string, TestFile>;

// 2023-11-14.
constexpr std::int64_t kNow = 1700000000;
constexpr std::int64_t kDay = 86400;

class SignedRangeTest : public testing::Test {
 protected:
  SignedRangeTest() {
    signers_["ana"].add_public_keys(ana_.PublicKey());
    signers_["ben"].add_public_keys(ben_.PublicKey());
  }

  std::string Commit(const TestSigner* signer, const Files& files,
                     const std::vector<std::string>& parents, std::int64_t time = kNow) {
    const std::string bytes =
        repository_.CommitBytes({.files = files, .parents = parents, .time = time});
    return repository_.WriteObject(
        signer == nullptr ? bytes : TestRepository::WithSignature(bytes, signer->Sign(bytes)));
  }
  absl::StatusOr<SignedRange> Check(const std::string& tip,
                                    const std::vector<std::string>& trusted) {
    return CheckSignatures(**OpenRepository::Open(library_, repository_.path()), tip, trusted,
                           signers_);
  }
  void ExpectRefused(const std::string& tip, const std::vector<std::string>& trusted,
                     const std::string& commit, const std::string& why) {
    const absl::Status status = Check(tip, trusted).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(commit.substr(0, 12)));
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  const TestSigner ana_{'a'};
  const TestSigner ben_{'b'};
  const TestSigner eve_{'e'};
  Signers signers_;
  const std::string root_ = Commit(nullptr, {{"a.yaml", {"0"}}}, {});
};

TEST_F(SignedRangeTest, BelievesARangeThatSignersSigned) {
  const std::string one = Commit(&ana_, {{"a.yaml", {"1"}}}, {root_});
  const std::string two = Commit(&ben_, {{"a.yaml", {"2"}}}, {one});
  const absl::StatusOr<SignedRange> range = Check(two, {root_});
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->commits, 2u);
  EXPECT_THAT(range->signers, ElementsAre("ana", "ben"));
  EXPECT_THAT(Check(two, {two})->signers, IsEmpty()) << "nothing is new";
}

TEST_F(SignedRangeTest, ChecksTheWholeHistoryWhereNothingIsTrusted) {
  const std::string one = Commit(&ana_, {{"a.yaml", {"1"}}}, {root_});
  ExpectRefused(one, {""}, root_, "it is not signed");
  EXPECT_TRUE(Check(one, {"", root_}).ok());
}

TEST_F(SignedRangeTest, NamesTheFirstCommitThatFails) {
  const std::string unsigned_one = Commit(nullptr, {{"a.yaml", {"1"}}}, {root_});
  const std::string tip = Commit(&ana_, {{"a.yaml", {"2"}}}, {unsigned_one});
  ExpectRefused(tip, {root_}, unsigned_one, "it is not signed");
  const std::string foreign = Commit(&eve_, {{"a.yaml", {"1"}}}, {root_});
  ExpectRefused(Commit(&ana_, {{"a.yaml", {"2"}}}, {foreign}), {root_}, foreign,
                "belongs to no signer");
}

TEST_F(SignedRangeTest, LooksAtWhatAMergeBringsIn) {
  const std::string side = Commit(nullptr, {{"b.yaml", {"1"}}}, {root_});
  const std::string merge = Commit(&ana_, {{"a.yaml", {"0"}}, {"b.yaml", {"1"}}}, {root_, side});
  ExpectRefused(merge, {root_}, side, "it is not signed");
}

TEST_F(SignedRangeTest, RefusesSignaturesOfSomethingElse) {
  const std::string bytes =
      repository_.CommitBytes({.files = {{"a.yaml", {"1"}}}, .parents = {root_}});
  const std::string other =
      repository_.CommitBytes({.files = {{"a.yaml", {"2"}}}, .parents = {root_}});
  const std::string moved =
      repository_.WriteObject(TestRepository::WithSignature(bytes, ana_.Sign(other)));
  ExpectRefused(moved, {root_}, moved, "not one of this commit");
  const std::string purpose = repository_.WriteObject(
      TestRepository::WithSignature(bytes, ana_.Sign(bytes, {.purpose = "file"})));
  ExpectRefused(purpose, {root_}, purpose, "not made for git");
  const std::string pgp = repository_.WriteObject(TestRepository::WithSignature(
      bytes, "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----"));
  ExpectRefused(pgp, {root_}, pgp, "not an SSH signature");
  const std::string cut = repository_.WriteObject(
      TestRepository::WithSignature(bytes, ana_.Sign(bytes).substr(0, 200)));
  ExpectRefused(cut, {root_}, cut, "not an SSH signature");
  const std::string twice = repository_.WriteObject(TestRepository::WithSignature(
      TestRepository::WithSignature(bytes, ana_.Sign(bytes)), eve_.Sign(bytes)));
  ExpectRefused(twice, {root_}, twice, "two signatures");
  const std::string in_message = repository_.WriteObject(
      absl::StrCat(bytes, TestRepository::SignatureHeader(ana_.Sign(bytes))));
  ExpectRefused(in_message, {root_}, in_message, "it is not signed");
}

TEST_F(SignedRangeTest, CountsKeysOnlyOnTheirDays) {
  signers_["ana"].set_valid_from("2023-11-14");
  signers_["ana"].set_valid_until("2023-11-15");
  const std::int64_t midnight = kNow / kDay * kDay;
  EXPECT_TRUE(Check(Commit(&ana_, {}, {root_}, midnight), {root_}).ok());
  EXPECT_TRUE(Check(Commit(&ana_, {}, {root_}, midnight + 2 * kDay - 1), {root_}).ok());
  const std::string early = Commit(&ana_, {}, {root_}, midnight - 1);
  ExpectRefused(early, {root_}, early, "does not count on 2023-11-13");
  const std::string late = Commit(&ana_, {}, {root_}, midnight + 2 * kDay);
  ExpectRefused(late, {root_}, late, "does not count on 2023-11-16");
  // The same key under another name, for another time.
  signers_["ana-2024"].add_public_keys(ana_.PublicKey());
  signers_["ana-2024"].set_valid_from("2023-11-16");
  EXPECT_TRUE(Check(late, {root_}).ok());
}

TEST_F(SignedRangeTest, KeepsSignersToTheirPaths) {
  signers_["ben"].add_paths("test/");
  signers_["ben"].add_paths("docs/ben.yaml");
  const Files before = {{"prod/a.yaml", {"1"}}, {"test/a.yaml", {"1"}}};
  const std::string base = Commit(&ana_, before, {root_});
  const auto change = [&](const Files& files) { return Commit(&ben_, files, {base}); };
  EXPECT_TRUE(Check(change({{"prod/a.yaml", {"1"}}, {"test/x/b.yaml", {"2"}}}), {base}).ok());
  EXPECT_TRUE(
      Check(change({{"prod/a.yaml", {"1"}}, {"test/a.yaml", {"1"}}, {"docs/ben.yaml", {"b"}}}),
            {base})
          .ok());
  const Files refused[] = {
      {{"prod/a.yaml", {"2"}}, {"test/a.yaml", {"1"}}},
      {{"test/a.yaml", {"1"}}},                          // deletes prod/a.yaml
      {{"test/a.yaml", {"1"}}, {"test/b.yaml", {"1"}}},  // moves it
      {{"prod/a.yaml", {"1"}}, {"testing/a.yaml", {"1"}}},
      {{"prod/a.yaml", {"1"}}, {"test", {"a file"}}, {"docs/ben.yaml.old", {"1"}}},
      {{"prod/a.yaml", {"1", TestFile::Mode::kSymlink}}, {"test/a.yaml", {"1"}}},
  };
  for (const Files& files : refused) {
    const std::string commit = change(files);
    ExpectRefused(commit, {base}, commit, "its signer may not (ben)");
  }
  const std::string first = Commit(&ben_, {{"prod/a.yaml", {"1"}}}, {});
  ExpectRefused(first, {}, first, "prod/a.yaml");
}

TEST_F(SignedRangeTest, AMergeChangesWhatAnyOfItsParentsHadOtherwise) {
  signers_["ben"].add_paths("test");
  const Files before = {{"prod/a.yaml", {"1"}}};
  const Files test_one = {{"prod/a.yaml", {"1"}}, {"test/b.yaml", {"1"}}};
  const Files test_two = {{"prod/a.yaml", {"1"}}, {"test/c.yaml", {"1"}}};
  const Files both = {{"prod/a.yaml", {"1"}}, {"test/b.yaml", {"1"}}, {"test/c.yaml", {"1"}}};
  const std::string base = Commit(&ana_, before, {root_});
  const std::string one = Commit(&ben_, test_one, {base});
  const std::string two = Commit(&ben_, test_two, {base});
  EXPECT_TRUE(Check(Commit(&ben_, both, {one, two}), {base}).ok());

  const std::string by_ana = Commit(&ana_, {{"prod/a.yaml", {"2"}}}, {base});
  const Files merged = {{"prod/a.yaml", {"2"}}, {"test/b.yaml", {"1"}}};
  EXPECT_TRUE(Check(Commit(&ana_, merged, {by_ana, one}), {base}).ok());
  // Ben can neither bring in what Ana did, nor take it back by choosing the old file: not even
  // where nothing but his own folder differs from the parent that he names first.
  for (const Files& files : {merged, test_one}) {
    for (const std::vector<std::string>& parents :
         {std::vector<std::string>{by_ana, one}, std::vector<std::string>{one, by_ana}}) {
      const std::string merge = Commit(&ben_, files, parents);
      ExpectRefused(merge, {base}, merge, "prod/a.yaml");
    }
  }
  const std::string octopus = Commit(&ben_, before, std::vector<std::string>(9, base));
  ExpectRefused(octopus, {base}, octopus, "merges more than");
}

TEST_F(SignedRangeTest, ChecksNothingWithAKeyThatIsNone) {
  signers_["zoe"].add_public_keys("ssh-ed25519 AAAA");
  const absl::Status status = Check(root_, {root_}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("signers[zoe]"));
}

// A commit that git itself signed.
TEST_F(SignedRangeTest, BelievesWhatGitSigns) {
  const std::unique_ptr<Io> io = MakeRealIo();
  const std::string key = absl::StrCat(dir_.path(), "/key");
  const auto run = [&](const std::vector<std::string>& argv) {
    const absl::StatusOr<ProcessResult> result =
        io->Run({.argv = argv, .env = {{"HOME", dir_.path()}, {"GIT_CONFIG_NOSYSTEM", "1"}}});
    return result.ok() ? result->exit_code : 127;
  };
  const int made = run({"ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", key});
  const int work = run({"git", "init", "-q", absl::StrCat(dir_.path(), "/work")});
  if (made == 127 || work == 127) GTEST_SKIP() << "no git or no ssh-keygen here";
  const std::string work_dir = absl::StrCat(dir_.path(), "/work");
  const auto commit = [&](const std::string& message, bool sign) {
    std::vector<std::string> argv = {"git",
                                     "-C",
                                     work_dir,
                                     "-c",
                                     "user.name=Ana",
                                     "-c",
                                     "user.email=ana@fleet.example",
                                     "-c",
                                     "gpg.format=ssh",
                                     "-c",
                                     absl::StrCat("user.signingkey=", key),
                                     "commit",
                                     "-q",
                                     "--allow-empty",
                                     "-m",
                                     message};
    if (sign) argv.push_back("-S");
    return run(argv);
  };
  ASSERT_EQ(commit("signed", true), 0);
  ASSERT_EQ(commit("signed as well\n\ngpgsig in the text", true), 0);
  const auto check = [&] {
    const auto repository = *OpenRepository::Open(library_, absl::StrCat(work_dir, "/.git"));
    git_oid tip;
    EXPECT_EQ(git_reference_name_to_id(&tip, repository->handles().repository.get(), "HEAD"), 0);
    return CheckSignatures(*repository, GitIdText(tip), {}, signers_);
  };
  EXPECT_EQ(check().status().code(), absl::StatusCode::kPermissionDenied);
  signers_["git"].add_public_keys(*io->ReadFile(absl::StrCat(key, ".pub"), 1 << 16));
  EXPECT_TRUE(check().ok()) << check().status();
  ASSERT_EQ(commit("not signed", false), 0);
  EXPECT_EQ(check().status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace espalier
