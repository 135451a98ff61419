// What is read of a source and of the pull requests into it, over real repositories. The fetch runs
// in this process.
#include "reconciler/source_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reconciler/testing/image_yaml.h"
#include "reconciler/testing/test_repository.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Files = std::map<std::string, std::string>;

class ProposalTest : public testing::Test {
 protected:
  ProposalTest() {
    spec_.set_repository(repository_.path());
    Restart();
  }
  // A new reader over the same directory, as after a restart.
  void Restart() {
    reader_ = std::make_unique<SourceReader>(
        library_, *io_,
        [this](const FetchRequest& request) {
          fetched_.push_back(request.ref);
          return FetchIntoMirror(library_, request);
        },
        dir_.path() + "/cache", "", Environment());
  }
  std::string Write(const Files& files, const std::vector<std::string>& parents) {
    TestCommit commit = {.parents = parents};
    for (const auto& [path, text] : files) commit.files[path] = {.bytes = text};
    return repository_.Write(commit);
  }
  // A pull request of one commit on top of `base`.
  std::string Propose(std::int64_t number, const Files& files, const std::string& base) {
    const std::string head = Write(files, {base});
    repository_.SetRef(absl::StrCat("refs/pull/", number, "/head"), head);
    return head;
  }
  ReadResult Read() { return reader_->Read({.spec = spec_}); }
  ProposalResult ReadProposal(std::int64_t number, const std::string& target) {
    return reader_->ReadProposal({.spec = spec_,
                                  .number = number,
                                  .head_ref = absl::StrCat("refs/pull/", number, "/head"),
                                  .target_commit = target});
  }
  bool Kept(std::int64_t number) {
    for (const char* generation : {"g1", "g2"}) {
      if (io_->Stat(absl::StrCat(dir_.path(), "/cache/mirror/", generation, "/refs/espalier/pull/",
                                 number))
              .ok()) {
        return true;
      }
    }
    return false;
  }

  GitLibrary library_;
  TempDir dir_;
  TestRepository repository_{library_, absl::StrCat(dir_.path(), "/r.git")};
  std::unique_ptr<Io> io_ = MakeRealIo();
  v1::GitSourceSpec spec_;
  std::vector<std::string> fetched_;
  std::unique_ptr<SourceReader> reader_;
};

TEST_F(ProposalTest, ReadsAProposalAsTheTargetWouldBe) {
  const Files before = {{"a.yaml", ImageYaml("a")}, {"b.yaml", ImageYaml("b")}};
  const std::string base = repository_.CommitText(before);
  const std::string head = Propose(
      7, {{"a.yaml", ImageYaml("a") + "---\n" + ImageYaml("c")}, {"b.yaml", ImageYaml("b")}}, base);
  const std::string target = repository_.CommitText(
      {{"a.yaml", "# What we build on.\n" + ImageYaml("a")}, {"d.yaml", ImageYaml("d")}});
  ASSERT_EQ(Read().commit, target);

  const ProposalResult proposal = ReadProposal(7, target);
  ASSERT_TRUE(proposal.fetched.ok()) << proposal.fetched;
  EXPECT_EQ(proposal.number, 7);
  EXPECT_EQ(proposal.head_commit, head);
  EXPECT_EQ(proposal.target_commit, target);
  EXPECT_EQ(proposal.merge_base, base);
  EXPECT_THAT(proposal.conflicts, IsEmpty());
  ASSERT_NE(proposal.merged, nullptr);
  EXPECT_TRUE(proposal.merged->valid());
  EXPECT_EQ(proposal.merged->commit, head);
  std::vector<std::string> names;
  for (const LoadedObject& declared : proposal.merged->declared) {
    names.push_back(absl::StrCat(declared->resource().metadata().name(), " ", declared->source()));
  }
  EXPECT_THAT(names, UnorderedElementsAre("a a.yaml:2", "c a.yaml:9", "d d.yaml:1"))
      << "what the target deleted is gone, what it added is there";
  ASSERT_THAT(proposal.files, SizeIs(1));
  const ProposedFile* file = proposal.FindFile("a.yaml");
  ASSERT_NE(file, nullptr);
  // The target's comment moved everything down by one line.
  EXPECT_EQ(file->HeadLine(9), 8);
  EXPECT_TRUE(file->change.lines.IsNew(8));
  EXPECT_EQ(file->HeadLine(1), 0);
  EXPECT_EQ(proposal.FindFile("d.yaml"), nullptr) << "the target's change is not the proposal's";
  EXPECT_EQ(Read().commit, target) << "the head in the mirror is still the tracked ref's";
}

TEST_F(ProposalTest, TellsConflictsWithoutASet) {
  const std::string base = repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  Propose(1, {{"a.yaml", ImageYaml("a", "2")}}, base);
  const std::string target = repository_.CommitText({{"a.yaml", ImageYaml("a", "3")}});
  Read();
  const ProposalResult proposal = ReadProposal(1, target);
  ASSERT_TRUE(proposal.fetched.ok()) << proposal.fetched;
  EXPECT_EQ(proposal.merged, nullptr);
  ASSERT_THAT(proposal.conflicts, SizeIs(1));
  EXPECT_EQ(proposal.conflicts[0].path, "a.yaml");
  EXPECT_EQ(proposal.conflicts[0].lines[0].ours.first, 6);
}

TEST_F(ProposalTest, LeavesProposalsAloneThatTouchNothingOfTheSource) {
  spec_.set_path("prod");
  const std::string base =
      repository_.CommitText({{"prod/a.yaml", ImageYaml("a")}, {"README.md", "1"}});
  Propose(1, {{"prod/a.yaml", ImageYaml("a")}, {"README.md", "2"}}, base);
  Read();
  const ProposalResult proposal = ReadProposal(1, base);
  ASSERT_TRUE(proposal.fetched.ok()) << proposal.fetched;
  EXPECT_THAT(proposal.files, IsEmpty());
  EXPECT_EQ(proposal.merged, nullptr);
}

