#include "engine/load/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "tests/support/temp_dir.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

class DirectoryTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& bytes) {
    const std::string full = absl::StrCat(dir_.path(), "/", path);
    ASSERT_TRUE(io_->MakeDirs(full.substr(0, full.rfind('/')), 0755).ok());
    ASSERT_TRUE(io_->WriteFile(full, bytes, 0644).ok());
  }

  TempDir dir_;
  std::unique_ptr<Io> io_ = MakeRealIo();
  Problems problems_;
};

TEST_F(DirectoryTest, ReadsFilesWithPathsAsOneWouldTypeThem) {
  Write("b.yaml", "b");
  Write("a/c.yml", "c");
  Write("a/notes.txt", "n");
  Write(".git/config.yaml", "g");
  const auto files = ReadDirectory(*io_, dir_.path(), problems_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, ElementsAre(Field(&SourceFile::path, absl::StrCat(dir_.path(), "/a/c.yml")),
                                  Field(&SourceFile::path, absl::StrCat(dir_.path(), "/b.yaml"))));
  EXPECT_EQ((*files)[1].bytes, "b");
  EXPECT_TRUE(problems_.empty());
}

TEST_F(DirectoryTest, RefusesSymlinksWithoutFollowingThem) {
  Write("a.yaml", "a");
  ASSERT_EQ(symlink("/etc/passwd", absl::StrCat(dir_.path(), "/b.yaml").c_str()), 0);
  const auto files = ReadDirectory(*io_, dir_.path(), problems_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, ElementsAre(Field(&SourceFile::path, absl::StrCat(dir_.path(), "/a.yaml"))));
  ASSERT_EQ(problems_.list().size(), 1u);
  EXPECT_EQ(problems_.list()[0].file(), absl::StrCat(dir_.path(), "/b.yaml"));
  EXPECT_THAT(problems_.list()[0].message(), HasSubstr("symbolic link"));
}

TEST_F(DirectoryTest, ReadsOneFileUnderThePathThatWasTyped) {
  Write("a/fleet.yaml", "a");
  const auto files = ReadDirectory(*io_, absl::StrCat(dir_.path(), "/a/fleet.yaml"), problems_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files,
              ElementsAre(Field(&SourceFile::path, absl::StrCat(dir_.path(), "/a/fleet.yaml"))));
}

TEST_F(DirectoryTest, SaysWhichFileIsTooLarge) {
  Write("big.yaml", std::string(limits::kDocumentBytes + 1, '#'));
  const auto files = ReadDirectory(*io_, dir_.path(), problems_);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(files->empty());
  ASSERT_TRUE(problems_.HasErrors());
  EXPECT_EQ(problems_.list()[0].file(), absl::StrCat(dir_.path(), "/big.yaml"));
}

TEST_F(DirectoryTest, IsNotFoundWhereThereIsNothing) {
  EXPECT_EQ(ReadDirectory(*io_, absl::StrCat(dir_.path(), "/none"), problems_).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace espalier