TEST_F(ProposalTest, GivesTheProblemsOfAProposalWithTheirLines) {
  const std::string base = repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  Propose(1, {{"a.yaml", ImageYaml("a") + "  tagg: 1\n"}}, base);
  Read();
  const ProposalResult proposal = ReadProposal(1, base);
  ASSERT_NE(proposal.merged, nullptr);
  EXPECT_FALSE(proposal.merged->valid());
  ASSERT_THAT(proposal.merged->problems.list(), SizeIs(1));
  EXPECT_EQ(proposal.merged->problems.list()[0].line(), 7);
}

TEST_F(ProposalTest, ParsesOfAProposalOnlyWhatNobodyHasParsed) {
  Files files;
  for (int i = 0; i < 20; ++i) {
    files[absl::StrCat("i", i, ".yaml")] = ImageYaml(absl::StrCat("i", i));
  }
  const std::string base = repository_.CommitText(files);
  EXPECT_EQ(Read().head->parsed, 20u);
  files["i3.yaml"] = ImageYaml("i3", "2");
  Propose(1, files, base);
  EXPECT_EQ(ReadProposal(1, base).merged->parsed, 1u);
  EXPECT_EQ(ReadProposal(1, base).merged->parsed, 0u);
  Propose(2, files, base);
  EXPECT_EQ(ReadProposal(2, base).merged->parsed, 0u) << "the same file in another proposal";
  repository_.CommitText(files);
  EXPECT_EQ(Read().head->parsed, 0u) << "merged: all of it is known";
  reader_->DropProposal(1);
  reader_->DropProposal(2);
  EXPECT_EQ(ReadProposal(1, base).merged->parsed, 0u) << "what the head needs stays";
}

TEST_F(ProposalTest, ForgetsAProposalThatIsClosed) {
  const std::string base = repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  Propose(1, {{"a.yaml", ImageYaml("a", "2")}}, base);
  Read();
  ASSERT_TRUE(ReadProposal(1, base).fetched.ok());
  EXPECT_TRUE(Kept(1));
  reader_->DropProposal(1);
  EXPECT_FALSE(Kept(1));
  EXPECT_EQ(ReadProposal(1, base).merged->parsed, 1u);
}

TEST_F(ProposalTest, SaysWhatIsMissing) {
  const std::string base = repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  Read();
  EXPECT_EQ(ReadProposal(9, base).fetched.code(), absl::StatusCode::kNotFound) << "no such ref";
  Propose(1, {{"a.yaml", ImageYaml("a", "2")}}, base);
  EXPECT_EQ(ReadProposal(1, std::string(40, '1')).fetched.code(), absl::StatusCode::kNotFound)
      << "no such target";
  const std::string stranger = Write({{"a.yaml", ImageYaml("a", "2")}}, {});
  repository_.SetRef("refs/pull/2/head", stranger);
  EXPECT_EQ(ReadProposal(2, base).fetched.code(), absl::StatusCode::kFailedPrecondition)
      << "no history in common";
}

TEST_F(ProposalTest, FetchesTheTargetFirstWhereTheMirrorLacksIt) {
  const std::string base = repository_.CommitText({{"a.yaml", ImageYaml("a")}});
  Propose(1, {{"a.yaml", ImageYaml("a", "2")}}, base);
  EXPECT_TRUE(ReadProposal(1, base).fetched.ok()) << "nothing was mirrored before";
  EXPECT_THAT(fetched_, ElementsAre("refs/heads/main", "refs/pull/1/head"));
  fetched_.clear();
  Restart();
  EXPECT_TRUE(ReadProposal(1, base).fetched.ok());
  EXPECT_THAT(fetched_, ElementsAre("refs/pull/1/head"));
}

TEST_F(ProposalTest, AnswersQuestionsAboutTheHistoryWithoutAFetch) {
  const std::string first = repository_.CommitText({{"a.yaml", ImageYaml("a", "1")}});
  const std::string second = repository_.CommitText({{"a.yaml", ImageYaml("a", "2")}});
  const std::string squashed = Propose(1, {{"a.yaml", ImageYaml("a", "3")}}, first);
  Read();
  ASSERT_TRUE(ReadProposal(1, second).fetched.ok());
  fetched_.clear();
  const HistoryResult result =
      reader_->ReadHistory({.tips = {first, second}, .asked = {first, squashed, second}});
  EXPECT_THAT(result.contained, UnorderedElementsAre(first, second));
  EXPECT_THAT(result.brought, UnorderedElementsAre(Pair(first, first), Pair(second, second)));
  // Both at once; and of a history that was rewritten since.
  EXPECT_THAT(reader_->ReadHistory({.tips = {second}, .asked = {first}}).brought,
              UnorderedElementsAre(Pair(first, second)));
  const HistoryResult rewritten =
      reader_->ReadHistory({.tips = {second, squashed}, .asked = {first, second}});
  EXPECT_THAT(rewritten.contained, UnorderedElementsAre(first));
  EXPECT_THAT(rewritten.brought, UnorderedElementsAre(Pair(first, second), Pair(second, second)));
  EXPECT_THAT(reader_->ReadHistory({.tips = {std::string(40, '1')}, .asked = {first}}).brought,
              IsEmpty());
  EXPECT_THAT(fetched_, IsEmpty());
}

}  // namespace
}  // namespace espalier
